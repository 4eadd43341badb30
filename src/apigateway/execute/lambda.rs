//! What a Lambda function answered, told from the answer of the Invoke API or of an emulator.
//!
//! The Invoke API says in a header whether the function has failed. The Runtime Interface Emulator does not: there an
//! error can only be recognised by its shape. Which of them has answered shows in the headers that only AWS sends.

use std::fmt;
use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::request::Answer;

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invoked {
    /// The answer, with its result, or its error, as JSON in the body.
    pub(super) answer: Answer,
    /// How it ended.
    pub(super) end: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// With a result.
    Success,
    /// With an error of that message.
    Error(String),
    /// It was not called at all.
    Refused(StatusCode),
}

/// Keys that the runtimes write into errors; an object that has others is a result.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Key {
    ErrorMessage,
    ErrorType,
    StackTrace,
    Trace,
    RequestId,
    Cause,
    #[serde(other)]
    Other,
}

/// An object as far as it is an error. All else in it is skipped: a stack trace may be long.
#[derive(Default)]
struct Written {
    message: Option<String>,
    has_others: bool,
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Written, D::Error> {
        deserializer.deserialize_map(WrittenVisitor)
    }
}

struct WrittenVisitor;

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
        let mut written = Written::default();
        while let Some(key) = map.next_key()? {
            match key {
                Key::ErrorMessage => written.message = Some(text_of(map.next_value()?)),
                Key::Other => {
                    written.has_others = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(written)
    }
}

const TIMED_OUT: &str = "Task timed out after ";
static MESSAGE_KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"errorMessage\""));

/// What the answer to an invocation says.
pub(super) fn read(answer: Answer) -> Invoked {
    let error = match answer.status {
        _ if answer.headers.contains("x-amz-function-error") => Some(error(&answer.body)),
        // The emulator, when the runtime has died.
        StatusCode::BAD_GATEWAY => Some(error(&answer.body)),
        status if !status.is_success() => {
            return Invoked { answer, end: End::Refused(status) };
        }
        _ if is_from_aws(&answer) => None,
        _ => recognised(&answer.body),
    };
    match error {
        None => Invoked { answer, end: End::Success },
        Some(Told::Object(message)) => Invoked { answer, end: End::Error(message) },
        Some(Told::Text(message)) => {
            Invoked { answer: Answer { body: told(&message), ..answer }, end: End::Error(message) }
        }
    }
}

/// The message of an error, and how it came.
enum Told {
    /// In an object, as Lambda writes it.
    Object(String),
    /// As text.
    Text(String),
}

/// An error as Lambda writes it, where an emulator sends the message alone.
fn told(message: &str) -> Bytes {
    Bytes::from(serde_json::json!({ "errorMessage": message }).to_string())
}

fn is_from_aws(answer: &Answer) -> bool {
    ["x-amz-executed-version", "x-amzn-requestid"].into_iter().any(|name| answer.headers.contains(name))
}

/// The message of an error that looks like one.
fn recognised(body: &[u8]) -> Option<Told> {
    let text = str::from_utf8(body).ok()?;
    if text.starts_with(TIMED_OUT) {
        return Some(Told::Text(text.to_owned()));
    }
    // Most results hold no such word, and need not be read.
    MESSAGE_KEY.find(body)?;
    let written: Written = serde_json::from_str(text).ok()?;
    written.message.filter(|_| !written.has_others).map(Told::Object)
}

/// `errorMessage`, or what else there is.
fn error(body: &[u8]) -> Told {
    match serde_json::from_slice::<Written>(body) {
        Ok(written) => Told::Object(written.message.unwrap_or_default()),
        Err(_) => Told::Text(String::from_utf8_lossy(body).into_owned()),
    }
}

fn text_of(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::headers::Headers;
    use super::*;

    fn read_as(status: u16, header: Option<&str>, body: &str) -> End {
        let headers: Headers = header.into_iter().map(|name| (name.to_owned(), "1".to_owned())).collect();
        let status = StatusCode::from_u16(status).unwrap();
        read(Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }).end
    }

    #[test]
    fn aws_says_in_a_header_that_a_function_has_failed() {
        let check = |header: &str, body: &str, expected: End| {
            assert_eq!(read_as(200, Some(header), body), expected, "{body}");
        };
        let error = |message: &str| End::Error(message.to_owned());
        check(
            "X-Amz-Function-Error",
            r#"{"errorMessage":"no such order","errorType":"E"}"#,
            error("no such order"),
        );
        check("X-Amz-Function-Error", r#"{"errorMessage":null}"#, error(""));
        check("X-Amz-Function-Error", r#"{"errorType":"E"}"#, error(""));
        check("x-amzn-RequestId", r#"{"errorMessage":"a result"}"#, End::Success);
        check("X-Amz-Executed-Version", "Task timed out after 3.00 seconds", End::Success);
    }

    #[test]
    fn an_error_of_an_emulator_is_known_by_its_shape() {
        let check = |status: u16, body: &str, expected: Option<&str>| {
            let expected = expected.map_or(End::Success, |message| End::Error(message.to_owned()));
            assert_eq!(read_as(status, None, body), expected, "{body}");
        };
        check(200, r#"{"errorMessage":"m","errorType":"E","stackTrace":[]}"#, Some("m"));
        check(200, r#"{"errorMessage":"m"}"#, Some("m"));
        check(200, r#"{"errorMessage":"m","statusCode":400}"#, None);
        check(200, r#"{"errorType":"E"}"#, None);
        check(200, r#"["errorMessage"]"#, None);
        check(200, "Task timed out after 3.00 seconds", Some("Task timed out after 3.00 seconds"));
        check(
            502,
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 1 Error: exit"}"#,
            Some("RequestId: 1 Error: exit"),
        );
        check(502, "", Some(""));
    }

    #[test]
    fn an_error_is_always_an_object() {
        let body = "Task timed out after 3.00 seconds".into();
        let invoked = read(Answer { status: StatusCode::OK, headers: Headers::new(), body });
        assert_eq!(invoked.answer.body, r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#);
    }

    #[test]
    fn a_function_may_not_be_called_at_all() {
        let check = |status: u16| {
            assert_eq!(read_as(status, None, "{}"), End::Refused(StatusCode::from_u16(status).unwrap()));
        };
        check(400);
        check(429);
        check(500);
    }
}
