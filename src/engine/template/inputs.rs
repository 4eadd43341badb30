//! What a template is rendered with, gathered from what is known of the exchange.

use std::borrow::Cow;

use http::HeaderMap;

use super::super::condition::{Condition, Test};
use super::super::facts::{Datum, Facts, decoded_query};
use super::super::found::{Found, Hindrance};
use super::BodySource;
use crate::vtl::gateway::{Inputs, Known, Needs, Node, Params};
use crate::vtl::{Fault, Heap, ListKind, MapId, MapKind, Value};

/// Texts that the inputs borrow.
pub(super) struct Gathered<'f> {
    body: Cow<'f, str>,
    values: Option<Vec<(&'f [String], Cow<'f, str>)>>,
    query: Vec<(Cow<'f, str>, Cow<'f, str>)>,
    headers: Vec<(&'f str, Cow<'f, str>)>,
    context: bool,
}

impl<'f> Gathered<'f> {
    pub(super) fn of(
        needs: &Needs,
        source: &'f BodySource,
        found: &'f Found<'_, '_>,
    ) -> Result<Self, Hindrance> {
        let facts = found.facts;
        let mut gathered = Gathered {
            body: Cow::Borrowed(""),
            values: None,
            query: Vec::new(),
            headers: Vec::new(),
            context: needs.variable("context"),
        };
        match source {
            BodySource::Nothing => {}
            BodySource::Values(values) => {
                let mut known = Vec::new();
                for (names, subject) in values {
                    let json = found.seen(facts.values(subject))?.and_then(|value| json_of(&value));
                    known.extend(json.map(|json| (names.as_slice(), json)));
                }
                gathered.values = Some(known);
            }
            BodySource::Whole(subject) => {
                if let Some(text) = found.seen(facts.values(subject))?.and_then(text_of) {
                    gathered.body = text;
                }
            }
        }
        if needs.params {
            gathered.query = decoded_query(facts.request.uri.query()).collect();
            gathered.headers = texts(&facts.request.headers).collect();
        }
        Ok(gathered)
    }

    pub(super) fn inputs<'i>(&'i self, found: &'i Found<'_, '_>) -> Inputs<'i> {
        let facts = found.facts;
        let circumstances = facts.request.circumstances.as_deref();
        let path = circumstances.map(|it| it.path_parameters.as_slice()).unwrap_or_default();
        let params = Params {
            path: path.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            querystring: self.query.iter().map(|(name, value)| (&**name, &**value)).collect(),
            header: self.headers.iter().map(|(name, value)| (*name, &**value)).collect(),
        };
        let known = |(names, json): &'i (&'i [String], Cow<'_, str>)| Known { names, json };
        Inputs {
            body: &self.body,
            values: self.values.as_ref().map(|values| values.iter().map(known).collect()),
            params,
            context: if self.context { context(facts) } else { Vec::new() },
            stage_variables: Vec::new(),
            native: true,
        }
    }
}

/// The members that `$context` has here, those of the overrides among them.
pub const CONTEXT: &[&str] = &[
    "domainName",
    "httpMethod",
    "identity",
    "path",
    "protocol",
    "requestId",
    "requestOverride",
    "requestTime",
    "requestTimeEpoch",
    "resourcePath",
    "responseOverride",
];

/// What a sidecar knows of `$context`.
fn context<'f>(facts: &'f Facts<'_>) -> Vec<(&'f str, Node<'f>)> {
    let request = facts.request;
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut identity = vec![("userAgent", Node::Text(header(http::header::USER_AGENT)))];
    let mut context = vec![
        ("httpMethod", Node::Text(request.method.as_str())),
        ("path", Node::Text(request.uri.path())),
        ("domainName", Node::Text(header(http::header::HOST))),
    ];
    if let Some(it) = request.circumstances.as_deref() {
        identity.push(("sourceIp", Node::Text(&it.source_ip)));
        context.extend([
            ("resourcePath", Node::Text(&it.resource_path)),
            ("protocol", Node::Text(it.protocol)),
            ("requestId", Node::Text(&it.request_id)),
            ("requestTime", Node::Text(&it.request_time)),
            ("requestTimeEpoch", Node::Integer(it.request_time_epoch)),
        ]);
    }
    context.push(("identity", Node::Branch(identity)));
    context
}

