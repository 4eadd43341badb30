//! What becomes of a backend's answers: the first of `responses` whose pattern fits, and the one without a pattern for all
//! others.

use super::super::reader::Reader;
use super::source::response_source;
use crate::apigateway::model::{
    Integration, IntegrationResponse, IntegrationResponses, MethodResponse, ResponseParameter, Selection,
};
use crate::diagnostic::Diagnostic;
use crate::document::{Entry, Node, Value};

const RESPONSE: [&str; 5] = ["when", "status", "headers", "templates", "convert"];
const ANSWER: [&str; 2] = ["headers", "models"];

impl<'a> Reader<'a> {
    /// `responses`, of an integration of that type.
    pub fn responses(&mut self, node: &'a Node, kind: &str) -> IntegrationResponses {
        let mut responses = IntegrationResponses::default();
        for node in node.list("responses", self.problems).unwrap_or_default() {
            if responses.default.is_some() {
                let problem = Diagnostic::error("nothing can come after a response for all answers");
                self.problems.push(problem.at(&node.place).help("the one without `when` stands last"));
            }
            let when = node.entry("when").map(|entry| self.when(&entry.node, kind));
            let response = self.native_response(node);
            match when {
                Some(selection) => responses.selected.extend(selection.zip(response)),
                None => responses.default = response,
            }
        }
        responses
    }

    /// What a response is for: `{ error: PATTERN }` for functions, `{ status: PATTERN }` for all others.
    fn when(&mut self, node: &'a Node, kind: &str) -> Option<Selection> {
        let subject = if kind == "lambda" { "error" } else { "status" };
        let fields = node.fields("`when`", &["status", "error"], self.problems)?;
        let Some(pattern) = fields.get(subject) else {
            let other = fields.entries().first().map_or(&node.place, |entry| &entry.key_place);
            let problem = Diagnostic::error(format!("answers of `{kind}` are told apart by `{subject}`"));
            let help = match subject {
                "error" => "a function's status is always 200: the pattern is for the message of its error",
                _ => "the pattern is for the status that the backend answers",
            };
            self.problems.push(problem.at(other).help(help));
            return None;
        };
        if let [_, second, ..] = fields.entries() {
            self.error(&second.key_place, format!("`when` takes `{subject}` alone"));
        }
        let text = pattern.text("a pattern (text)", self.problems)?;
        self.selection(text, &pattern.place)
    }

    fn native_response(&mut self, node: &'a Node) -> Option<IntegrationResponse> {
        let fields = node.fields("a response", &RESPONSE, self.problems)?;
        let status = fields.require("status", "a response", self.problems);
        let status = status.and_then(|node| self.status(node));
        let mut parameters = Vec::new();
        for entry in self.entries(fields.get("headers"), "headers") {
            let source = self.native_source(&entry.node, response_source);
            if let (Some(header), Some(source)) = (self.header(entry, ""), source) {
                parameters.push(ResponseParameter { header, source });
            }
        }
        let templates = self.templates(fields.get("templates"));
        let content_handling = self.convert(&fields);
        let place = node.place.clone();
        Some(IntegrationResponse { status: status?, parameters, templates, content_handling, place })
    }

    /// What a route may answer: what `answers` says, or all that its responses do.
    pub fn answers(&mut self, route: &'a Node, integration: &Integration) -> Vec<MethodResponse> {
        let responses = &integration.responses;
        let Some(node) = self.get(route, "answers") else { return of_responses(responses) };
        let mut answers = Vec::new();
        for entry in self.entries(Some(node), "answers by status") {
            answers.extend(self.answer(entry));
        }
        let used = responses.selected.iter().map(|(_, response)| response).chain(&responses.default);
        for response in used {
            self.declared(&answers, response.status, &[], &response.place);
        }
        answers
    }

    fn answer(&mut self, entry: &'a Entry) -> Option<MethodResponse> {
        let key = Node { place: entry.key_place.clone(), value: Value::Text(entry.key.clone()) };
        let status = self.status(&key);
        let fields = entry.node.fields("an answer", &ANSWER, self.problems)?;
        let headers = fields.get("headers").map(Node::list_or_one).unwrap_or_default();
        let headers = headers.iter().filter_map(|name| name.text("a header's name", self.problems));
        let headers = headers.map(str::to_owned).collect();
        let what = format!("{} response", entry.key);
        let models = self.native_models(fields.get("models"), &what);
        Some(MethodResponse { status: status?, headers, models })
    }
}

/// The statuses of responses with their headers.
fn of_responses(responses: &IntegrationResponses) -> Vec<MethodResponse> {
    let mut answers: Vec<MethodResponse> = Vec::new();
    for response in responses.selected.iter().map(|(_, response)| response).chain(&responses.default) {
        let headers = response.parameters.iter().map(|parameter| parameter.header.clone());
        match answers.iter_mut().find(|answer| answer.status == response.status) {
            Some(answer) => answer.headers.extend(headers),
            None => answers.push(MethodResponse {
                status: response.status,
                headers: headers.collect(),
                models: Vec::new(),
            }),
        }
    }
    answers
}
