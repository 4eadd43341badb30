//! What a function behind a Lambda proxy integration returns: `{statusCode, headers, multiValueHeaders, body,
//! isBase64Encoded}`, read as the Java object that API Gateway reads it into (aws-semantics, section 5).

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

use super::super::model::PayloadFormat;
use super::headers::Headers;

/// An answer that a function wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) status: StatusCode,
    pub(super) headers: Headers,
    pub(super) body: String,
    pub(super) is_base64: bool,
}

/// Why a result breaks the contract: lowercase, no full stop.
pub(super) type Breach = String;

/// What the result of a function says.
pub(super) fn read(result: &Bytes, format: PayloadFormat, strict: bool) -> Result<Written, Breach> {
    let value: Value =
        serde_json::from_slice(result).map_err(|error| format!("the result is no JSON: {error}"))?;
    match (format, value) {
        (PayloadFormat::Two, value) if value.get("statusCode").is_none() => Ok(inferred(value)),
        (_, Value::Object(object)) => written(object, format, strict),
        (_, other) => Err(format!("the result is no object but `{other}`")),
    }
}

/// Payload 2.0: a result without a status is the body itself.
fn inferred(value: Value) -> Written {
    let mut headers = Headers::new();
    headers.append("content-type", "application/json");
    let body = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Written { status: StatusCode::OK, headers, body, is_base64: false }
}

fn written(mut object: Map<String, Value>, format: PayloadFormat, strict: bool) -> Result<Written, Breach> {
    let mut take = |key: &str| object.remove(key).unwrap_or(Value::Null);
    let status = status(&take("statusCode"))?;
    let mut headers = headers(take("headers"), take("multiValueHeaders"), strict)?;
    let body = text("body", take("body"), strict)?.unwrap_or_default();
    let is_base64 = [take("base64Encoded"), take("isBase64Encoded")]
        .into_iter()
        .try_fold(false, |is, value| truth(&value).map(|value| is || value))?;
    if format == PayloadFormat::Two {
        for cookie in list("cookies", take("cookies"), strict)? {
            headers.append("set-cookie", cookie);
        }
    } else if let Some(key) = object.keys().next() {
        return Err(format!("the result has an unknown key: `{key}`"));
    }
    Ok(Written { status, headers, body, is_base64 })
}

/// 200 unless given; digits may stand in quotes. A status that cannot end an exchange is none.
fn status(value: &Value) -> Result<StatusCode, Breach> {
    let status = match value {
        Value::Null => Some(200),
        Value::String(text) if text.is_empty() => Some(200),
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            number.as_f64().map(f64::trunc).filter(|it| (0.0..1000.0).contains(it)).map(|it| it as u16)
        }
        _ => None,
    };
    let status = status
        .filter(|status| (200..600).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok());
    status.ok_or_else(|| format!("`statusCode` is no status: `{value}`"))
}

fn truth(value: &Value) -> Result<bool, Breach> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(value) => Ok(*value),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" || text.is_empty() => Ok(false),
        other => Err(format!("`isBase64Encoded` is neither true nor false: `{other}`")),
    }
}

/// Those of many values first, and their spelling of a name counts; of two equal lines one is left out.
fn headers(single: Value, multi: Value, strict: bool) -> Result<Headers, Breach> {
    let mut headers = Headers::new();
    for (name, values) in members("multiValueHeaders", multi)? {
        for value in list(&name, values, strict)? {
            headers.append(name.clone(), value);
        }
    }
    for (name, value) in members("headers", single)? {
        let Some(value) = text(&name, value, strict)? else { continue };
        let known = headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(&name))
            .map(|(known, _)| known.to_owned());
        if !headers.all(&name).any(|other| other == value) {
            headers.append(known.unwrap_or(name), value);
        }
    }
    Ok(headers)
}

fn members(key: &str, value: Value) -> Result<Map<String, Value>, Breach> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(members) => Ok(members),
        other => Err(format!("`{key}` is no object: `{other}`")),
    }
}

fn list(key: &str, value: Value, strict: bool) -> Result<Vec<String>, Breach> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(values) => {
            values.into_iter().filter_map(|value| text(key, value, strict).transpose()).collect()
        }
        other => Err(format!("`{key}` is no list: `{other}`")),
    }
}

