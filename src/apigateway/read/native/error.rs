//! `errors`: what is answered where no backend and no mapping can, by the kind of the failure.

use std::collections::BTreeMap;

use super::super::gateway_response::template;
use super::super::reader::Reader;
use super::source::request_source;
use crate::apigateway::model::{GatewayResponse, GatewayResponses, Kind};
use crate::diagnostic::Diagnostic;
use crate::document::{Entry, Node};

const ERROR: [&str; 3] = ["status", "headers", "templates"];

impl<'a> Reader<'a> {
    /// Those written.
    pub fn errors(&mut self, node: Option<&'a Node>) -> GatewayResponses {
        let mut written = BTreeMap::new();
        for entry in self.entries(node, "`errors`") {
            let kind = self.kind_of_error(entry);
            let response = self.native_error(entry);
            written.extend(kind.zip(response));
        }
        GatewayResponses::new(written)
    }

    fn kind_of_error(&mut self, entry: &Entry) -> Option<Kind> {
        let kind = Kind::ALL.iter().copied().find(|kind| kind.key() == entry.key);
        if kind.is_none() {
            let problem = Diagnostic::error(format!("`{}` is no kind of error", entry.key));
            let known: Vec<String> = Kind::ALL.iter().map(|kind| kind.key()).collect();
            let meant = self.meant(&entry.key, known.iter().map(String::as_str));
            let help = match meant {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("one of: {}", known.join(", ")),
            };
            self.problems.push(problem.at(&entry.key_place).help(help));
        }
        kind
    }

    fn native_error(&mut self, entry: &'a Entry) -> Option<GatewayResponse> {
        let fields = entry.node.fields("an error", &ERROR, self.problems)?;
        let status = fields.get("status").and_then(|node| self.status(node));
        let mut headers = Vec::new();
        for entry in self.entries(fields.get("headers"), "headers") {
            let source = self.native_source(&entry.node, request_source);
            headers.extend(self.header(entry, "").zip(source));
        }
        let mut templates = Vec::new();
        for entry in self.entries(fields.get("templates"), "templates by media type") {
            let text = entry.node.text("a template (text)", self.problems).unwrap_or_default();
            templates.push((entry.key.to_ascii_lowercase(), template(text)));
        }
        Some(GatewayResponse { status, headers, templates, place: Some(entry.key_place.clone()) })
    }
}
