//! The answer that API Gateway gives by itself: the built-in one, or what the definition makes of it.

use bytes::Bytes;
use serde_json::Value;

use super::super::model::{GatewayTemplate, GatewayTemplatePart, RequestSource};
use super::context::{self, text_at};
use super::fault::Fault;
use super::headers::{Headers, media_type};
use super::request::Answer;
use super::{Execution, Finished};

impl Execution<'_> {
    /// The answer for a fault.
    pub(super) fn refused(&mut self, fault: Fault) -> Finished {
        self.tell("error", context::error(&fault));
        let written = self.api.gateway_responses.of(fault.kind);
        let mut headers = Headers::new();
        for (name, source) in written.iter().flat_map(|written| &written.headers) {
            if let Some(value) = self.value_for(source) {
                headers.set(name.clone(), value);
            }
        }
        let template = written.and_then(|written| self.chosen(&written.templates));
        let body = template.map_or_else(|| fault.body(), |template| self.filled_in(template));
        if !headers.contains("content-type") {
            headers.append("Content-Type", "application/json");
        }
        headers.append("x-amzn-ErrorType", fault.error_type());
        self.sign(&mut headers);
        let status = written.and_then(|written| written.status).unwrap_or(fault.status);
        let answer = Answer { status, headers, body: Bytes::from(body) };
        Finished {
            answer,
            fault: Some(fault),
            chosen: self.chosen.take(),
            trace: self.trace.take(),
            misfits: Vec::new(),
        }
    }

    /// By `Accept`, else the one for JSON, else the first.
    fn chosen<'t>(&self, templates: &'t [(String, GatewayTemplate)]) -> Option<&'t GatewayTemplate> {
        let exact = |wanted: &str| templates.iter().find(|(known, _)| known == wanted);
        let accepted = self.received.headers.all("accept").flat_map(|value| value.split(',')).map(media_type);
        let mut accepted = accepted.filter(|media_type| !media_type.is_empty());
        let found =
            accepted.find_map(|it| exact(&it)).or_else(|| exact("application/json")).or(templates.first());
        found.map(|(_, template)| template)
    }

    fn filled_in(&self, template: &GatewayTemplate) -> String {
        let mut body = String::new();
        for part in &template.parts {
            match part {
                GatewayTemplatePart::Text(text) => body.push_str(text),
                GatewayTemplatePart::Value(source) => body.push_str(&self.text_for(source)),
            }
        }
        body
    }

    fn text_for(&self, source: &RequestSource) -> String {
        let value = self.value_for(source);
        let RequestSource::Context(names) = source else { return value.unwrap_or_default() };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match (names.as_slice(), value) {
            // It is full of quotes, and authors put it between quotes.
            (["error", "validationErrorString"], Some(value)) => escaped(&value),
            // There is always a string to put where one is expected.
            (["error", "messageString"], None) => "null".to_owned(),
            (_, value) => value.unwrap_or_default(),
        }
    }

    /// What cannot be told is left out: there is no answer behind this one.
    fn value_for(&self, source: &RequestSource) -> Option<String> {
        match source {
            RequestSource::Context(names) => text_at(self.context(), names),
            source => {
                self.requested(source).ok().filter(|values| !values.is_empty()).map(|values| values.join(","))
            }
        }
    }
}

/// A text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted).to_owned()
}
