//! RFC 9457 problem details: the body of translated errors (`body: problem`) and of Candor's own answers.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

/// The media type of [`Problem::to_json`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The members of RFC 9457 section 3.1, and extensions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problem {
    /// URI of the kind of problem; left out it means `about:blank`.
    pub kind: Option<String>,
    /// Short text; the status's own phrase unless given.
    pub title: Option<String>,
    /// What happened this time.
    pub detail: Option<String>,
    /// URI of this occurrence.
    pub instance: Option<String>,
    /// Further members, written after the standard ones.
    pub extensions: Vec<(String, Value)>,
}

impl Problem {
    /// A problem with a detail only.
    pub fn detail(detail: impl Into<String>) -> Problem {
        Problem { detail: Some(detail.into()), ..Problem::default() }
    }

    /// The document for an answer of this status, one line of JSON.
    pub fn to_json(&self, status: StatusCode) -> Bytes {
        let mut members = Map::new();
        let title = self.title.as_deref().or(status.canonical_reason());
        let texts = [("type", self.kind.as_deref()), ("title", title)];
        let put = |members: &mut Map<String, Value>, name: &str, text: Option<&str>| {
            if let Some(text) = text {
                members.insert(name.to_owned(), Value::from(text));
            }
        };
        for (name, text) in texts {
            put(&mut members, name, text);
        }
        members.insert("status".to_owned(), Value::from(status.as_u16()));
        put(&mut members, "detail", self.detail.as_deref());
        put(&mut members, "instance", self.instance.as_deref());
        for (name, value) in &self.extensions {
            members.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        Bytes::from(Value::Object(members).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(problem: Problem, expected: &str) {
        assert_eq!(problem.to_json(StatusCode::NOT_FOUND), expected);
    }

    #[test]
    fn members_stand_in_the_order_of_the_rfc() {
        check(Problem::default(), r#"{"title":"Not Found","status":404}"#);
        check(Problem::detail("no \"x\""), r#"{"title":"Not Found","status":404,"detail":"no \"x\""}"#);
        check(
            Problem {
                kind: Some("https://example.com/no-order".into()),
                title: Some("No order".into()),
                instance: Some("/orders/17".into()),
                extensions: vec![("code".into(), Value::from(1404)), ("status".into(), Value::from(200))],
                ..Problem::default()
            },
            r#"{"type":"https://example.com/no-order","title":"No order","status":404,"instance":"/orders/17","code":1404}"#,
        );
    }
}