/// Variables that API Gateway does not have: `$answer`, `$request` and `$rule`.
pub(super) struct Natives<'f, 'e> {
    facts: &'f Facts<'e>,
    captures: Vec<(&'f str, String)>,
}

impl<'f, 'e> Natives<'f, 'e> {
    pub(super) fn of(needs: &Needs, found: &Found<'f, 'e>) -> Result<Natives<'f, 'e>, Hindrance> {
        let mut captures = Vec::new();
        if needs.variable("rule") {
            for name in group_names(found.when) {
                captures.extend(found.capture(name)?.map(|text| (name, text)));
            }
        }
        Ok(Natives { facts: found.facts, captures })
    }

    /// The variable of that name, if it is one of these.
    pub(super) fn named<'a>(&'a self, name: &str, heap: &mut Heap<'a>) -> Result<Option<Value<'a>>, Fault> {
        if !["answer", "request", "rule"].contains(&name) {
            return Ok(None);
        }
        let map = heap.make_map(MapKind::Map)?;
        match name {
            "answer" => {
                let headers = headers(&self.facts.head.headers, heap)?;
                heap.put(
                    map,
                    Value::borrowed("status"),
                    Value::Integer(self.facts.head.status.as_u16().into()),
                )?;
                heap.put(map, Value::borrowed("headers"), headers)?;
            }
            "request" => {
                let request = self.facts.request;
                let headers = headers(&request.headers, heap)?;
                let query = request.uri.query().unwrap_or_default();
                heap.put(map, Value::borrowed("method"), Value::borrowed(request.method.as_str()))?;
                heap.put(map, Value::borrowed("path"), Value::borrowed(request.uri.path()))?;
                heap.put(map, Value::borrowed("query"), Value::borrowed(query))?;
                heap.put(map, Value::borrowed("headers"), headers)?;
            }
            _ => {
                let captures = heap.make_map(MapKind::Map)?;
                for (name, text) in &self.captures {
                    heap.put(captures, Value::borrowed(name), Value::borrowed(text))?;
                }
                heap.put(map, Value::borrowed("captures"), Value::Map(captures))?;
            }
        }
        Ok(Some(Value::Map(map)))
    }
}

/// Headers by their names in lower case; of one that comes several times a list.
fn headers<'a>(headers: &'a HeaderMap, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    let map: MapId = heap.make_map(MapKind::Map)?;
    for name in headers.keys() {
        let mut values = Vec::new();
        for value in headers.get_all(name) {
            values.push(match value.to_str() {
                Ok(text) => Value::borrowed(text),
                Err(_) => heap.text(String::from_utf8_lossy(value.as_bytes()))?,
            });
        }
        let value = match values.len() {
            1 => values.remove(0),
            _ => heap.make_list(ListKind::List, values)?,
        };
        heap.put(map, Value::borrowed(name.as_str()), value)?;
    }
    Ok(Value::Map(map))
}

/// The value as JSON, as it was written.
fn json_of<'f>(value: &Datum<'f>) -> Option<Cow<'f, str>> {
    match value {
        Datum::Json(json) => Some(String::from_utf8_lossy(json.raw())),
        other => Some(Cow::Owned(other.json()?.to_string())),
    }
}

fn text_of(value: Datum<'_>) -> Option<Cow<'_, str>> {
    match value {
        Datum::Text(text) => Some(text),
        other => other.text().map(|text| Cow::Owned(text.into_owned())),
    }
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    headers.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
}

fn group_names(when: Option<&Condition>) -> Vec<&str> {
    let leaves = when.into_iter().flat_map(Condition::leaves);
    let patterns = leaves.filter_map(|leaf| match &leaf.test {
        Test::Matches(patterns) => Some(patterns),
        _ => None,
    });
    let mut names: Vec<&str> = patterns.flatten().flat_map(|pattern| pattern.group_names()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
