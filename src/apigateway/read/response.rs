//! Method responses: what an operation declares to answer. And statuses, wherever they are written.

use http::StatusCode;

use super::operation::Defaults;
use super::reader::{Keys, Reader};
use super::schema::Use;
use crate::apigateway::model::MethodResponse;
use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Entry, Node};

const RESPONSE: Keys<'_> = Keys {
    read: &["headers", "schema", "content", "$ref"],
    silent: &["description", "examples", "links"],
    unsupported: &[],
    inert: &[],
};

impl<'a> Reader<'a> {
    pub fn method_responses(&mut self, operation: &'a Node, defaults: &Defaults<'a>) -> Vec<MethodResponse> {
        let produces = self.get(operation, "produces").or(defaults.produces);
        let responses = self.get(operation, "responses");
        let entries = self.entries(responses, "responses").iter();
        entries.filter_map(|entry| self.method_response(entry, produces)).collect()
    }

    fn method_response(&mut self, entry: &'a Entry, produces: Option<&'a Node>) -> Option<MethodResponse> {
        if entry.key.starts_with("x-") {
            return None;
        }
        let Some(status) = status(&entry.key) else {
            let message = format!("response `{}` is left out, as on API Gateway", entry.key);
            let problem = Diagnostic::warning(message).at(&entry.key_place);
            self.problems.push(problem.help("a method response has a status: `200`"));
            return None;
        };
        let mut response = MethodResponse { status, headers: Vec::new(), models: Vec::new() };
        if entry.node.value == crate::document::Value::Null {
            return Some(response);
        }
        let node = self.map(&entry.node, "a response", &RESPONSE)?;
        let headers = self.get(node, "headers");
        response.headers = self.entries(headers, "headers").iter().map(|header| header.key.clone()).collect();
        let content = self.get(node, "content");
        response.models = self.content(content, &format!("{status} response"), Use::Told);
        if let Some(schema) = self.get(node, "schema")
            && let Some(model) = self.model(schema, &format!("{status} response"), Use::Told)
        {
            let types = self.media_types(produces);
            response.models.extend(types.into_iter().map(|media_type| (media_type, model.clone())));
        }
        Some(response)
    }

    /// `statusCode`, a number or text.
    pub fn status(&mut self, node: &Node) -> Option<StatusCode> {
        let text = node.text("a status", self.problems)?;
        let status = status(text);
        if status.is_none() {
            self.error(&node.place, format!("`{text}` is not a status between 100 and 599"));
        }
        status
    }

    /// Tells of an answer that has a status or a header which its method does not declare.
    pub fn declared(
        &mut self,
        responses: &[MethodResponse],
        status: StatusCode,
        headers: &[(&str, &Place)],
        place: &Place,
    ) {
        let Some(response) = responses.iter().find(|response| response.status == status) else {
            let message = format!("the method declares no response {}", status.as_str());
            let problem = Diagnostic::warning(message).at(place);
            return self
                .problems
                .push(problem.help("as on API Gateway, the client gets 500 when it is chosen"));
        };
        let is_declared = |name: &str| response.headers.iter().any(|known| known.eq_ignore_ascii_case(name));
        let missing: Vec<_> = headers.iter().filter(|(name, _)| !is_declared(name)).collect();
        let Some((_, place)) = missing.first() else { return };
        let names: Vec<String> = missing.iter().map(|(name, _)| format!("`{name}`")).collect();
        let message =
            format!("response {} of the method declares no header {}", status.as_str(), names.join(", "));
        let problem = Diagnostic::warning(message).at(place);
        self.problems.push(problem.help("API Gateway would refuse the mapping; here it is carried out"));
    }
}

fn status(text: &str) -> Option<StatusCode> {
    let status = StatusCode::from_bytes(text.as_bytes()).ok()?;
    (status.as_u16() < 600).then_some(status)
}
