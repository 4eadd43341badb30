//! The way back: which integration response an answer meets, and what it makes of it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use super::super::model::{Backend, IntegrationResponse, IntegrationResponses, Method, PayloadFormat};
use super::content::{self, Payload};
use super::contract;
use super::fault::Fault;
use super::headers::Headers;
use super::lambda::{self, End, Invoked};
use super::remap::remapped;
use super::render::{Keeps, for_answer};
use super::request::Answer;
use super::values::Reply;
use super::{BodyBy, Chosen, Considered, Execution, Kind};
use crate::vtl::gateway::ResponseOverrides;
use crate::vtl::{Limits, Meter};

/// The backend's answer as mappings and templates see it.
struct Answered {
    answer: Answer,
    /// The message of a function's error, which mappings see as the JSON it may be.
    is_error: bool,
}

impl Execution<'_> {
    /// What the client gets of a backend's answer.
    pub(super) fn respond(&mut self, method: &Method, answer: Answer) -> Result<Answer, Fault> {
        match &method.integration.backend {
            Backend::HttpProxy(_) => Ok(answer),
            Backend::LambdaProxy(_, format) => self.unwrapped(lambda::read(answer), *format),
            Backend::Lambda(_) => self.function_answered(method, answer),
            Backend::Http(_) | Backend::Service(_) => {
                let selector = answer.status.as_str().to_owned();
                self.selected(method, selector, Answered { answer, is_error: false })
            }
            Backend::Mock => Err(Fault::internal(Kind::Default5xx, "a mock integration has no backend")),
        }
    }

    /// What the client gets of a mock's status.
    pub(super) fn respond_to_mock(&mut self, method: &Method, status: i64) -> Result<Answer, Fault> {
        let answer = Answer { status: StatusCode::OK, headers: Headers::new(), body: Bytes::new() };
        self.selected(method, status.to_string(), Answered { answer, is_error: false })
    }

    /// A function's result is selected as the empty text, its error by the message.
    fn function_answered(&mut self, method: &Method, answer: Answer) -> Result<Answer, Fault> {
        let Invoked { mut answer, end } = lambda::read(answer);
        // Emulators send what Go takes it for.
        answer.headers.set("Content-Type", "application/json");
        let (selector, is_error) = match end {
            End::Success => (String::new(), false),
            End::Error(message) => (message, true),
            // A payload that is no JSON: the service says so, and no function has failed.
            End::Refused(StatusCode::BAD_REQUEST) if !answer.body.is_empty() => (String::new(), false),
            End::Refused(status) => return Err(refused(status)),
        };
        self.selected(method, selector, Answered { answer, is_error })
    }

    /// What the integration response that a text selects makes of an answer.
    fn selected(&mut self, method: &Method, subject: String, answered: Answered) -> Result<Answer, Fault> {
        let responses = &method.integration.responses;
        self.note(|trace| trace.selection = Some(Considered::new(responses, &subject)));
        let (pattern, response) = select(responses, &subject, answered.answer.status)?;
        let mapped = match method.response(response.status) {
            Some(_) => self.map(response, answered),
            None => Err(Fault::configuration(format!(
                "Output mapping refers to an invalid method response: {}",
                response.status.as_u16()
            ))),
        };
        self.chosen = Some(Chosen { subject, pattern: pattern.cloned(), status: response.status });
        mapped
    }

    /// A fresh set of headers, the body by template, then what templates override.
    fn map(&mut self, response: &IntegrationResponse, answered: Answered) -> Result<Answer, Fault> {
        let mut headers = self.mapped_headers(response, &answered)?;
        let answer = answered.answer;
        let binary = &self.api.binary_media_types;
        let body = content::of_answer(
            answer.body,
            content::has_binary_body(&answer.headers, binary),
            content::wants_binary(&self.received.headers, binary),
            response.content_handling,
        );
        let body = body.map_err(|_| Fault::configuration("Unable to base64 decode the body."))?;
        let body = match for_answer(&response.templates, &self.received.headers) {
            None => {
                self.note(|trace| trace.answer_body = Some(BodyBy::Passing));
                body
            }
            Some(template) => {
                let by = || BodyBy::Template(template.source.name.clone());
                self.note(|trace| trace.answer_body = Some(by()));
                // Only a status in quotes is told from one without by what was put there.
                let keeps = if self.settings.strict { Keeps::Left } else { Keeps::Nothing };
                let rendered = self.render(template, &body, keeps);
                let rendered = rendered.map_err(|cause| {
                    Fault::configuration(format!("Unable to transform response: {cause}"))
                })?;
                self.leave(rendered.left, rendered.overrides.response);
                Payload::from(rendered.text)
            }
        };
        let overrides = std::mem::take(&mut self.overrides);
        self.note(|trace| trace.overrides(&overrides));
        // One that only announces another cannot end an exchange.
        let status = overrides.status.filter(|status| *status >= 200);
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.unwrap_or(response.status);
        override_headers(&mut headers, overrides);
        Ok(Answer { status, headers, body: body.into_bytes() })
    }

    fn mapped_headers(
        &mut self,
        response: &IntegrationResponse,
        answered: &Answered,
    ) -> Result<Headers, Fault> {
        let mut headers = Headers::new();
        if response.parameters.is_empty() {
            return Ok(headers);
        }
        let text = String::from_utf8_lossy(&answered.answer.body);
        let body = if answered.is_error { with_parsed_message(&text) } else { text };
        let reply = Reply { headers: &answered.answer.headers, body: &body };
        for parameter in &response.parameters {
            match self.answered(&parameter.source, &reply)? {
                Some(value) => headers.append(parameter.header.clone(), value),
                None => {
                    let name = format!("method.response.header.{}", parameter.header);
                    self.note(|trace| trace.without_value.push(name));
                }
            }
        }
        Ok(headers)
    }

    /// `aws_proxy`: the answer that the function wrote.
    fn unwrapped(&self, invoked: Invoked, format: PayloadFormat) -> Result<Answer, Fault> {
        match invoked.end {
            End::Success => {}
            End::Error(message) => {
                let cause = "Lambda execution failed with status 200 due to customer function error";
                return Err(broken(format!("{cause}: {message}"), format));
            }
            End::Refused(status) => return Err(refused(status)),
        }
        let written = contract::read(&invoked.answer.body, format, self.settings.strict);
        let written =
            written.map_err(|breach| broken(format!("Malformed Lambda proxy response: {breach}"), format))?;
        let decodes = match format {
            PayloadFormat::Two => true,
            PayloadFormat::Rest | PayloadFormat::One => {
                content::wants_binary(&self.received.headers, &self.api.binary_media_types)
            }
        };
        let body = match written.is_base64 && decodes {
            true => content::decode(written.body.as_bytes())
                .map_err(|_| Fault::configuration("Unable to base64 decode the body."))?,
            false => Bytes::from(written.body),
        };
        Ok(Answer { status: written.status, headers: written.headers, body })
    }

    /// What every answer of an integration has at its end: JSON unless told otherwise, headers that are not the
    /// backend's out of the way, the ids of the exchange.
    pub(super) fn finished(&self, answer: Answer, backend: &Backend) -> Answer {
        let mut headers = remapped(answer.headers, backend);
        let is_proxied = matches!(backend, Backend::HttpProxy(_));
        if !headers.contains("content-type") {
            headers.append("Content-Type", "application/json");
        }
        if !is_proxied
            && !matches!(backend, Backend::Mock)
            && let Some(id) = self.received.headers.get("x-amzn-trace-id")
            && !headers.contains("x-amzn-trace-id")
        {
            headers.append("X-Amzn-Trace-Id", id.to_owned());
        }
        self.sign(&mut headers);
        Answer { headers, ..answer }
    }
}

