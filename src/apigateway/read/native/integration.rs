//! Where a route's requests go, and how they are written anew.

use std::time::Duration;

use super::super::integration::{TIMEOUT, TIMEOUT_MS};
use super::super::reader::Reader;
use super::super::uri::pattern;
use super::STAGE_VARIABLES;
use super::source::{request_source, request_target};
use crate::apigateway::model::{
    Backend, ContentHandling, Endpoint, Integration, IntegrationResponses, Passthrough, PayloadFormat,
    RequestParameter, Service,
};
use crate::diagnostic::Diagnostic;
use crate::document::{Entry, Fields, Node};

/// The types of an integration, with the keys that only they have.
const TYPES: [(&str, &[&str]); 6] = [
    ("http", &["url", "method"]),
    ("http_proxy", &["url", "method"]),
    ("lambda", &["function", "method"]),
    ("lambda_proxy", &["function", "method", "payload_format"]),
    ("service", &["service", "region", "path", "method"]),
    ("mock", &[]),
];
/// Keys that all types have.
const COMMON: [&str; 3] = ["type", "parameters", "timeout"];
/// Keys of those that write requests anew.
const MAPPED: [&str; 3] = ["templates", "passthrough", "convert"];

impl<'a> Reader<'a> {
    /// `integration` of a route, with the route's `responses`.
    pub fn native_integration(&mut self, route: &'a Node) -> Option<Integration> {
        let Some(node) = self.get(route, "integration") else {
            let problem = Diagnostic::error("a route needs `integration`").at(&route.place);
            self.problems
                .push(problem.help("it says where requests go: `integration: { type: http, url: … }`"));
            return None;
        };
        let (kind, fields) = self.kind_of_integration(node)?;
        let backend = self.native_backend(kind, &fields);
        let parameters = self.native_parameters(fields.get("parameters"));
        let templates = self.templates(fields.get("templates"));
        let passthrough = self.native_passthrough(&fields).unwrap_or_default();
        let content_handling = self.convert(&fields);
        let timeout = self.native_timeout(&fields).unwrap_or(TIMEOUT);
        let responses = self.native_responses(route, kind);
        let integration = Integration {
            backend: backend?,
            parameters,
            templates,
            passthrough,
            content_handling,
            timeout,
            responses,
        };
        if matches!(integration.backend, Backend::Mock) && integration.templates.is_empty() {
            let problem = Diagnostic::warning("the mock has no template").at(&node.place);
            self.problems.push(problem.help("it needs one that says `{\"statusCode\": 200}`"));
        }
        Some(integration)
    }

    fn kind_of_integration(&mut self, node: &'a Node) -> Option<(&'static str, Fields<'a>)> {
        let written = node.entry("type");
        let words = TYPES.map(|(name, own)| (name, (name, own)));
        let kind = written.and_then(|it| it.node.word("an integration's type", &words, self.problems));
        // Without a type nothing can be said of the other keys.
        let Some((name, own)) = kind else {
            if written.is_none() && node.entries("an integration", self.problems).is_some() {
                let problem = Diagnostic::error("an integration needs `type`").at(&node.place);
                let types = TYPES.map(|(name, _)| name).join(", ");
                self.problems.push(problem.help(format!("one of: {types}")));
            }
            return None;
        };
        let mapped = if name.ends_with("_proxy") { &[] as &[&str] } else { &MAPPED };
        let known = [&COMMON, own, mapped].concat();
        let fields = node.fields(&format!("an integration of type `{name}`"), &known, self.problems)?;
        Some((name, fields))
    }

