//! `x-amazon-apigateway-integration`: where requests go, and what becomes of the answers.

use std::time::Duration;

use super::reader::{Keys, Reader};
use super::selection::is_default;
use super::uri::{Arn, STAGE_VARIABLES, pattern};
use crate::apigateway::model::{
    Backend, ContentHandling, Endpoint, Function, Integration, IntegrationResponse, IntegrationResponses,
    MethodResponse, Passthrough, PayloadFormat, RequestParameter, RequestSource, RequestTarget, Service,
    UriPart,
};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::document::{Entry, Node, Value};

const INTEGRATION: Keys<'_> = Keys {
    read: &[
        "type",
        "httpMethod",
        "uri",
        "requestParameters",
        "requestTemplates",
        "passthroughBehavior",
        "contentHandling",
        "responses",
        "timeoutInMillis",
        "payloadFormatVersion",
        "connectionType",
    ],
    silent: &["cacheNamespace", "connectionId", "credentials"],
    unsupported: &[
        ("cacheKeyParameters", "answers are not cached"),
        ("tlsConfig", "the upstream's own settings hold"),
        ("responseTransferMode", "a mapped answer is sent when it is complete"),
        ("integrationTarget", "the upstream's own settings hold"),
        ("responseParameters", "the mapping of an HTTP API"),
    ],
    inert: &[],
};

const RESPONSE: Keys<'_> = Keys {
    read: &["statusCode", "responseParameters", "responseTemplates", "contentHandling"],
    silent: &[],
    unsupported: &[],
    // In OpenAPI the key is the pattern.
    inert: &["selectionPattern"],
};

const TYPES: [&str; 5] = ["http", "http_proxy", "aws", "aws_proxy", "mock"];
/// API Gateway's default, and its bound unless a quota has been raised.
pub const TIMEOUT: Duration = Duration::from_secs(29);
/// What a timeout may be, milliseconds. Beyond the last nobody waits.
pub const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 50..=900_000;

impl<'a> Reader<'a> {
    pub fn integration(&mut self, node: &'a Node, declared: &[MethodResponse]) -> Option<Integration> {
        if let Some(subtype) = self.resolve(node)?.entry("integrationSubtype") {
            let message =
                "the operation is left out: with `integrationSubtype` an HTTP API calls a service by itself";
            self.left_out(&subtype.key_place, message);
            return None;
        }
        let node = self.map(node, "an integration", &INTEGRATION)?;
        let backend = self.backend(node);
        let mut parameters = self.request_parameters(self.get(node, "requestParameters"));
        self.path_parameters(node, backend.as_ref(), &mut parameters);
        let templates = self.templates(self.get(node, "requestTemplates"));
        let kind = self.get(node, "type").and_then(Node::scalar_text).unwrap_or_default();
        let is_proxy = kind.to_ascii_lowercase().ends_with("_proxy");
        let integration = Integration {
            parameters,
            templates,
            passthrough: self.passthrough(node).unwrap_or_default(),
            content_handling: self.content_handling(node),
            timeout: self.timeout(node).unwrap_or(TIMEOUT),
            // API Gateway keeps those of a proxy integration and never looks at them.
            responses: if is_proxy { Default::default() } else { self.integration_responses(node, declared) },
            backend: backend?,
        };
        self.told(node, &integration);
        Some(integration)
    }

    /// A parameter in a URI has the value of the one in the path by itself in an HTTP API; in a REST API it must be mapped.
    fn path_parameters(
        &mut self,
        node: &'a Node,
        backend: Option<&Backend>,
        parameters: &mut Vec<RequestParameter>,
    ) {
        let (Some(Backend::Http(endpoint) | Backend::HttpProxy(endpoint)), Some(uri)) =
            (backend, self.get(node, "uri"))
        else {
            return;
        };
        let is_http_api = self.get(node, "payloadFormatVersion").is_some()
            && matches!(backend, Some(Backend::HttpProxy(_)));
        for part in &endpoint.uri.parts {
            let UriPart::Parameter(name) = part else { continue };
            let target = RequestTarget::Path(name.clone());
            if parameters.iter().any(|parameter| parameter.target == target) {
                continue;
            }
            if is_http_api {
                parameters.push(RequestParameter { target, source: RequestSource::Path(name.clone()) });
                continue;
            }
            let problem =
                Diagnostic::warning(format!("`{{{name}}}` in the URI is sent as it is")).at(&uri.place);
            let help = format!("its value: `integration.request.path.{name}: method.request.path.{name}`");
            self.problems.push(problem.help(help));
        }
    }

