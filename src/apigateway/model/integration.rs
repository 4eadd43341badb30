//! An integration: where a method's requests go, how they are written anew, and which answer of the backend becomes
//! which answer of the API.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use super::{RequestParameter, ResponseParameter, Templates};
use crate::diagnostic::Place;
use crate::vtl::regex::JavaRegex;

/// Where a method's requests go and how.
#[derive(Debug)]
pub struct Integration {
    /// Who answers.
    pub backend: Backend,
    /// `requestParameters`, in the order written.
    pub parameters: Vec<RequestParameter>,
    /// `requestTemplates`.
    pub templates: Templates,
    /// What happens to bodies that no template is for.
    pub passthrough: Passthrough,
    /// `contentHandling` of the request.
    pub content_handling: Option<ContentHandling>,
    /// How long the backend may take.
    pub timeout: Duration,
    /// What becomes of its answers; of no effect for proxy integrations.
    pub responses: IntegrationResponses,
}

/// Who answers. The five integration types; `aws` is two, because API Gateway treats Lambda unlike all other services.
#[derive(Debug)]
pub enum Backend {
    /// `http`.
    Http(Endpoint),
    /// `http_proxy`.
    HttpProxy(Endpoint),
    /// `aws` with a Lambda function.
    Lambda(Function),
    /// `aws_proxy`.
    LambdaProxy(Function, PayloadFormat),
    /// `aws` with another service.
    Service(Service),
    /// `mock`.
    Mock,
}

impl Backend {
    /// Whether answers pass as they are: no templates, no selection.
    pub fn is_proxy(&self) -> bool {
        matches!(self, Backend::HttpProxy(_) | Backend::LambdaProxy(..))
    }
}

/// A URL with its method.
#[derive(Debug)]
pub struct Endpoint {
    /// The backend's method; `None` is the client's own (`ANY`).
    pub method: Option<Method>,
    /// Scheme, authority, path and query.
    pub uri: UriPattern,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its ARN, stage variables filled in.
    pub arn: String,
    /// The name: `orders`.
    pub name: String,
    /// Alias or version: `live`.
    pub qualifier: Option<String>,
    /// Name and qualifier as written, stage variables as `${stageVariables.NAME}`.
    pub written: String,
    /// `httpMethod`; Lambda refuses all but POST.
    pub method: Option<Method>,
}

/// An AWS service that is not Lambda.
#[derive(Debug)]
pub struct Service {
    /// `s3`, `sqs`, `dynamodb`.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Its method, and its path with query: what follows `path/`; `/?Action=NAME` for `action/NAME`.
    pub endpoint: Endpoint,
}

/// The event that a proxy function is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadFormat {
    /// REST APIs: 1.0 without a `version`.
    #[default]
    Rest,
    /// HTTP APIs, `payloadFormatVersion: "1.0"`.
    One,
    /// HTTP APIs, `payloadFormatVersion: "2.0"`.
    Two,
}

/// A URI with parameters in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UriPattern {
    /// As written, stage variables as `${stageVariables.NAME}`.
    pub written: String,
    /// What it consists of, stage variables filled in.
    pub parts: Vec<UriPart>,
}

/// A part of a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UriPart {
    /// Text as it is.
    Text(String),
    /// `{name}`: stays as it is where no `integration.request.path.name` gives it a value.
    Parameter(String),
}

/// `passthroughBehavior`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passthrough {
    /// A body that no template is for passes.
    #[default]
    WhenNoMatch,
    /// It passes where there are no templates at all, else 415.
    WhenNoTemplates,
    /// 415.
    Never,
}

/// `contentHandling`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentHandling {
    /// `CONVERT_TO_TEXT`.
    ToText,
    /// `CONVERT_TO_BINARY`.
    ToBinary,
}

/// All integration responses of a method.
#[derive(Debug, Default)]
pub struct IntegrationResponses {
    /// Those with a pattern, in the order written.
    pub selected: Vec<(Selection, IntegrationResponse)>,
    /// The one without.
    pub default: Option<IntegrationResponse>,
}

/// A selection pattern.
#[derive(Debug)]
pub struct Selection {
    /// As written.
    pub text: Arc<str>,
    /// Compiled; the whole of a subject must match.
    pub pattern: JavaRegex,
}

/// What becomes of an answer of the backend.
#[derive(Debug)]
pub struct IntegrationResponse {
    /// The status of the API's answer, unless a template overrides it.
    pub status: StatusCode,
    /// `responseParameters`, in the order written.
    pub parameters: Vec<ResponseParameter>,
    /// `responseTemplates`.
    pub templates: Templates,
    /// `contentHandling` of the answer.
    pub content_handling: Option<ContentHandling>,
    /// Where it is written.
    pub place: Place,
}
