//! The way to the backend: what is asked of the request, and the call that is made of it.

use bytes::Bytes;
use http::Method as Verb;

use super::super::model::{
    Backend, Endpoint, Function, Integration, Kind, Method, PayloadFormat, RequestTarget, Service,
};
use super::content::{self, Payload};
use super::fault::Fault;
use super::headers::Headers;
use super::render::{Keeps, Meets, failed_request, for_request};
use super::request::{Call, METHOD_OVERRIDE, Received, Target};
use super::url::url;
use super::validate::validate;
use super::{BodyBy, Execution, Prepared};
use crate::vtl::gateway::RequestOverrides;
use crate::vtl::{Heap, Limits, Value, json};

/// Headers that no mapping may set.
const FORBIDDEN: [&str; 4] =
    ["content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"];
/// Those that it may not set for AWS.
const FORBIDDEN_FOR_AWS: [&str; 5] = ["authorization", "connection", "expect", "proxy-authenticate", "te"];
/// Headers that reach no backend, however they were set.
const DROPPED: [&str; 3] = ["expect", "proxy-authenticate", "te"];
/// Headers of the client that an HTTP proxy integration does not pass on; a mapping can set them.
const NOT_PROXIED: [&str; 3] = ["host", "content-encoding", METHOD_OVERRIDE];

/// What mappings and overrides have made of the parameters.
#[derive(Debug, Default)]
struct Mapped {
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: Headers,
}

impl Mapped {
    /// An override takes the place of all that was mapped to its name; names of headers are told apart by their casing.
    fn overridden(&mut self, overrides: RequestOverrides) {
        for (name, values) in overrides.path {
            self.path.retain(|(known, _)| *known != name);
            self.path.push((name, values.join(",")));
        }
        for (name, values) in overrides.querystring {
            self.query.retain(|(known, _)| *known != name);
            self.query.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        for (name, values) in overrides.headers {
            self.headers.remove_exact(&name);
            values.into_iter().for_each(|value| self.headers.append(name.clone(), value));
        }
    }
}

impl<'a> Execution<'a> {
    /// Everything up to the call.
    pub(super) fn prepare(&mut self, method: &'a Method) -> Result<Prepared<'a>, Fault> {
        self.admitted(method)?;
        validate(method, &self.received)?;
        let integration = &method.integration;
        match &integration.backend {
            Backend::Mock => self.mock(integration).map(Prepared::Mock),
            Backend::LambdaProxy(function, format) => {
                self.invoke(method, integration, function, *format).map(Prepared::Call)
            }
            Backend::HttpProxy(endpoint) => self.forward(integration, endpoint).map(Prepared::Call),
            Backend::Http(endpoint) => self.send(integration, endpoint).map(Prepared::Call),
            Backend::Lambda(function) => self.invoke_mapped(integration, function).map(Prepared::Call),
            Backend::Service(service) => self.ask(integration, service).map(Prepared::Call),
        }
    }

    /// `mock`: the status that the request template renders.
    fn mock(&mut self, integration: &Integration) -> Result<i64, Fault> {
        let body = self.mapped_body(integration, &mut Mapped::default())?;
        let status = match &body {
            Payload::Text(text) => status_code(text.as_str()),
            Payload::Binary(_) => None,
        };
        let problem =
            "Unable to parse statusCode. It should be an integer that is defined in the request template.";
        status.ok_or_else(|| Fault::internal(Kind::Default5xx, problem))
    }

    /// `aws_proxy`: the request as an event. Mappings are of no effect, unless they are forbidden.
    fn invoke(
        &mut self,
        method: &Method,
        integration: &Integration,
        function: &'a Function,
        format: PayloadFormat,
    ) -> Result<Call<'a>, Fault> {
        self.mapped(integration)?;
        let event = self.event(method, format).to_string();
        call_function(integration, function, Headers::new(), Bytes::from(event))
    }

    /// `aws` with a function: the mapped body is its event.
    fn invoke_mapped(
        &mut self,
        integration: &Integration,
        function: &'a Function,
    ) -> Result<Call<'a>, Fault> {
        let mut mapped = self.mapped(integration)?;
        let body = self.mapped_body(integration, &mut mapped)?.into_bytes();
        let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
        let headers = without_dropped(mapped.headers, &integration.backend);
        call_function(integration, function, headers, body)
    }

