//! What a definition says, compiled: patterns, templates, mappings and schemas are parsed, references resolved. Whoever
//! carries it out need not check anything again.

mod gateway_response;
mod integration;
mod mapping;
mod method;
mod template;

use std::sync::Arc;

use super::route::{PathParameters, Routes};

pub use gateway_response::{GatewayResponse, GatewayResponses, GatewayTemplate, GatewayTemplatePart, Kind};
pub use integration::{
    Backend, ContentHandling, Endpoint, Function, Integration, IntegrationResponse, IntegrationResponses,
    Passthrough, PayloadFormat, Selection, Service, UriPart, UriPattern,
};
pub use mapping::{
    BodyPath, RequestParameter, RequestSource, RequestTarget, ResponseParameter, ResponseSource,
};
pub use method::{Location, Method, MethodResponse, Model, Parameter, Validator, Verb};
pub use template::{MappingTemplate, Templates};

/// A whole API.
#[derive(Debug, Default)]
pub struct Api {
    /// `info.title`.
    pub name: String,
    /// Path before every resource, `/prod`, without a slash at its end; empty where there is none. Requests are taken with
    /// it and without.
    pub base_path: String,
    /// The stage, `prod`: what `$context.stage` says.
    pub stage: String,
    /// All methods of all resources, in the order written.
    pub methods: Vec<Arc<Method>>,
    /// Answers for what API Gateway itself has to say.
    pub gateway_responses: GatewayResponses,
    /// Media types whose bodies are bytes, lower case: `image/png`, `image/*`, `*/*`.
    pub binary_media_types: Vec<String>,
    /// `stageVariables.*`, sorted by name.
    pub stage_variables: Vec<(String, String)>,
    /// The methods by path.
    pub routes: Routes,
}

impl Api {
    /// The method for a request, and the parameters in its path; `path` without query. Nothing: API Gateway says
    /// [`Kind::MissingAuthenticationToken`].
    pub fn find<'a>(
        &'a self,
        method: &http::Method,
        path: &'a str,
    ) -> Option<(&'a Arc<Method>, PathParameters<'a>)> {
        let inner =
            path.strip_prefix(&self.base_path).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let found = inner.and_then(|inner| self.routes.find(method, inner));
        let (index, parameters) = found.or_else(|| self.routes.find(method, path))?;
        Some((self.methods.get(index)?, parameters))
    }

    /// The stage variable of that name.
    pub fn stage_variable(&self, name: &str) -> Option<&str> {
        self.stage_variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_can_be_shared_by_all_workers() {
        fn shared<T: Send + Sync>() {}
        shared::<Api>();
    }

    #[test]
    fn what_is_written_of_a_kind_takes_nothing_from_its_family() {
        use http::StatusCode;
        let status =
            |status: u16| GatewayResponse { status: StatusCode::from_u16(status).ok(), ..Default::default() };
        let responses = GatewayResponses::new(
            [
                (Kind::Default4xx, status(418)),
                (Kind::Default5xx, status(599)),
                (Kind::AuthorizerFailure, GatewayResponse::default()),
            ]
            .into(),
        );
        let check =
            |kind: Kind, expected: u16| assert_eq!(responses.status(kind), expected, "{}", kind.name());
        check(Kind::Unauthorized, 418);
        check(Kind::IntegrationTimeout, 599);
        check(Kind::AuthorizerFailure, 500);
        check(Kind::RequestTooLarge, 413);
        assert_eq!(GatewayResponses::default().status(Kind::Throttled), 429);
    }
}
