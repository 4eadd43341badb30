//! Why an exchange ends with a gateway response, and not with what the backend said.

use http::StatusCode;

use super::super::model::Kind;
use super::request::Failure;

/// Why API Gateway answers by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which gateway response it is answered with.
    pub kind: Kind,
    /// The status, unless the definition says otherwise.
    pub status: StatusCode,
    /// `$context.error.message`, for the client.
    pub message: String,
    /// `$context.error.validationErrorString`.
    pub validation: Option<String>,
    /// What happened, for the operator.
    pub cause: String,
}

impl Fault {
    /// A fault that the client is told of.
    pub(super) fn told(kind: Kind, message: impl Into<String>) -> Fault {
        let message = message.into();
        Fault { kind, status: kind.status(), cause: message.clone(), message, validation: None }
    }

    /// 500, of which the client learns nothing.
    pub(super) fn internal(kind: Kind, cause: impl Into<String>) -> Fault {
        let mut fault = Fault::told(kind, "Internal server error");
        fault.status = StatusCode::INTERNAL_SERVER_ERROR;
        fault.cause = cause.into();
        fault
    }

    /// The definition does not fit the answer.
    pub(super) fn configuration(cause: impl Into<String>) -> Fault {
        Fault::internal(Kind::ApiConfigurationError, cause)
    }

    /// 502: a function has failed, or has not kept to the contract of proxy integrations.
    pub(super) fn malformed(cause: impl Into<String>) -> Fault {
        Fault { status: StatusCode::BAD_GATEWAY, ..Fault::internal(Kind::Default5xx, cause) }
    }

    /// The backend has not answered.
    pub(super) fn from_failure(failure: Failure) -> Fault {
        match failure {
            Failure::Timeout => Fault::told(Kind::IntegrationTimeout, "Endpoint request timed out"),
            Failure::Unreachable => {
                Fault::told(Kind::IntegrationFailure, "Network error communicating with endpoint")
            }
            Failure::InvalidAddress => Fault::internal(Kind::IntegrationFailure, "Invalid endpoint address"),
            Failure::TooLarge => Fault::internal(Kind::IntegrationFailure, "the answer is too large"),
            Failure::Busy => Fault::told(Kind::Throttled, "Too Many Requests"),
        }
    }

    /// `x-amzn-ErrorType`.
    pub(super) fn error_type(&self) -> &'static str {
        match self.kind {
            Kind::AccessDenied => "AccessDeniedException",
            Kind::AuthorizerConfigurationError => "AuthorizerConfigurationException",
            Kind::AuthorizerFailure => "AuthorizerFailureException",
            Kind::BadRequestBody | Kind::BadRequestParameters | Kind::UnsupportedMediaType => {
                "BadRequestException"
            }
            Kind::Default4xx => "BadRequestException",
            Kind::ExpiredToken => "ExpiredTokenException",
            Kind::InvalidApiKey => "ForbiddenException",
            Kind::InvalidSignature => "InvalidSignatureException",
            Kind::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Kind::QuotaExceeded => "LimitExceededException",
            Kind::RequestTooLarge => "RequestTooLargeException",
            Kind::ResourceNotFound => "ResourceNotFoundException",
            Kind::Throttled => "TooManyRequestsException",
            Kind::Unauthorized => "UnauthorizedException",
            Kind::WafFiltered => "WafFilteredException",
            Kind::ApiConfigurationError
            | Kind::Default5xx
            | Kind::IntegrationFailure
            | Kind::IntegrationTimeout => "InternalServerErrorException",
        }
    }

    /// The built-in body. What fails on the way to the integration and behind it prints with a space after the colon,
    /// what is refused before without.
    pub(super) fn body(&self) -> String {
        let message = serde_json::Value::from(self.message.as_str());
        let refused = [
            Kind::AccessDenied,
            Kind::ExpiredToken,
            Kind::InvalidApiKey,
            Kind::InvalidSignature,
            Kind::MissingAuthenticationToken,
            Kind::QuotaExceeded,
            Kind::ResourceNotFound,
            Kind::Throttled,
            Kind::Unauthorized,
            Kind::WafFiltered,
        ];
        match refused.contains(&self.kind) {
            true => format!(r#"{{"message":{message}}}"#),
            false => format!(r#"{{"message": {message}}}"#),
        }
    }
}
