//! `$context`: what is known of the request, the API and the stage, as templates, mappings and events see it.

use serde_json::{Map, Value, json};

use super::super::model::{Api, Method};
use super::api_key::Admitted;
use super::fault::Fault;
use super::request::Received;

/// What an API has in the cloud and nowhere else, so that templates and functions find something in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `$context.accountId`.
    pub account_id: String,
    /// `$context.apiId`.
    pub api_id: String,
    /// `$context.deploymentId`.
    pub deployment_id: String,
}

impl Default for Identity {
    fn default() -> Identity {
        Identity {
            account_id: "000000000000".to_owned(),
            api_id: "candor".to_owned(),
            deployment_id: "local".to_owned(),
        }
    }
}

/// `$context` without overrides and error. The order of the names is API Gateway's, which `keySet()` shows.
pub(super) fn context(
    api: &Api,
    identity: &Identity,
    method: Option<&Method>,
    received: &Received<'_>,
    key: Option<Admitted<'_>>,
) -> Map<String, Value> {
    let request = received.request;
    let host = received.headers.get("host").unwrap_or_default();
    let domain = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let stage_path = match api.stage.is_empty() {
        true => received.path.to_owned(),
        false => format!("/{}{}", api.stage, received.path),
    };
    let resource = method.map(|method| &*method.resource);
    let context = json!({
        "resourceId": resource.map(resource_id),
        "resourcePath": resource,
        "httpMethod": request.method.as_str(),
        "extendedRequestId": request.request_id,
        "requestTime": request.time,
        "path": stage_path,
        "accountId": identity.account_id,
        "protocol": request.protocol,
        "requestOverride": {},
        "stage": api.stage,
        "domainPrefix": domain.split('.').next(),
        "requestTimeEpoch": request.time_epoch,
        "requestId": request.request_id,
        "identity": identity_of(received, key),
        "domainName": domain,
        "deploymentId": identity.deployment_id,
        "responseOverride": {},
        "apiId": identity.api_id,
    });
    match context {
        Value::Object(context) => context,
        _ => Map::new(),
    }
}

/// `$context.identity`. Who the caller is nobody has asked; of API keys it is known where the method asks for one.
fn identity_of(received: &Received<'_>, key: Option<Admitted<'_>>) -> Value {
    let mut identity = json!({
        "cognitoIdentityPoolId": null,
        "accountId": null,
        "cognitoIdentityId": null,
        "caller": null,
        "sourceIp": received.request.source_ip,
        "principalOrgId": null,
        "accessKey": null,
        "cognitoAuthenticationType": null,
        "cognitoAuthenticationProvider": null,
        "userArn": null,
        "userAgent": received.headers.get("user-agent"),
        "user": null,
    });
    if let (Some(identity), Some(key)) = (identity.as_object_mut(), key) {
        identity.insert("apiKey".to_owned(), Value::from(key.value));
        identity.insert("apiKeyId".to_owned(), Value::from(key.name));
    }
    identity
}

/// Six letters and digits that stand for a resource, always the same.
fn resource_id(path: &str) -> String {
    let hash = path.bytes().fold(5381_u64, |hash, byte| hash.wrapping_mul(33) ^ u64::from(byte));
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let digit = |place: u32| digits.get((hash / 36_u64.pow(place) % 36) as usize).copied().unwrap_or(b'0');
    (0..6).map(|place| char::from(digit(place))).collect()
}

/// `$context.error`.
pub(super) fn error(fault: &Fault) -> Value {
    json!({
        "message": fault.message,
        "messageString": Value::from(fault.message.as_str()).to_string(),
        "responseType": fault.kind.name(),
        "validationErrorString": fault.validation,
    })
}

/// The text at a path of names; objects have none.
pub(super) fn text_at(context: &Map<String, Value>, names: &[String]) -> Option<String> {
    let (first, rest) = names.split_first()?;
    let found = rest.iter().try_fold(context.get(first)?, |value, name| value.get(name))?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(found.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_the_same_id_each_time() {
        assert_eq!(resource_id("/orders/{id}"), resource_id("/orders/{id}"));
        assert_ne!(resource_id("/orders/{id}"), resource_id("/orders"));
        assert_eq!(resource_id("/").len(), 6);
    }

    #[test]
    fn only_plain_values_are_texts() {
        let Value::Object(context) = json!({"a": {"b": "text", "n": 7, "none": null}}) else {
            unreachable!()
        };
        let check = |path: &str, expected: Option<&str>| {
            let names: Vec<String> = path.split('.').map(str::to_owned).collect();
            assert_eq!(text_at(&context, &names).as_deref(), expected, "{path}");
        };
        check("a.b", Some("text"));
        check("a.n", Some("7"));
        check("a.none", None);
        check("a", None);
        check("a.b.c", None);
        check("x", None);
    }
}
