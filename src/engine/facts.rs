//! What is known of an exchange at this moment: everything of its heads, and of the body what has gone by.
//! Answers one question: which values has this [`Subject`]?

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Deref;

use bytes::Bytes;
use http::header;
use serde_json::Value;

use super::charset;
use super::exchange::{AnswerHead, RequestSnapshot};
use super::json::{self, Document, JsonText, Kind, Path, State};
use super::learnt::Learnt;
use super::outcome::{Bypass, Undecided};
use super::subject::{JsonPlace, JsonSubject, Subject, Subjects};
use super::text::Sought;
use super::xml;

/// The body, as far as it is known.
#[derive(Clone)]
pub enum Body<'a> {
    /// Still going by.
    Pending,
    /// All of it, put together when somebody asks.
    Whole(&'a dyn Deref<Target = Bytes>),
    /// It will not be looked at.
    Bypassed(Bypass),
    /// It cannot be known.
    Unknown(Undecided),
}

/// The values of a subject, or why there are none yet.
#[derive(Debug)]
pub enum Seen<'f> {
    /// All values the subject has.
    Values(Values<'f>),
    /// The body has not gone by.
    Pending,
    /// The body is not looked at, or cannot be known.
    Withheld,
}

/// None, one, or several values (a repeated header, a JSON query). One is the rule and costs no allocation.
#[derive(Debug)]
pub enum Values<'f> {
    /// The subject is absent.
    None,
    /// The usual case.
    One([Datum<'f>; 1]),
    /// In the order they stand in.
    Many(Vec<Datum<'f>>),
}

impl<'f> Deref for Values<'f> {
    type Target = [Datum<'f>];

    fn deref(&self) -> &[Datum<'f>] {
        match self {
            Values::None => &[],
            Values::One(one) => one,
            Values::Many(many) => many,
        }
    }
}

impl<'f> FromIterator<Datum<'f>> for Values<'f> {
    fn from_iter<I: IntoIterator<Item = Datum<'f>>>(items: I) -> Values<'f> {
        let mut items = items.into_iter();
        let Some(first) = items.next() else { return Values::None };
        match items.next() {
            None => Values::One([first]),
            Some(second) => Values::Many([first, second].into_iter().chain(items).collect()),
        }
    }
}

/// One value.
#[derive(Debug, Clone)]
pub enum Datum<'f> {
    /// Text, as headers, paths and XML elements have it.
    Text(Cow<'f, str>),
    /// A value cut out of a JSON body.
    Json(JsonText<'f>),
    /// A JSON value that is not `null`, of which only that was asked.
    Present,
    /// A value in a parsed JSON tree.
    Tree(&'f Value),
    /// A value in JSON that was itself a text.
    Inner(Box<Value>),
}

impl Datum<'_> {
    /// The value as a pattern sees it: text as it is, numbers as written, `true`, `false`; arrays and objects as
    /// JSON. `None` for JSON's `null`.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Datum::Text(text) => Some(Cow::Borrowed(text)),
            Datum::Present => Some(Cow::Borrowed("present")),
            Datum::Json(json) => match json.kind() {
                Kind::Null => None,
                Kind::Array | Kind::Object => Some(String::from_utf8_lossy(json.raw())),
                Kind::Bool | Kind::Number | Kind::String => json.text(),
            },
            Datum::Tree(value) => value_text(value),
            Datum::Inner(value) => value_text(value),
        }
    }

    /// The value as JSON; text becomes a JSON string.
    pub fn json(&self) -> Option<Value> {
        match self {
            Datum::Text(text) => Some(Value::from(text.as_ref())),
            Datum::Present => None,
            Datum::Json(json) => json.parse(),
            Datum::Tree(value) => Some((*value).clone()),
            Datum::Inner(value) => Some((**value).clone()),
        }
    }

    /// The JSON text of the value, as the upstream wrote it where it can be had.
    pub fn raw_json(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Datum::Json(json) => Some(Cow::Borrowed(json.raw())),
            other => Some(Cow::Owned(other.json()?.to_string().into_bytes())),
        }
    }

    /// Whether the value is JSON's `null`.
    pub fn is_null(&self) -> bool {
        match self {
            Datum::Text(_) | Datum::Present => false,
            Datum::Json(json) => json.kind() == Kind::Null,
            Datum::Tree(value) => value.is_null(),
            Datum::Inner(value) => value.is_null(),
        }
    }

    /// Whether the value is JSON text and not another JSON value; `None` when it is not JSON at all.
    pub fn is_json_string(&self) -> Option<bool> {
        match self {
            Datum::Text(_) | Datum::Present => None,
            Datum::Json(json) => Some(json.kind() == Kind::String),
            Datum::Tree(value) => Some(value.is_string()),
            Datum::Inner(value) => Some(value.is_string()),
        }
    }
}

