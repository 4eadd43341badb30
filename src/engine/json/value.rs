//! The text of one JSON value, taken out of a body as it was written.
//! Reads its kind and its text without building a tree.

use std::borrow::Cow;
use std::fmt;
use std::str::Chars;

use super::tree;

/// The raw text of one JSON value, without surrounding white space.
/// What is inside a container or a string may be broken: only its end was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonText<'a>(&'a [u8]);

/// The six kinds of JSON value (RFC 8259 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// Any number.
    Number,
    /// Any string.
    String,
    /// Any array.
    Array,
    /// Any object.
    Object,
}

impl<'a> JsonText<'a> {
    /// The text of one value; white space around it is dropped.
    pub fn new(raw: &'a [u8]) -> JsonText<'a> {
        JsonText(raw.trim_ascii())
    }

    /// What kind of value it is, as its first byte says.
    pub fn kind(&self) -> Kind {
        match self.0.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// What a pattern sees: a string decoded, a number as written, `true` or `false`.
    /// `null`, arrays and objects have no text.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::String => {
                let inside = self.0.strip_prefix(b"\"").unwrap_or(self.0);
                Some(decode(inside.strip_suffix(b"\"").unwrap_or(inside)))
            }
            Kind::Number | Kind::Bool => Some(lossy(self.0)),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }

    /// The bytes as they stood in the body.
    pub fn raw(&self) -> &'a [u8] {
        self.0
    }

    /// The value as a tree; `None` when something inside is not JSON, or too deep (see [`tree`](super::tree())).
    pub fn parse(&self) -> Option<serde_json::Value> {
        tree(self.0)
    }

    /// `[]` or `{}`, with any white space inside.
    pub fn is_empty_container(&self) -> bool {
        match self.0 {
            [b'[', inside @ .., b']'] | [b'{', inside @ .., b'}'] => inside.trim_ascii().is_empty(),
            _ => false,
        }
    }
}

/// The raw text; what is not UTF-8 becomes U+FFFD.
impl fmt::Display for JsonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

/// The text that stands between the quotes of a string. Never fails, because legacy backends send all of
/// it: what is not UTF-8 and lone surrogates become U+FFFD, an unknown escape such as `\'` its character.
pub(super) fn decode(inside: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', inside).is_none() {
        return lossy(inside);
    }
    let text = lossy(inside);
    let mut decoded = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        decoded.push(if char == '\\' { decode_escape(&mut chars) } else { char });
    }
    Cow::Owned(decoded)
}

/// Faster than `from_utf8_lossy` alone, and nearly every text needs no more.
fn lossy(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(text),
    }
}

fn decode_escape(chars: &mut Chars<'_>) -> char {
    match chars.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => decode_unicode(chars),
        Some(other) => other,
        None => char::REPLACEMENT_CHARACTER,
    }
}

/// `XXXX`, or the two halves of a surrogate pair `XXXX\uXXXX`.
fn decode_unicode(chars: &mut Chars<'_>) -> char {
    let Some(first) = code_unit(chars) else { return char::REPLACEMENT_CHARACTER };
    let mut ahead = chars.clone();
    let pair = (0xD800..0xDC00).contains(&first) && ahead.next() == Some('\\') && ahead.next() == Some('u');
    let second = if pair { code_unit(&mut ahead) } else { None };
    match char::decode_utf16([first].into_iter().chain(second)).next() {
        Some(Ok(char)) => {
            if second.is_some() {
                *chars = ahead;
            }
            char
        }
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// Four hexadecimal digits; nothing is consumed when they are not there.
fn code_unit(chars: &mut Chars<'_>) -> Option<u16> {
    let mut ahead = chars.clone();
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit * 16 + ahead.next()?.to_digit(16)?;
    }
    *chars = ahead;
    u16::try_from(unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_a_pattern_sees() {
        #[track_caller]
        fn check(raw: &[u8], expected: Option<&str>) {
            assert_eq!(JsonText::new(raw).text().as_deref(), expected);
        }
        check(b"404", Some("404"));
        check(b"1.0", Some("1.0"));
        check(b"-1e3", Some("-1e3"));
        check(b"12345678901234567890", Some("12345678901234567890"));
        check(b"true", Some("true"));
        check(b"false", Some("false"));
        check(b"null", None);
        check(b"{}", None);
        check(b"[1]", None);
        check(br#""""#, Some(""));
        check(br#""not found""#, Some("not found"));
        check(br#""a\"b\\c\/d""#, Some("a\"b\\c/d"));
        check(br#""\b\f\n\r\t""#, Some("\u{8}\u{c}\n\r\t"));
        check(br#""\u00e9\u00E9""#, Some("éé"));
        check(br#""\ud83d\ude00!""#, Some("😀!"));
        check(br#""\ud83d""#, Some("\u{fffd}"));
        check(br#""\ud83dx""#, Some("\u{fffd}x"));
        check(br#""\ud83d\u0041""#, Some("\u{fffd}A"));
        check(br#""\ude00""#, Some("\u{fffd}"));
        check(br#""\u12""#, Some("\u{fffd}12"));
        check(br#""don\'t""#, Some("don't"));
        check(b"\"caf\xe9\"", Some("caf\u{fffd}"));
    }

    #[test]
    fn a_plain_string_is_borrowed() {
        assert!(matches!(JsonText::new(br#""plain""#).text(), Some(Cow::Borrowed("plain"))));
    }

    #[test]
    fn kind_is_told_by_the_first_byte() {
        #[track_caller]
        fn check(raw: &str, expected: Kind) {
            assert_eq!(JsonText::new(raw.as_bytes()).kind(), expected);
        }
        check("null", Kind::Null);
        check("true", Kind::Bool);
        check("false", Kind::Bool);
        check("-1", Kind::Number);
        check("0", Kind::Number);
        check("\"\"", Kind::String);
        check("[]", Kind::Array);
        check(" {}", Kind::Object);
    }

    #[test]
    fn only_a_container_can_be_empty() {
        #[track_caller]
        fn check(raw: &str, expected: bool) {
            assert_eq!(JsonText::new(raw.as_bytes()).is_empty_container(), expected);
        }
        check("[]", true);
        check("{ \n }", true);
        check("[0]", false);
        check("{\"a\":1}", false);
        check("\"\"", false);
        check("null", false);
    }
}
