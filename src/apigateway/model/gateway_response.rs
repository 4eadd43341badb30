//! Gateway responses: what API Gateway answers by itself, where no backend or no mapping could.

use std::collections::BTreeMap;

use http::StatusCode;

use super::RequestSource;
use crate::diagnostic::Place;

/// What a definition says of them.
#[derive(Debug, Default)]
pub struct GatewayResponses {
    written: BTreeMap<Kind, GatewayResponse>,
}

/// What is customised of one.
#[derive(Debug, Default)]
pub struct GatewayResponse {
    /// Instead of the kind's own.
    pub status: Option<StatusCode>,
    /// `gatewayresponse.header.NAME` with the value.
    pub headers: Vec<(String, RequestSource)>,
    /// Bodies by media type, in the order written; none: the built-in one.
    pub templates: Vec<(String, GatewayTemplate)>,
    /// Where it is written.
    pub place: Option<Place>,
}

/// A body. Not a mapping template: references are replaced and nothing is computed.
#[derive(Debug, Default)]
pub struct GatewayTemplate {
    /// As written.
    pub written: String,
    /// What it consists of.
    pub parts: Vec<GatewayTemplatePart>,
}

/// A part of a body.
#[derive(Debug)]
pub enum GatewayTemplatePart {
    /// Text as it is.
    Text(String),
    /// `$context.NAME`, `$stageVariables.NAME`, `$method.request.…`.
    Value(RequestSource),
}

impl GatewayResponses {
    /// Those written.
    pub fn new(written: BTreeMap<Kind, GatewayResponse>) -> GatewayResponses {
        GatewayResponses { written }
    }

    /// What is customised of a kind: what is written for it, or else for all 4XX or 5XX; never a mixture.
    pub fn of(&self, kind: Kind) -> Option<&GatewayResponse> {
        // API Gateway answers 413 by itself, whatever is written.
        if kind == Kind::RequestTooLarge {
            return None;
        }
        self.written.get(&kind).or_else(|| self.written.get(&kind.family()))
    }

    /// The status that a kind is answered with.
    pub fn status(&self, kind: Kind) -> StatusCode {
        self.of(kind).and_then(|written| written.status).unwrap_or(kind.status())
    }

    /// Those written, by kind.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &GatewayResponse)> {
        self.written.iter().map(|(kind, response)| (*kind, response))
    }
}

macro_rules! kinds {
    ($($name:literal $kind:ident $status:ident,)*) => {
        /// Why API Gateway answers by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = concat!("`", $name, "`.")] $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)*];

            /// As definitions write it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }

            /// The status it has unless a definition says otherwise. Of the two families, that of the kinds they stand for
            /// is taken instead.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Kind::$kind => StatusCode::$status,)*
                }
            }
        }
    };
}

kinds! {
    "ACCESS_DENIED" AccessDenied FORBIDDEN,
    "API_CONFIGURATION_ERROR" ApiConfigurationError INTERNAL_SERVER_ERROR,
    "AUTHORIZER_CONFIGURATION_ERROR" AuthorizerConfigurationError INTERNAL_SERVER_ERROR,
    "AUTHORIZER_FAILURE" AuthorizerFailure INTERNAL_SERVER_ERROR,
    "BAD_REQUEST_BODY" BadRequestBody BAD_REQUEST,
    "BAD_REQUEST_PARAMETERS" BadRequestParameters BAD_REQUEST,
    "DEFAULT_4XX" Default4xx BAD_REQUEST,
    "DEFAULT_5XX" Default5xx INTERNAL_SERVER_ERROR,
    "EXPIRED_TOKEN" ExpiredToken FORBIDDEN,
    "INTEGRATION_FAILURE" IntegrationFailure GATEWAY_TIMEOUT,
    "INTEGRATION_TIMEOUT" IntegrationTimeout GATEWAY_TIMEOUT,
    "INVALID_API_KEY" InvalidApiKey FORBIDDEN,
    "INVALID_SIGNATURE" InvalidSignature FORBIDDEN,
    "MISSING_AUTHENTICATION_TOKEN" MissingAuthenticationToken FORBIDDEN,
    "QUOTA_EXCEEDED" QuotaExceeded TOO_MANY_REQUESTS,
    "REQUEST_TOO_LARGE" RequestTooLarge PAYLOAD_TOO_LARGE,
    "RESOURCE_NOT_FOUND" ResourceNotFound NOT_FOUND,
    "THROTTLED" Throttled TOO_MANY_REQUESTS,
    "UNAUTHORIZED" Unauthorized UNAUTHORIZED,
    "UNSUPPORTED_MEDIA_TYPE" UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE,
    "WAF_FILTERED" WafFiltered FORBIDDEN,
}

impl Kind {
    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// As a configuration writes it: `integration_timeout`.
    pub fn key(self) -> String {
        self.name().to_ascii_lowercase()
    }

    /// `DEFAULT_4XX` or `DEFAULT_5XX`.
    pub fn family(self) -> Kind {
        if self.status().is_client_error() { Kind::Default4xx } else { Kind::Default5xx }
    }
}