/// The integration response for a text: the first whose pattern matches the whole of it, else the default.
fn select<'r>(
    responses: &'r IntegrationResponses,
    text: &str,
    status: StatusCode,
) -> Result<(Option<&'r Arc<str>>, &'r IntegrationResponse), Fault> {
    for (selection, response) in &responses.selected {
        let matches = selection.pattern.is_full_match(text, &mut Meter::new(Limits::default()));
        let matches = matches
            .map_err(|fault| Fault::configuration(format!("the pattern `{}`: {fault}", selection.text)))?;
        if matches {
            return Ok((Some(&selection.text), response));
        }
    }
    responses.default.as_ref().map(|response| (None, response)).ok_or_else(|| {
        Fault::configuration(format!(
            "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: {}",
            status.as_u16()
        ))
    })
}

/// An override takes the place of what was mapped to its name; names are told apart by their casing, except that an
/// answer has one `Content-Type`.
fn override_headers(headers: &mut Headers, overrides: ResponseOverrides) {
    for (name, values) in overrides.headers {
        match name.eq_ignore_ascii_case("content-type") {
            true => headers.remove(&name),
            false => headers.remove_exact(&name),
        }
        values.into_iter().for_each(|value| headers.append(name.clone(), value));
    }
}

/// The error with its message as the JSON that it may be.
fn with_parsed_message(error: &str) -> Cow<'_, str> {
    let parsed = || {
        let mut error: serde_json::Map<String, serde_json::Value> = serde_json::from_str(error).ok()?;
        let message = error.get_mut("errorMessage")?;
        let inner: serde_json::Value = serde_json::from_str(message.as_str()?).ok()?;
        *message = inner;
        serde_json::to_string(&error).ok()
    };
    parsed().map_or(Cow::Borrowed(error), Cow::Owned)
}

/// 502; HTTP APIs say 500 to the same.
fn broken(cause: String, format: PayloadFormat) -> Fault {
    let fault = Fault::malformed(cause);
    match format {
        PayloadFormat::Rest => fault,
        PayloadFormat::One | PayloadFormat::Two => {
            Fault { status: StatusCode::INTERNAL_SERVER_ERROR, ..fault }
        }
    }
}

/// The function was not called: throttled, forbidden, broken.
fn refused(status: StatusCode) -> Fault {
    Fault::internal(
        Kind::IntegrationFailure,
        format!("Lambda has refused the invocation with {}", status.as_u16()),
    )
}
