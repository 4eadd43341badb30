//! `x-amazon-apigateway-gateway-responses`.

use std::collections::BTreeMap;

use super::mapping::request_source;
use super::reader::{Keys, Reader};
use crate::apigateway::model::{
    GatewayResponse, GatewayResponses, GatewayTemplate, GatewayTemplatePart, Kind, RequestSource,
};
use crate::diagnostic::Diagnostic;
use crate::document::{Entry, Node};

const RESPONSE: Keys<'_> = Keys {
    read: &["statusCode", "responseParameters", "responseTemplates"],
    silent: &[],
    unsupported: &[],
    inert: &[],
};

impl<'a> Reader<'a> {
    pub fn gateway_responses(&mut self, root: &'a Node) -> GatewayResponses {
        let node = self.get(root, "x-amazon-apigateway-gateway-responses");
        let mut written = BTreeMap::new();
        for entry in self.entries(node, "gateway responses") {
            let kind = self.kind(entry);
            let response = self.gateway_response(entry);
            if let (Some(kind), Some(response)) = (kind, response) {
                written.insert(kind, response);
            }
        }
        GatewayResponses::new(written)
    }

    fn kind(&mut self, entry: &Entry) -> Option<Kind> {
        let kind = Kind::named(&entry.key);
        if kind.is_none() {
            let problem =
                Diagnostic::error(format!("`{}` is no gateway response", entry.key)).at(&entry.key_place);
            let meant = self.meant(&entry.key, Kind::ALL.iter().map(|kind| kind.name()));
            self.problems.push(match meant {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem.help("such as `DEFAULT_4XX` or `INTEGRATION_TIMEOUT`"),
            });
        }
        if kind == Some(Kind::RequestTooLarge) {
            self.warning(
                &entry.key_place,
                "`REQUEST_TOO_LARGE` is answered in the same way whatever is written",
            );
        }
        kind
    }

    fn gateway_response(&mut self, entry: &'a Entry) -> Option<GatewayResponse> {
        let place = Some(entry.key_place.clone());
        let node = self.map(&entry.node, "a gateway response", &RESPONSE)?;
        let status = self.get(node, "statusCode").and_then(|status| self.status(status));
        let mut headers = Vec::new();
        let parameters = self.get(node, "responseParameters");
        for entry in self.entries(parameters, "headers of a gateway response") {
            let name = self.header(entry, "gatewayresponse.header.");
            let source = self.source(&entry.node, request_source);
            headers.extend(name.zip(source));
        }
        let mut templates = Vec::new();
        let written = self.get(node, "responseTemplates");
        for entry in self.entries(written, "templates by media type") {
            let text = entry.node.text("a template (text)", self.problems).unwrap_or_default();
            templates.push((entry.key.to_ascii_lowercase(), template(text)));
        }
        Some(GatewayResponse { status, headers, templates, place })
    }
}

/// A body with references in it; what is none is text.
pub fn template(text: &str) -> GatewayTemplate {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        match reference(after) {
            Some((source, after)) => {
                if !plain.is_empty() {
                    parts.push(GatewayTemplatePart::Text(std::mem::take(&mut plain)));
                }
                parts.push(GatewayTemplatePart::Value(source));
                rest = after;
            }
            None => {
                plain.push('$');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(GatewayTemplatePart::Text(plain));
    }
    GatewayTemplate { written: text.to_owned(), parts }
}

/// The reference that a text begins with, its `$` gone, and what follows.
fn reference(text: &str) -> Option<(RequestSource, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        // No name has one of these in it, and to look on for the end would take long where there are many.
        let end = braced.find(['}', '$'])?;
        return Some((value(braced.get(..end)?)?, braced.get(end..)?.strip_prefix('}')?));
    }
    let text = text.strip_prefix('!').unwrap_or(text);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    // A header's name may have a hyphen; for other names it is the end.
    let hyphen = text.starts_with("method.request.");
    let end = text.find(|c: char| !(is_part(c) || hyphen && c == '-')).unwrap_or(text.len());
    let name = text.get(..end)?.trim_end_matches(['.', '-']);
    Some((value(name)?, text.get(name.len()..)?))
}

fn value(name: &str) -> Option<RequestSource> {
    let known =
        ["context.", "stageVariables.", "method.request."].iter().any(|prefix| name.starts_with(prefix));
    known.then(|| request_source(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_in_a_body() {
        let check = |text: &str, expected: &str| {
            let shown = |part: &GatewayTemplatePart| match part {
                GatewayTemplatePart::Text(text) => format!("{text:?}"),
                GatewayTemplatePart::Value(source) => format!("{source:?}"),
            };
            let parts: Vec<String> = template(text).parts.iter().map(shown).collect();
            assert_eq!(parts.join(" "), expected, "{text}");
        };
        check("{\"m\":$context.error.messageString}", r#""{\"m\":" Context(["error", "messageString"]) "}""#);
        check("$context.requestId.", r#"Context(["requestId"]) ".""#);
        check("${stageVariables.a}-$stageVariables.b-", r#"StageVariable("a") "-" StageVariable("b") "-""#);
        check("$method.request.header.X-A b", r#"Header("X-A") " b""#);
        check("costs 5$ or $input.body", r#""costs 5$ or $input.body""#);
    }
}
