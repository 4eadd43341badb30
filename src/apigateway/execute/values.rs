//! What the source of a parameter mapping yields for one exchange.

use super::super::model::{BodyPath, RequestSource, ResponseSource};
use super::Execution;
use super::context::text_at;
use super::fault::Fault;
use super::headers::Headers;
use super::request::Received;
use crate::vtl::{Fault as RenderFault, Heap, Limits, Value, json};

/// The body of an answer as mappings see it.
pub(super) struct Reply<'r> {
    pub(super) headers: &'r Headers,
    pub(super) body: &'r str,
}

impl Execution<'_> {
    /// The values of a source of the request's side; none where there is nothing.
    ///
    /// # Errors
    /// 400 for a path into a body that is no JSON.
    pub(super) fn requested(&self, source: &RequestSource) -> Result<Vec<String>, Fault> {
        let received = &self.received;
        let of = |pairs: &[(String, String)], name: &str| -> Vec<String> {
            pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
        };
        let one = |text: Option<&str>| text.map(str::to_owned).into_iter().collect();
        Ok(match source {
            RequestSource::Header(name) => one(received.headers.get(name)),
            RequestSource::Headers(name) => received.headers.all(name).map(str::to_owned).collect(),
            RequestSource::Query(name) => one(Received::last(&received.query, name)),
            RequestSource::Queries(name) => of(&received.query, name),
            RequestSource::Path(name) => one(Received::last(&received.request.path_parameters, name)),
            RequestSource::Body(path) => {
                let text = String::from_utf8_lossy(&received.request.body);
                body_value(&text, path.as_ref()).map_err(|fault| not_json(&fault))?.into_iter().collect()
            }
            RequestSource::Context(names) => text_at(self.context(), names).into_iter().collect(),
            RequestSource::StageVariable(name) => one(self.api.stage_variable(name)),
            RequestSource::Static(text) => vec![text.clone()],
        })
    }

    /// The value of a source of the answer's side, if there is one.
    ///
    /// # Errors
    /// 500 for a path into a body that is no JSON.
    pub(super) fn answered(
        &self,
        source: &ResponseSource,
        reply: &Reply<'_>,
    ) -> Result<Option<String>, Fault> {
        Ok(match source {
            ResponseSource::Header(name) => reply.headers.get(name).map(str::to_owned),
            ResponseSource::Headers(name) => {
                let values: Vec<&str> = reply.headers.all(name).collect();
                (!values.is_empty()).then(|| values.join(","))
            }
            ResponseSource::Body(path) => body_value(reply.body, path.as_ref()).map_err(|fault| {
                Fault::internal(
                    super::Kind::Default5xx,
                    format!("a parameter from the answer's body: {fault}"),
                )
            })?,
            ResponseSource::Context(names) => text_at(self.context(), names),
            ResponseSource::StageVariable(name) => self.api.stage_variable(name).map(str::to_owned),
            ResponseSource::Static(text) => Some(text.clone()),
        })
    }
}

fn not_json(fault: &RenderFault) -> Fault {
    let mut told = Fault::told(super::Kind::Default4xx, "Invalid JSON in request body");
    told.cause = format!("a parameter from the request's body: {fault}");
    told
}

/// The whole body, or what is at a path of it: texts without quotes, all else as JSON. Only what begins like JSON is
/// looked into.
fn body_value(body: &str, path: Option<&BodyPath>) -> Result<Option<String>, RenderFault> {
    let body = if body.is_empty() { "{}" } else { body };
    let Some(path) = path else { return Ok(Some(body.to_owned())) };
    if !body.starts_with(['{', '[', '"', '\'']) {
        return Ok(None);
    }
    let mut heap = Heap::new(Limits::default());
    let root = json::parse(body, &mut heap)?;
    let value = path.path.find(&root, &mut heap)?;
    let mut text = String::new();
    match &value {
        Value::Null => return Ok(None),
        Value::Map(_) | Value::List(_) | Value::View(..) => heap.print_json(&value, &mut text)?,
        _ => heap.print(&value, &mut text)?,
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vtl::jsonpath::Path;

    #[test]
    fn values_of_a_body_are_texts_or_json() {
        let check = |body: &str, path: Option<&str>, expected: Option<&str>| {
            let path = path.map(|text| BodyPath {
                text: text.to_owned(),
                path: Path::parse(&format!("$.{text}")).unwrap(),
            });
            assert_eq!(body_value(body, path.as_ref()).unwrap().as_deref(), expected, "{body}");
        };
        check("", None, Some("{}"));
        check("plain", None, Some("plain"));
        check(r#"{"a":{"b":"text"}}"#, Some("a.b"), Some("text"));
        check(r#"{"a":{"b":[1, 2]}}"#, Some("a"), Some(r#"{"b":[1,2]}"#));
        check(r#"{"a":1.50}"#, Some("a"), Some("1.5"));
        check(r#"{"a":null}"#, Some("a"), None);
        check(r#"{"a":1}"#, Some("b"), None);
        check("plain", Some("a"), None);
    }

    #[test]
    fn a_body_that_only_begins_like_json_is_an_error() {
        let path = BodyPath { text: "a".to_owned(), path: Path::parse("$.a").unwrap() };
        assert!(body_value("{\"a\"", Some(&path)).is_err());
    }
}