    /// Tells of what is right and yet cannot work.
    fn told(&mut self, node: &Node, integration: &Integration) {
        let responses = &integration.responses;
        if !integration.backend.is_proxy() && responses.default.is_none() && responses.selected.is_empty() {
            let problem = Diagnostic::warning("the integration has no `responses`").at(&node.place);
            self.problems.push(problem.help("as on API Gateway, every answer is a 500"));
        }
        if let Some(entry) = node.entry("connectionType")
            && entry.node.scalar_text().is_some_and(|text| text.eq_ignore_ascii_case("VPC_LINK"))
        {
            self.approximated(&entry.node.place, "requests go to the URL as it is, not through a VPC link");
        }
        if matches!(integration.backend, Backend::Mock) && integration.templates.is_empty() {
            let problem = Diagnostic::warning("the mock has no request template").at(&node.place);
            self.problems.push(problem.help("it needs one that says `{\"statusCode\": 200}`"));
        }
    }

    fn backend(&mut self, node: &'a Node) -> Option<Backend> {
        let Some(kind) = self.get(node, "type") else {
            self.error(&node.place, "an integration needs `type`");
            return None;
        };
        let text = kind.text("an integration's type", self.problems)?.to_ascii_lowercase();
        match text.as_str() {
            "mock" => Some(Backend::Mock),
            "http" => self.endpoint(node).map(Backend::Http),
            "http_proxy" => self.endpoint(node).map(Backend::HttpProxy),
            "aws" | "aws_proxy" => self.service(node, text == "aws_proxy"),
            _ => {
                let problem =
                    Diagnostic::error(format!("`{text}` is not an integration's type")).at(&kind.place);
                self.problems.push(match did_you_mean(&text, TYPES) {
                    Some(known) => problem.help(format!("did you mean `{known}`?")),
                    None => problem.help(format!("one of: {}", TYPES.join(", "))),
                });
                None
            }
        }
    }