    /// `http_proxy`: the request as it came, with what mappings add.
    fn forward(&mut self, integration: &Integration, endpoint: &Endpoint) -> Result<Call<'a>, Fault> {
        let mapped = self.mapped(integration)?;
        let request = self.received.request;
        let passes = |name: &str| !NOT_PROXIED.iter().any(|known| known.eq_ignore_ascii_case(name));
        let client = self.received.headers.iter().filter(|(name, _)| passes(name));
        let mut headers: Headers = client.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for (name, value) in mapped.headers {
            headers.set(name, value);
        }
        let headers = without_dropped(headers, &integration.backend);
        let mut headers = self.with_usual(headers);
        headers.set("X-Amzn-Apigateway-Api-Id", self.settings.identity.api_id.clone());
        Ok(Call {
            target: Target::Url(url(&endpoint.uri, &mapped.path, &mapped.query, &request.query)),
            method: endpoint.method.clone().unwrap_or_else(|| request.method.clone()),
            headers,
            body: request.body.clone(),
            timeout: integration.timeout,
        })
    }

    /// `http`: only what is mapped.
    fn send(&mut self, integration: &Integration, endpoint: &Endpoint) -> Result<Call<'a>, Fault> {
        let mut mapped = self.mapped(integration)?;
        let body = self.mapped_body(integration, &mut mapped)?.into_bytes();
        let headers = without_dropped(mapped.headers, &integration.backend);
        let mut headers = self.with_usual(self.with_media_type(headers, &body));
        headers.set("X-Amzn-Apigateway-Api-Id", self.settings.identity.api_id.clone());
        Ok(Call {
            target: Target::Url(url(&endpoint.uri, &mapped.path, &mapped.query, "")),
            method: endpoint.method.clone().unwrap_or_else(|| self.received.request.method.clone()),
            headers,
            body,
            timeout: integration.timeout,
        })
    }

    /// `aws` with another service.
    fn ask(&mut self, integration: &Integration, service: &'a Service) -> Result<Call<'a>, Fault> {
        let mut mapped = self.mapped(integration)?;
        let body = self.mapped_body(integration, &mut mapped)?.into_bytes();
        let path = url(&service.endpoint.uri, &mapped.path, &mapped.query, "");
        let headers = without_dropped(mapped.headers, &integration.backend);
        let headers = self.with_usual(self.with_media_type(headers, &body));
        Ok(Call {
            target: Target::Service(service, path),
            method: service.endpoint.method.clone().unwrap_or_else(|| self.received.request.method.clone()),
            headers,
            body,
            timeout: integration.timeout,
        })
    }

    /// A body that is sent to a non-proxy backend has a media type.
    fn with_media_type(&self, mut headers: Headers, body: &Bytes) -> Headers {
        if !body.is_empty() && !headers.contains("content-type") {
            let media_type = self.received.headers.get("content-type").unwrap_or("application/json");
            headers.append("Content-Type", media_type.to_owned());
        }
        headers
    }

    /// What API Gateway says of itself where neither the client nor a mapping has said it.
    fn with_usual(&self, mut headers: Headers) -> Headers {
        let user_agent = format!("AmazonAPIGateway_{}", self.settings.identity.api_id);
        let trace_id = self.received.headers.get("x-amzn-trace-id").map(|id| ("X-Amzn-Trace-Id", id));
        let usual = [("Accept", "application/json"), ("User-Agent", &*user_agent)];
        for (name, value) in usual.into_iter().chain(trace_id) {
            if !headers.contains(name) {
                headers.append(name, value.to_owned());
            }
        }
        headers
    }

    /// What `requestParameters` make of the request.
    fn mapped(&mut self, integration: &Integration) -> Result<Mapped, Fault> {
        let mut mapped = Mapped::default();
        for parameter in &integration.parameters {
            let values = self.requested(&parameter.source)?;
            if values.is_empty() {
                self.note(|trace| trace.without_value.push(parameter.target.to_string()));
                continue;
            }
            match &parameter.target {
                RequestTarget::Header(name) => {
                    allowed(name, &integration.backend)?;
                    mapped.headers.append(name.clone(), values.join(","));
                }
                RequestTarget::Path(name) => mapped.path.push((name.clone(), values.join(","))),
                RequestTarget::Query(name) => {
                    mapped.query.extend(values.into_iter().map(|value| (name.clone(), value)));
                }
            }
        }
        Ok(mapped)
    }

    /// The body as the template for its `Content-Type` makes it, or as it came, converted.
    fn mapped_body(&mut self, integration: &Integration, mapped: &mut Mapped) -> Result<Payload, Fault> {
        let Received { request, headers, .. } = &self.received;
        let is_binary = content::has_binary_body(headers, &self.api.binary_media_types);
        let body = content::of_request(request.body.clone(), is_binary, integration.content_handling)
            .map_err(|_| Fault::configuration("Unable to base64 decode the body."))?;
        match for_request(&integration.templates, headers, integration.passthrough) {
            Meets::Passes => {
                self.note(|trace| trace.request_body = Some(BodyBy::Passing));
                Ok(body)
            }
            Meets::Refused => Err(Fault::told(Kind::UnsupportedMediaType, "Unsupported Media Type")),
            Meets::Template(template) => {
                let by = || BodyBy::Template(template.source.name.clone());
                self.note(|trace| trace.request_body = Some(by()));
                let rendered = self.render(template, &body, Keeps::Left);
                let rendered = rendered.map_err(|cause| failed_request(cause, &body))?;
                self.leave(rendered.left, rendered.overrides.response);
                mapped.overridden(rendered.overrides.request);
                Ok(Payload::from(rendered.text))
            }
        }
    }
}

