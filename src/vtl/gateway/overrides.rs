//! What a template wants changed beside the body: status, headers, and on the way to the backend the parameters.
//!
//! They are read when the render has ended without an error, so the last value put in a place counts. API Gateway's
//! documentation says that an override set twice is an error; what was recorded does not show it.

use super::super::fault::Fault;
use super::super::heap::{Heap, MapId};
use super::super::value::Value;

/// The overrides of one render.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `$context.responseOverride`.
    pub response: ResponseOverrides,
    /// `$context.requestOverride`.
    pub request: RequestOverrides,
}

/// A name and its values: a list stands for several.
pub type Entry = (String, Vec<String>);

/// `$context.responseOverride`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseOverrides {
    /// 100 to 599.
    pub status: Option<u16>,
    /// What was put in the place of a status and is none, as it prints. API Gateway ignores it.
    pub ignored_status: Option<String>,
    /// Headers, named as the template names them.
    pub headers: Vec<Entry>,
}

/// `$context.requestOverride`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestOverrides {
    /// Parts of the path.
    pub path: Vec<Entry>,
    /// The query string.
    pub querystring: Vec<Entry>,
    /// Headers.
    pub headers: Vec<Entry>,
}

pub(super) fn read(context: MapId, heap: &mut Heap<'_>) -> Result<Overrides, Fault> {
    let mut overrides = Overrides::default();
    if let Some(response) = child(context, "responseOverride", heap) {
        let status = heap.map(response).named("status").cloned().unwrap_or(Value::Null);
        if !status.is_null() {
            match status_of(&status) {
                Some(status) => overrides.response.status = Some(status),
                None => overrides.response.ignored_status = Some(printed(&status, heap)?),
            }
        }
        overrides.response.headers = entries(response, "header", heap)?;
    }
    if let Some(request) = child(context, "requestOverride", heap) {
        overrides.request.path = entries(request, "path", heap)?;
        overrides.request.querystring = entries(request, "querystring", heap)?;
        overrides.request.headers = entries(request, "header", heap)?;
    }
    Ok(overrides)
}

/// The response's overrides, then the request's.
pub(super) fn as_json(context: MapId, heap: &mut Heap<'_>) -> Result<[Option<String>; 2], Fault> {
    let mut json = [None, None];
    let places = [
        ("responseOverride", r#"{"header":{}}"#),
        ("requestOverride", r#"{"path":{},"header":{},"querystring":{}}"#),
    ];
    for (json, (name, nothing)) in json.iter_mut().zip(places) {
        let Some(overrides) = heap.map(context).named(name).cloned() else { continue };
        let mut text = String::new();
        heap.print_json(&overrides, &mut text)?;
        *json = Some(text).filter(|text| text != nothing);
    }
    Ok(json)
}

/// What the template may have put something into.
fn child(map: MapId, name: &str, heap: &mut Heap<'_>) -> Option<MapId> {
    match heap.map(map).named(name) {
        Some(Value::Map(child)) => Some(*child).filter(|child| !heap.is_bare(*child)),
        _ => None,
    }
}

/// Whole numbers and texts of digits from 100 to 599.
fn status_of(value: &Value<'_>) -> Option<u16> {
    let status = match value {
        Value::Integer(status) => u16::try_from(*status).ok(),
        Value::Long(status) => u16::try_from(*status).ok(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    status.filter(|status| (100..=599).contains(status))
}

fn entries(map: MapId, place: &str, heap: &mut Heap<'_>) -> Result<Vec<Entry>, Fault> {
    let Some(place) = child(map, place, heap).filter(|place| !heap.map(*place).is_empty()) else {
        return Ok(Vec::new());
    };
    let mut entries = Vec::new();
    for (name, value) in heap.map(place).entries().to_vec() {
        let values = match &value {
            Value::Null => continue,
            Value::List(_) | Value::View(..) => heap.items(&value)?,
            _ => vec![value],
        };
        let values = values.iter().map(|value| printed(value, heap)).collect::<Result<_, _>>()?;
        entries.push((printed(&name, heap)?, values));
    }
    Ok(entries)
}

fn printed<'a>(value: &Value<'a>, heap: &mut Heap<'a>) -> Result<String, Fault> {
    let mut text = String::new();
    heap.print(value, &mut text)?;
    Ok(text)
}
