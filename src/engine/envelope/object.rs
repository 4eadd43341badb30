//! A JSON object whose members are known but whose values are not looked into: a large `body` is skipped
//! over, then decoded once. Values are taken as API Gateway's Jackson model takes them: any scalar is text.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Malformed;

/// Characters of a name or value repeated in a reason.
const QUOTED_MAX: usize = 64;

/// Members in their order; of two equal keys the first.
#[derive(Default)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads an object and stops at the first key that is not known.
    pub(super) fn parse(json: &'a [u8], is_known: impl Fn(&str) -> bool) -> Result<Object<'a>, Malformed> {
        let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(Malformed::because("not a JSON object"));
        }
        let mut source = serde_json::Deserializer::from_slice(json);
        let members = source.deserialize_map(Members(is_known));
        members.and_then(|members| source.end().map(|()| Object(members))).map_err(|error| {
            let syntax = if error.is_data() { "" } else { "not valid JSON: " };
            Malformed::because(format!("{syntax}{error}"))
        })
    }

    /// All members whose value is not `null`.
    pub(super) fn present(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        let members = self.0.iter().map(|(key, value)| (key.as_ref(), *value));
        members.filter(|(_, value)| value.get() != "null")
    }

    /// The value of a key, unless it is `null`.
    pub(super) fn value(&self, key: &str) -> Option<&'a RawValue> {
        self.present().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The text of a key's scalar, empty if there is none.
    pub(super) fn text(&self, key: &str) -> Result<Cow<'a, str>, Malformed> {
        self.value(key).map_or(Ok(Cow::default()), |value| text(value, key))
    }

    /// The values of a key's list, none if there is no list.
    pub(super) fn list(&self, key: &str) -> Result<Vec<&'a RawValue>, Malformed> {
        self.value(key).map_or(Ok(Vec::new()), |value| list(value, key))
    }

    /// The object that is the value of a key, empty if there is none.
    pub(super) fn object(&self, key: &str) -> Result<Object<'a>, Malformed> {
        match self.value(key) {
            None => Ok(Object::default()),
            Some(value) if value.get().starts_with('{') => Object::parse(value.get().as_bytes(), |_| true),
            Some(_) => Err(Malformed::because(format!("`{key}` is not an object"))),
        }
    }
}

/// Reads the members of an object whose keys the function inside knows.
struct Members<F>(F);

impl<'a, F: Fn(&str) -> bool> Visitor<'a> for Members<F> {
    type Value = Vec<(Cow<'a, str>, &'a RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let Members(is_known) = self;
        let (mut members, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some(Text(key)) = object.next_key()? {
            if !is_known(&key) {
                return Err(A::Error::custom(format!("unknown key {}", quoted(&key))));
            }
            let value = object.next_value()?;
            if seen.insert(key.clone()) {
                members.push((key, value));
            }
        }
        Ok(members)
    }
}

/// Text that is copied only when it holds an escape.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a scalar: a string decoded, a number or boolean as written. `name` is whose value it is.
pub(super) fn text<'a>(value: &'a RawValue, name: &str) -> Result<Cow<'a, str>, Malformed> {
    let json = value.get();
    match json.bytes().next() {
        Some(b'{') => Err(Malformed::because(format!("{} is an object", quoted(name)))),
        Some(b'[') => Err(Malformed::because(format!("{} is a list", quoted(name)))),
        Some(b'"') => match serde_json::from_str(json) {
            Ok(Text(text)) => Ok(text),
            Err(error) => Err(Malformed::because(format!("{} is not valid text: {error}", quoted(name)))),
        },
        _ => Ok(Cow::Borrowed(json)),
    }
}

/// The values of a list, without those that are `null`. `name` is whose value it is.
pub(super) fn list<'a>(value: &'a RawValue, name: &str) -> Result<Vec<&'a RawValue>, Malformed> {
    let not_a_list = || Malformed::because(format!("{} is not a list", quoted(name)));
    // The parser's own message would repeat a value of another type whole.
    if !value.get().starts_with('[') {
        return Err(not_a_list());
    }
    let mut values: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| not_a_list())?;
    values.retain(|value| value.get() != "null");
    Ok(values)
}

/// Words of the body in backticks, made safe to print.
pub(super) fn quoted(text: &str) -> String {
    let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let text: String = text.chars().take(QUOTED_MAX).map(printable).collect();
    format!("`{text}`")
}