    fn native_backend(&mut self, kind: &str, fields: &Fields<'a>) -> Option<Backend> {
        let what = format!("an integration of type `{kind}`");
        let method = fields.get("method").and_then(|node| self.method_named(node));
        match kind {
            "http" | "http_proxy" => {
                let url = fields.require("url", &what, self.problems)?;
                let endpoint = Endpoint { method, uri: self.url(url, STAGE_VARIABLES)? };
                Some(if kind == "http" { Backend::Http(endpoint) } else { Backend::HttpProxy(endpoint) })
            }
            "lambda" | "lambda_proxy" => {
                let name = fields.require("function", &what, self.problems)?;
                let mut function = self.function(name, STAGE_VARIABLES)?;
                function.method = method;
                let formats = [("1.0", PayloadFormat::One), ("2.0", PayloadFormat::Two)];
                let format = fields.get("payload_format");
                let format = format.and_then(|node| node.word("a payload format", &formats, self.problems));
                Some(match kind {
                    "lambda" => Backend::Lambda(function),
                    _ => Backend::LambdaProxy(function, format.unwrap_or_default()),
                })
            }
            "service" => {
                let mut text = |key: &str| {
                    fields.require(key, &what, self.problems)?.text("text", self.problems).map(str::to_owned)
                };
                let (name, region) = (text("service"), text("region"));
                let path = fields.require("path", &what, self.problems)?;
                let (path, written) = self.uri(path, STAGE_VARIABLES)?.into_parts();
                let endpoint = Endpoint { method, uri: pattern(&path, written) };
                Some(Backend::Service(Service { name: name?, region: region?, endpoint }))
            }
            _ => Some(Backend::Mock),
        }
    }

    fn native_parameters(&mut self, node: Option<&'a Node>) -> Vec<RequestParameter> {
        let entries = self.entries(node, "`parameters`").iter();
        entries.filter_map(|entry| self.native_parameter(entry)).collect()
    }

    fn native_parameter(&mut self, entry: &'a Entry) -> Option<RequestParameter> {
        let target = request_target(&entry.key);
        if target.is_none() {
            let problem = Diagnostic::error(format!("`{}` is no part of a request", entry.key));
            let help = "one of `header.NAME`, `query.NAME`, `path.NAME`";
            self.problems.push(problem.at(&entry.key_place).help(help));
        }
        let source = self.native_source(&entry.node, request_source);
        Some(RequestParameter { target: target?, source: source? })
    }

    fn native_passthrough(&mut self, fields: &Fields<'a>) -> Option<Passthrough> {
        let words = [
            ("when_no_match", Passthrough::WhenNoMatch),
            ("when_no_templates", Passthrough::WhenNoTemplates),
            ("never", Passthrough::Never),
        ];
        fields.get("passthrough")?.word("a choice of `passthrough`", &words, self.problems)
    }

    /// `convert` of a request or of an answer.
    pub fn convert(&mut self, fields: &Fields<'a>) -> Option<ContentHandling> {
        let words = [("to_text", ContentHandling::ToText), ("to_binary", ContentHandling::ToBinary)];
        fields.get("convert")?.word("a choice of `convert`", &words, self.problems)
    }

    fn native_timeout(&mut self, fields: &Fields<'a>) -> Option<Duration> {
        let node = fields.get("timeout")?;
        let timeout = node.duration(self.problems)?;
        let is_right = u64::try_from(timeout.as_millis()).is_ok_and(|millis| TIMEOUT_MS.contains(&millis));
        if !is_right {
            self.error(&node.place, "a timeout must be 50ms to 15m");
        }
        is_right.then_some(timeout)
    }

    /// `responses` of a route.
    fn native_responses(&mut self, route: &'a Node, kind: &str) -> IntegrationResponses {
        let entry = route.entry("responses");
        if kind.ends_with("_proxy") {
            if let Some(entry) = entry {
                let message = format!("`responses` are of no effect: answers of `{kind}` pass as they are");
                self.error(&entry.key_place, message);
            }
            return IntegrationResponses::default();
        }
        let responses = entry.map(|entry| self.responses(&entry.node, kind)).unwrap_or_default();
        if responses.selected.is_empty() && responses.default.is_none() {
            let problem = Diagnostic::warning("the route has no `responses`").at(&route.place);
            self.problems.push(problem.help("every answer is a 500; one without `when` is for all answers"));
        }
        responses
    }
}