fn value_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        other => Some(Cow::Owned(other.to_string())),
    }
}

/// Everything known of one exchange.
pub struct Facts<'a> {
    /// What was asked.
    pub request: &'a RequestSnapshot,
    /// What the upstream said before its body.
    pub head: &'a AnswerHead,
    /// The body, as far as it is known.
    pub body: Body<'a>,
    subjects: &'a Subjects,
    learnt: &'a Learnt,
    text: OnceCell<Cow<'a, str>>,
    tree: OnceCell<Option<Value>>,
    elements: OnceCell<xml::Found>,
}

impl<'a> Facts<'a> {
    /// Facts of an exchange of whose body so much has been learnt.
    pub fn new(
        subjects: &'a Subjects,
        request: &'a RequestSnapshot,
        head: &'a AnswerHead,
        body: Body<'a>,
        learnt: &'a Learnt,
    ) -> Facts<'a> {
        Facts {
            request,
            head,
            body,
            subjects,
            learnt,
            text: OnceCell::new(),
            tree: OnceCell::new(),
            elements: OnceCell::new(),
        }
    }

    /// The values of a subject.
    pub fn values(&self, subject: &Subject) -> Seen<'_> {
        match subject {
            Subject::Status => one(Cow::Borrowed(self.head.status.as_str())),
            Subject::Header(name) => header_values(&self.head.headers, name),
            Subject::ContentType => match media_type(self.head.header(header::CONTENT_TYPE)) {
                Some(media_type) => one(Cow::Owned(media_type)),
                None => Seen::Values(Values::None),
            },
            Subject::Method => one(Cow::Borrowed(self.request.method.as_str())),
            Subject::Path => one(Cow::Borrowed(self.request.uri.path())),
            Subject::Query(name) => query_values(self.request.uri.query(), name),
            Subject::RequestHeader(name) => header_values(&self.request.headers, name),
            Subject::Json(json) => self.json_values(json),
            Subject::Error(json) => match self.json_values(json) {
                Seen::Values(values) => Seen::Values(
                    values.iter().filter(|v| v.is_json_string() == Some(true)).cloned().collect(),
                ),
                unseen => unseen,
            },
            Subject::Body => match self.whole() {
                Ok(bytes) => {
                    one(Cow::Borrowed(self.text.get_or_init(|| charset::text(charset::without_mark(bytes)))))
                }
                Err(unseen) => unseen,
            },
            Subject::Xml { index, .. } => self.xml_values(*index),
            Subject::EmptyBody if self.learnt.has_begun() => one(Cow::Borrowed("false")),
            Subject::EmptyBody => match self.whole() {
                Ok(_) => one(Cow::Borrowed("true")),
                Err(unseen) => unseen,
            },
        }
    }

    /// Whether a test of the body's text holds, if that was seen as it went by.
    pub fn told(&self, sought: &Sought) -> Option<bool> {
        self.learnt.text(sought)
    }

    /// Whether it was seen of all tests of the body's text that they do not hold.
    pub fn told_of_none(&self) -> bool {
        self.learnt.no_text()
    }

    /// The values of a subject as a trace shows them: of the body, what has gone by.
    pub fn shown(&self, subject: &Subject) -> Seen<'_> {
        match (self.values(subject), self.learnt.text_so_far()) {
            (Seen::Pending | Seen::Withheld, Some(text)) if matches!(subject, Subject::Body) => {
                one(Cow::Borrowed(text))
            }
            (seen, _) => seen,
        }
    }

    /// The whole body, or why it is not there.
    pub fn whole(&self) -> Result<&'a [u8], Seen<'static>> {
        match self.body {
            Body::Whole(whole) => Ok(whole),
            Body::Pending => Err(Seen::Pending),
            Body::Bypassed(_) | Body::Unknown(_) => Err(Seen::Withheld),
        }
    }

    /// What a body that gave no value turned out to be, for the trace: "not JSON (byte 0)".
    pub fn why_missing(&self, subject: &Subject) -> Option<String> {
        match subject {
            Subject::Json(json) | Subject::Error(json) => Some(self.why_no_json(json)),
            Subject::Xml { .. } => Some(match self.not_xml() {
                Some(not_xml) => format!("not XML (byte {}: {})", not_xml.offset, not_xml.reason),
                None => "element missing".to_owned(),
            }),
            Subject::Header(_) | Subject::RequestHeader(_) | Subject::ContentType => {
                Some("header absent".to_owned())
            }
            Subject::Query(_) => Some("parameter absent".to_owned()),
            _ => None,
        }
    }

    fn why_no_json(&self, json: &JsonSubject) -> String {
        match (json.outer, self.learnt.scan().document()) {
            (JsonPlace::Query(_), _) if matches!(self.tree.get(), Some(None)) => "not JSON".to_owned(),
            (JsonPlace::Slot(_), Document::NotJson { offset }) => format!("not JSON (byte {offset})"),
            (JsonPlace::Slot(_), Document::CutShort) => "the JSON is cut short".to_owned(),
            _ => "path missing".to_owned(),
        }
    }

    fn json_values(&self, json: &JsonSubject) -> Seen<'_> {
        let Some(inner) = &json.inner else { return self.outer_values(json.outer) };
        match self.outer_values(json.outer) {
            Seen::Values(values) => {
                Seen::Values(values.iter().flat_map(|value| inner_values(value, inner)).collect())
            }
            unseen => unseen,
        }
    }

    fn outer_values(&self, place: JsonPlace) -> Seen<'_> {
        match place {
            JsonPlace::Slot(slot) => self.slot_values(slot),
            JsonPlace::Query(index) => self.query_tree(index),
        }
    }

    fn slot_values(&self, slot: json::Slot) -> Seen<'_> {
        match (&self.body, self.learnt.scan().slot(slot)) {
            (Body::Bypassed(_), _) => Seen::Withheld,
            (_, State::Found(text)) => Seen::Values(Values::One([Datum::Json(text)])),
            (_, State::Null) => Seen::Values(Values::One([Datum::Json(JsonText::new(b"null"))])),
            (_, State::Present) => Seen::Values(Values::One([Datum::Present])),
            (_, State::Missing) => Seen::Values(Values::None),
            (Body::Pending, State::Pending) => Seen::Pending,
            (_, State::Pending) => Seen::Withheld,
        }
    }

    fn query_tree(&self, index: usize) -> Seen<'_> {
        let bytes = match self.whole() {
            Ok(bytes) => bytes,
            Err(unseen) => return unseen,
        };
        let tree = self.tree.get_or_init(|| json::tree(bytes));
        let (Some(tree), Some(query)) = (tree, self.subjects.queries.get(index)) else {
            return Seen::Values(Values::None);
        };
        Seen::Values(query.nodes(tree).into_iter().map(Datum::Tree).collect())
    }

    fn xml_values(&self, index: usize) -> Seen<'_> {
        match self.learnt.xml().map_or(xml::State::Pending, |scan| scan.state(index)) {
            xml::State::Found(text) => one(Cow::Borrowed(text)),
            xml::State::Missing => Seen::Values(Values::None),
            xml::State::Pending => match self.whole() {
                Ok(bytes) => {
                    let found = self.elements.get_or_init(|| xml::find(&self.subjects.elements, bytes));
                    let value = found.values.get(index).and_then(Option::as_deref);
                    Seen::Values(value.map(|text| Datum::Text(Cow::Borrowed(text))).into_iter().collect())
                }
                Err(unseen) => unseen,
            },
        }
    }

    fn not_xml(&self) -> Option<&xml::NotXml> {
        let seen = self.learnt.xml().and_then(xml::Scan::not_xml);
        seen.or_else(|| self.elements.get()?.not_xml.as_ref())
    }
}