    fn uri_node(&mut self, node: &'a Node) -> Option<&'a Node> {
        let uri = self.get(node, "uri");
        if uri.is_none() {
            self.error(&node.place, "the integration needs `uri`");
        }
        uri
    }

    fn endpoint(&mut self, node: &'a Node) -> Option<Endpoint> {
        if self.get(node, "httpMethod").is_none() {
            let problem = Diagnostic::warning("the integration has no `httpMethod`").at(&node.place);
            self.problems.push(problem.help("API Gateway refuses it; here the client's method is sent"));
        }
        let method = self.http_method(node);
        let uri = self.uri_node(node)?;
        Some(Endpoint { method, uri: self.url(uri, STAGE_VARIABLES)? })
    }

    /// The backend's method; none for `ANY`.
    fn http_method(&mut self, node: &'a Node) -> Option<http::Method> {
        self.get(node, "httpMethod").and_then(|node| self.method_named(node))
    }

    /// A method of any case; none for `ANY`.
    pub fn method_named(&mut self, node: &Node) -> Option<http::Method> {
        let text = node.text("an HTTP method", self.problems)?.to_ascii_uppercase();
        if matches!(text.as_str(), "ANY" | "X-AMAZON-APIGATEWAY-ANY-METHOD") {
            return None;
        }
        let method = http::Method::from_bytes(text.as_bytes()).ok();
        if method.is_none() {
            self.error(&node.place, format!("`{text}` is not an HTTP method"));
        }
        method
    }

    fn service(&mut self, node: &'a Node, is_proxy: bool) -> Option<Backend> {
        let method = self.http_method(node);
        let format = self.payload_format(node).unwrap_or_default();
        let uri = self.uri_node(node)?;
        let (arn, written) = self.arn(uri)?;
        let written = written.as_ref().unwrap_or(&arn).named();
        match (arn, is_proxy) {
            (Arn::Lambda { arn, name, qualifier }, _) => {
                let function = Function { arn, name, qualifier, written, method };
                Some(if is_proxy {
                    Backend::LambdaProxy(function, format)
                } else {
                    Backend::Lambda(function)
                })
            }
            (Arn::Service { name, .. }, true) => {
                self.error(&uri.place, format!("`aws_proxy` is for functions, not for `{name}`"));
                None
            }
            (Arn::Service { name, region, path }, false) => {
                let message = format!("requests to `{name}` go to the upstream, unsigned");
                self.approximated(&uri.place, message);
                let endpoint = Endpoint { method, uri: pattern(&path, written) };
                Some(Backend::Service(Service { name, region, endpoint }))
            }
        }
    }

    fn payload_format(&mut self, node: &'a Node) -> Option<PayloadFormat> {
        let words = [("1.0", PayloadFormat::One), ("2.0", PayloadFormat::Two)];
        self.get(node, "payloadFormatVersion")?.word("a payload format", &words, self.problems)
    }

    fn passthrough(&mut self, node: &'a Node) -> Option<Passthrough> {
        let words = [
            ("when_no_match", Passthrough::WhenNoMatch),
            ("when_no_templates", Passthrough::WhenNoTemplates),
            ("never", Passthrough::Never),
        ];
        self.word_of_any_case(self.get(node, "passthroughBehavior")?, "a passthrough behavior", &words)
    }

    fn content_handling(&mut self, node: &'a Node) -> Option<ContentHandling> {
        let words =
            [("convert_to_text", ContentHandling::ToText), ("convert_to_binary", ContentHandling::ToBinary)];
        let node = self.get(node, "contentHandling")?;
        self.word_of_any_case(node, "a content handling", &words)
    }

    fn word_of_any_case<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = node.text(what, self.problems)?.to_ascii_lowercase();
        Node { place: node.place.clone(), value: Value::Text(text) }.word(what, words, self.problems)
    }

    fn timeout(&mut self, node: &'a Node) -> Option<Duration> {
        let node = self.get(node, "timeoutInMillis")?;
        let millis = node.integer("a timeout in milliseconds", TIMEOUT_MS, self.problems)?;
        Some(Duration::from_millis(millis))
    }

    fn integration_responses(&mut self, node: &'a Node, declared: &[MethodResponse]) -> IntegrationResponses {
        let mut responses = IntegrationResponses::default();
        for entry in self.entries(self.get(node, "responses"), "integration responses") {
            if is_default(&entry.key) {
                let response = self.integration_response(entry, declared);
                if responses.default.is_some() {
                    self.left_out(&entry.key_place, "a second default response is left out");
                } else {
                    responses.default = response;
                }
                continue;
            }
            let selection = self.selection(&entry.key, &entry.key_place);
            let response = self.integration_response(entry, declared);
            responses.selected.extend(selection.zip(response));
        }
        responses
    }

    fn integration_response(
        &mut self,
        entry: &'a Entry,
        declared: &[MethodResponse],
    ) -> Option<IntegrationResponse> {
        let node = self.map(&entry.node, "an integration response", &RESPONSE)?;
        let Some(status) = self.get(node, "statusCode") else {
            self.error(&entry.key_place, "an integration response needs `statusCode`");
            return None;
        };
        let place = &status.place;
        let status = self.status(status);
        let parameters = self.response_parameters(self.get(node, "responseParameters"));
        let templates = self.templates(self.get(node, "responseTemplates"));
        let content_handling = self.content_handling(node);
        let status = status?;
        let headers: Vec<_> =
            parameters.iter().map(|(mapped, place)| (mapped.header.as_str(), *place)).collect();
        self.declared(declared, status, &headers, place);
        Some(IntegrationResponse {
            status,
            parameters: parameters.into_iter().map(|(parameter, _)| parameter).collect(),
            templates,
            content_handling,
            place: entry.key_place.clone(),
        })
    }
}