/// A text, or what can stand for one. Reports of numbers differ: strictly they break the contract.
fn text(key: &str, value: Value, strict: bool) -> Result<Option<String>, Breach> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Bool(value) => Ok(Some(value.to_string())),
        Value::Number(number) if !strict => Ok(Some(number.to_string())),
        other => Err(format!("`{key}` is no text: `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(result: &str) -> Result<Written, Breach> {
        read(&Bytes::copy_from_slice(result.as_bytes()), PayloadFormat::Rest, false)
    }

    #[test]
    fn a_status_may_be_missing_or_stand_in_quotes() {
        let check = |result: &str, expected: Option<u16>| {
            assert_eq!(read_one(result).ok().map(|it| it.status.as_u16()), expected, "{result}");
        };
        check(r#"{"statusCode":200}"#, Some(200));
        check(r#"{"headers":{}}"#, Some(200));
        check("{}", Some(200));
        check(r#"{"statusCode":"201"}"#, Some(201));
        check(r#"{"statusCode":null}"#, Some(200));
        check(r#"{"statusCode":200.0}"#, Some(200));
        check(r#"{"statusCode":"test"}"#, None);
        check(r#"{"statusCode":true}"#, None);
        check(r#"{"statusCode":99}"#, None);
        check(r#"{"statusCode":600}"#, None);
    }

    #[test]
    fn what_is_no_such_object_breaks_the_contract() {
        let check =
            |result: &str, expected: &str| assert_eq!(read_one(result).unwrap_err(), expected, "{result}");
        check(r#""justAString""#, "the result is no object but `\"justAString\"`");
        check("null", "the result is no object but `null`");
        check("[]", "the result is no object but `[]`");
        check(r#"{"statusCode":200,"wrongValue":1}"#, "the result has an unknown key: `wrongValue`");
        check(r#"{"multiValueHeaders":{"h":"v"}}"#, "`h` is no list: `\"v\"`");
        check(r#"{"headers":{"h":{}}}"#, "`h` is no text: `{}`");
        check(r#"{"headers":[]}"#, "`headers` is no object: `[]`");
        check(r#"{"body":{}}"#, "`body` is no text: `{}`");
        check(r#"{"isBase64Encoded":1}"#, "`isBase64Encoded` is neither true nor false: `1`");
        assert!(read_one("{").unwrap_err().starts_with("the result is no JSON: "));
    }

    #[test]
    fn headers_of_many_values_come_first() {
        let check = |result: &str, expected: &[&str]| {
            let headers = read_one(result).unwrap().headers;
            let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            assert_eq!(lines, expected, "{result}");
        };
        check(
            r#"{"headers":{"test-multi":"solo"},"multiValueHeaders":{"tesT-Multi":["multi"]}}"#,
            &["tesT-Multi: multi", "tesT-Multi: solo"],
        );
        check(r#"{"headers":{"a":"1"},"multiValueHeaders":{"a":["1","2"]}}"#, &["a: 1", "a: 2"]);
        check(r#"{"headers":{"b":true,"n":1.50,"none":null}}"#, &["b: true", "n: 1.50"]);
        check(r#"{"headers":null,"multiValueHeaders":null}"#, &[]);
    }

    #[test]
    fn strictly_a_number_is_no_text() {
        let result = Bytes::from_static(br#"{"body":1}"#);
        assert_eq!(read(&result, PayloadFormat::Rest, false).unwrap().body, "1");
        assert_eq!(read(&result, PayloadFormat::Rest, true).unwrap_err(), "`body` is no text: `1`");
    }

    #[test]
    fn payload_two_may_be_the_body_itself() {
        let check = |result: &'static str, status: u16, body: &str| {
            let written = read(&Bytes::from_static(result.as_bytes()), PayloadFormat::Two, false).unwrap();
            assert_eq!((written.status.as_u16(), &*written.body), (status, body), "{result}");
        };
        check(r#"{"message":"hi"}"#, 200, r#"{"message":"hi"}"#);
        check(r#""hi""#, 200, "hi");
        check(r#"{"statusCode":201,"body":"b","unknown":1}"#, 201, "b");
    }
}