/// A function is invoked with POST and nothing else.
fn call_function<'a>(
    integration: &Integration,
    function: &'a Function,
    mut headers: Headers,
    body: Bytes,
) -> Result<Call<'a>, Fault> {
    if let Some(method) = function.method.as_ref().filter(|method| **method != Verb::POST) {
        let cause = format!("the integration's method is {method}, and Lambda is invoked with POST");
        return Err(Fault::internal(Kind::IntegrationFailure, cause));
    }
    if !headers.contains("content-type") {
        headers.append("Content-Type", "application/json");
    }
    Ok(Call {
        target: Target::Function(function),
        method: Verb::POST,
        headers,
        body,
        timeout: integration.timeout,
    })
}

fn without_dropped(mut headers: Headers, backend: &Backend) -> Headers {
    let too = match backend {
        Backend::Http(_) | Backend::HttpProxy(_) => "via",
        Backend::Lambda(_) | Backend::LambdaProxy(..) | Backend::Service(_) | Backend::Mock => "referer",
    };
    DROPPED.into_iter().chain([too]).for_each(|name| headers.remove(name));
    headers
}

/// Whether a mapping may set the header.
fn allowed(name: &str, backend: &Backend) -> Result<(), Fault> {
    let is_aws = matches!(backend, Backend::Lambda(_) | Backend::LambdaProxy(..) | Backend::Service(_));
    let named = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if named(&FORBIDDEN) || (is_aws && named(&FORBIDDEN_FOR_AWS)) {
        let cause = format!("`integration.request.header.{name}` cannot be set");
        return Err(Fault::internal(Kind::Default5xx, cause));
    }
    Ok(())
}

/// The whole number at `statusCode`.
fn status_code(text: &str) -> Option<i64> {
    let mut heap = Heap::new(Limits::default());
    let Value::Map(map) = json::parse(text.trim(), &mut heap).ok()? else { return None };
    match heap.map(map).named("statusCode")? {
        Value::Integer(status) => Some(i64::from(*status)),
        Value::Long(status) => Some(*status),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mock_needs_a_whole_number() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(status_code(text), expected, "{text}");
        check(r#"{"statusCode": 200}"#, Some(200));
        check("\n  {statusCode: 200}\n", Some(200));
        check(r#"{"statusCode": -1000}"#, Some(-1000));
        check(r#"{"statusCode": "200"}"#, None);
        check(r#"{"statusCode": 200.5}"#, None);
        check("{}", None);
        check("200", None);
        check("", None);
    }
}