fn one(text: Cow<'_, str>) -> Seen<'_> {
    Seen::Values(Values::One([Datum::Text(text)]))
}

fn header_values<'f>(headers: &'f http::HeaderMap, name: &header::HeaderName) -> Seen<'f> {
    let text = |value: &'f http::HeaderValue| Datum::Text(String::from_utf8_lossy(value.as_bytes()));
    Seen::Values(headers.get_all(name).iter().map(text).collect())
}

fn query_values<'f>(query: Option<&'f str>, name: &str) -> Seen<'f> {
    let values = parameters(query).filter(|(key, _)| decode(key) == name);
    Seen::Values(values.map(|(_, value)| Datum::Text(decode(value))).collect())
}

/// The parameters of a query string, decoded.
pub fn decoded_query(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    parameters(query).map(|(name, value)| (decode(name), decode(value)))
}

fn parameters(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Form decoding: `+` is a space, `%xx` a byte.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// The media type of a `Content-Type`, lower case, without parameters.
pub fn media_type(content_type: Option<&str>) -> Option<String> {
    let media_type = content_type?.split(';').next()?.trim();
    (!media_type.is_empty()).then(|| media_type.to_ascii_lowercase())
}

/// Values at a path within a JSON document that is held in a text.
fn inner_values<'f>(outer: &Datum<'f>, path: &Path) -> Vec<Datum<'f>> {
    let Some(text) = outer.text() else { return Vec::new() };
    let Some(tree) = json::tree(text.as_bytes()) else { return Vec::new() };
    path.nodes(&tree).into_iter().cloned().map(Box::new).map(Datum::Inner).collect()
}
