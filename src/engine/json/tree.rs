//! A whole JSON document as a [`Value`], the way a [`Scan`](super::Scan) reads it:
//! the first of two equal keys counts, and numbers stay as they were written (but `1e3` becomes `1e+3`).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::BYTE_ORDER_MARK;

/// The tree of a document; `None` when it is not JSON or nested deeper than serde_json's 128 levels.
/// A byte order mark is skipped; what is not UTF-8 becomes U+FFFD.
pub fn tree(document: &[u8]) -> Option<Value> {
    let document = document.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(document);
    let text = String::from_utf8_lossy(document);
    serde_json::from_str::<Part>(&text).ok().map(Part::into_value)
}

/// What serde_json hands to a visitor. A number that no integer type holds as written comes, with
/// `arbitrary_precision`, as a map whose one value is an *owned* string. Strings of the document come
/// borrowed, so the two cannot be confused, not even by a document that imitates that map's private key.
enum Part {
    Value(Value),
    NumberText(String),
}

impl Part {
    fn into_value(self) -> Value {
        match self {
            Part::Value(value) => value,
            Part::NumberText(text) => Value::String(text),
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Part, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Part, E> {
        Ok(Part::Value(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Part, E> {
        Ok(Part::Value(Value::Bool(value)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Part, E> {
        Ok(Part::Value(Value::Number(number.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Part, E> {
        Ok(Part::Value(Value::Number(number.into())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Part, E> {
        Ok(Part::Value(Value::String(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Part, E> {
        Ok(Part::NumberText(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Part, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element::<Part>()? {
            array.push(item.into_value());
        }
        Ok(Part::Value(Value::Array(array)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Part, A::Error> {
        let mut object = Map::new();
        while let Some((name, part)) = fields.next_entry::<String, Part>()? {
            match part {
                Part::Value(value) => object.entry(name).or_insert(value),
                Part::NumberText(text) => return number(&text).map_err(Error::custom),
            };
        }
        Ok(Part::Value(Value::Object(object)))
    }
}

fn number(text: &str) -> Result<Part, serde_json::Error> {
    text.parse().map(|number| Part::Value(Value::Number(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(document: &[u8], expected: Option<&str>) {
        assert_eq!(tree(document).map(|value| value.to_string()).as_deref(), expected);
    }

    #[test]
    fn the_first_of_equal_keys_counts_and_order_stays() {
        check(br#"{"b":1,"a":2,"b":{"c":3}}"#, Some(r#"{"b":1,"a":2}"#));
        check(br#"{"a":null,"\u0061":2}"#, Some(r#"{"a":null}"#));
        check(br#"[{"a":1,"a":2}]"#, Some(r#"[{"a":1}]"#));
    }

    #[test]
    fn numbers_stay_as_written() {
        check(b"[1.0,1e+3,-0,12345678901234567890,0.10]", Some("[1.0,1e+3,-0,12345678901234567890,0.10]"));
    }

    #[test]
    fn an_object_cannot_pass_for_a_number() {
        let spoof = r#"{"$serde_json::private::Number":"1"}"#;
        check(spoof.as_bytes(), Some(spoof));
        let spoof = r#"{"$serde_json::private::Number":1}"#;
        check(spoof.as_bytes(), Some(spoof));
        let escaped = r#"{"$serde_json::private::Number":"\u0031"}"#;
        check(escaped.as_bytes(), Some(r#"{"$serde_json::private::Number":"1"}"#));
    }

    #[test]
    fn byte_order_mark_and_broken_utf8_are_borne() {
        check(b"\xEF\xBB\xBF {\"a\":1}\n", Some(r#"{"a":1}"#));
        check(b"\"caf\xe9\"", Some("\"caf\u{fffd}\""));
    }

    #[test]
    fn what_is_not_json_has_no_tree() {
        check(b"", None);
        check(b"Record not found", None);
        check(b"{\"a\":1} x", None);
        check(b"[1,]", None);
        check("[".repeat(100_000).as_bytes(), None);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(tree(nested(127).as_bytes()).is_some());
        assert!(tree(nested(128).as_bytes()).is_none());
    }
}
