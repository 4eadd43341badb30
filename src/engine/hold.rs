//! Which answers may be held while a rule is undecided, and for how much and how long.
//! [`Inspect`] chooses by content type; [`Hold`] bounds. Holds nothing itself: that is the adapter's work.

use std::fmt;
use std::time::Duration;

use memchr::{memchr2, memchr3};

/// The bounds of holding an answer's head and body back until its verdict is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Body bytes held at most, decoded or not.
    pub max_bytes: u64,
    /// Time from the answer's head to its verdict at most.
    pub max_time: Duration,
    /// What becomes of an answer that reaches a bound undecided.
    pub on_limit: OnLimit,
}

impl Default for Hold {
    fn default() -> Hold {
        Hold { max_bytes: 1 << 20, max_time: Duration::from_secs(10), on_limit: OnLimit::Pass }
    }
}

/// What a rule set says of its own about holding; the rest is as for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HoldChange {
    /// In place of [`Hold::max_bytes`].
    pub max_bytes: Option<u64>,
    /// In place of [`Hold::max_time`].
    pub max_time: Option<Duration>,
    /// In place of [`Hold::on_limit`].
    pub on_limit: Option<OnLimit>,
}

impl HoldChange {
    /// The bounds for this rule set, where `all` are everyone's.
    pub fn over(self, all: Hold) -> Hold {
        Hold {
            max_bytes: self.max_bytes.unwrap_or(all.max_bytes),
            max_time: self.max_time.unwrap_or(all.max_time),
            on_limit: self.on_limit.unwrap_or(all.on_limit),
        }
    }
}

/// What becomes of an answer whose hold ends at a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLimit {
    /// It goes out as the upstream sent it.
    #[default]
    Pass,
    /// The client gets a 502 problem instead.
    Fail,
}

/// The content types whose bodies are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspect {
    /// An answer is inspected when one of these matches.
    pub content_types: Vec<MediaRange>,
}

impl Default for Inspect {
    /// JSON, XML, text, form and script types: where legacy backends hide what went wrong.
    fn default() -> Inspect {
        let either = |r#type: &str, subtype| MediaRange(Form::Subtype(r#type.to_owned(), subtype));
        let exactly = |subtype: &str| either("application", Subtype::Exact(subtype.to_owned()));
        let suffix = |suffix: &str| either("application", Subtype::Suffix(suffix.to_owned()));
        Inspect {
            content_types: vec![
                exactly("json"),
                suffix("json"),
                either("text", Subtype::Any),
                exactly("xml"),
                suffix("xml"),
                exactly("x-www-form-urlencoded"),
                exactly("javascript"),
            ],
        }
    }
}

impl Inspect {
    /// Whether the body of an answer with this `Content-Type` is read. One that names no media type (none at
    /// all, empty, `json`) is read, as such backends are who this is for; an endless one never is.
    pub fn covers(&self, content_type: Option<&str>) -> bool {
        let Some((r#type, subtype)) = content_type.and_then(media_type) else { return true };
        !endless(r#type, subtype) && self.content_types.iter().any(|range| range.covers(r#type, subtype))
    }
}

/// A set of media types: `application/json`, `text/*`, `*/*` (RFC 9110, section 12.5.1), or all with one
/// structured suffix (RFC 6838, section 4.2.8), `application/*+json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Anything,
    Subtype(String, Subtype),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subtype {
    Any,
    Suffix(String),
    Exact(String),
}

/// A text that is not a [`MediaRange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidMediaRange(String);

impl fmt::Display for InvalidMediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a content type or a range of them", self.0)
    }
}

impl std::error::Error for InvalidMediaRange {}

impl MediaRange {
    /// Reads `type/subtype`, `type/*`, `type/*+suffix` or `*/*`, without parameters.
    ///
    /// # Errors
    /// On any other form.
    pub fn parse(text: &str) -> Result<MediaRange, InvalidMediaRange> {
        if text == "*/*" {
            return Ok(MediaRange(Form::Anything));
        }
        let invalid = || InvalidMediaRange(text.to_owned());
        let (r#type, subtype) = text.split_once('/').ok_or_else(invalid)?;
        let subtype = match subtype.strip_prefix("*+") {
            Some(suffix) if is_name(suffix) && !suffix.contains('+') => Subtype::Suffix(suffix.to_owned()),
            None if subtype == "*" => Subtype::Any,
            None if is_name(subtype) => Subtype::Exact(subtype.to_owned()),
            _ => return Err(invalid()),
        };
        if !is_name(r#type) {
            return Err(invalid());
        }
        Ok(MediaRange(Form::Subtype(r#type.to_owned(), subtype)))
    }

    /// Whether a `Content-Type` value is in the range; its parameters and letter case do not count.
    pub fn matches(&self, content_type: &str) -> bool {
        media_type(content_type).is_some_and(|(r#type, subtype)| self.covers(r#type, subtype))
    }

    /// A pattern for the media types in the range, in lower case and without parameters.
    pub fn pattern(&self) -> String {
        let escaped = |text: &str| regex_syntax::escape(&text.to_ascii_lowercase());
        match &self.0 {
            Form::Anything => "[^/]+/[^/]+".to_owned(),
            Form::Subtype(own, Subtype::Any) => format!("{}/[^/]+", escaped(own)),
            Form::Subtype(own, Subtype::Exact(exact)) => format!("{}/{}", escaped(own), escaped(exact)),
            Form::Subtype(own, Subtype::Suffix(suffix)) => {
                format!(r"{}/[^/]+\+{}", escaped(own), escaped(suffix))
            }
        }
    }

    fn covers(&self, r#type: &str, subtype: &str) -> bool {
        let Form::Subtype(own_type, own_subtype) = &self.0 else { return true };
        same(own_type, r#type)
            && match own_subtype {
                Subtype::Any => true,
                Subtype::Exact(exact) => same(exact, subtype),
                Subtype::Suffix(suffix) => {
                    subtype.rsplit_once('+').is_some_and(|(base, own)| !base.is_empty() && same(suffix, own))
                }
            }
    }
}

/// Whether answers of this type go on without an end, so that waiting for one would only break them.
pub fn is_endless(content_type: &str) -> bool {
    media_type(content_type).is_some_and(|(r#type, subtype)| endless(r#type, subtype))
}

fn endless(r#type: &str, subtype: &str) -> bool {
    let grpc = |subtype: &str| subtype.get(..4).is_some_and(|start| same(start, "grpc"));
    (same(subtype, "event-stream") && same(r#type, "text"))
        || (same(subtype, "x-mixed-replace") && same(r#type, "multipart"))
        || (grpc(subtype) && same(r#type, "application"))
}

/// Letter case does not count, and is mostly the same.
fn same(a: &str, b: &str) -> bool {
    a == b || a.eq_ignore_ascii_case(b)
}

/// Type and subtype of a `Content-Type` value. A value that was sent twice and joined by a comma counts once.
fn media_type(content_type: &str) -> Option<(&str, &str)> {
    let end = memchr3(b'/', b';', b',', content_type.as_bytes())?;
    let (r#type, rest) = content_type.split_at_checked(end)?;
    let subtype = rest.strip_prefix('/')?;
    let subtype = subtype.get(..memchr2(b';', b',', subtype.as_bytes()).unwrap_or(subtype.len()))?;
    Some((r#type.trim_ascii(), subtype.trim_ascii()))
}

/// A token (RFC 9110, section 5.6.2) without the `*` that ranges give a meaning of their own.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::super::pattern::{Extent, Pattern};
    use super::*;

    #[test]
    fn ranges_match_by_type_subtype_and_suffix() {
        let check = |range: &str, content_type: &str, expected: bool| {
            let parsed = MediaRange::parse(range).unwrap();
            assert_eq!(parsed.matches(content_type), expected, "{range} on {content_type}");
            if let Some(plain) = media_type(content_type).map(|(a, b)| format!("{a}/{b}").to_lowercase()) {
                let pattern = Pattern::parse(&parsed.pattern(), Extent::Whole).unwrap();
                assert_eq!(pattern.is_match(&plain), expected, "the pattern of {range} on {plain}");
            }
        };
        check("application/json", "application/json", true);
        check("application/json", "Application/JSON ; charset=utf-8", true);
        check("APPLICATION/Json", "application/json", true);
        check("application/json", "application/json, application/json", true);
        check("application/json", "application/json5", false);
        check("application/json", "application/problem+json", false);
        check("application/*+json", "application/problem+json", true);
        check("application/*+json", "application/vnd.api+v2+JSON;v=1", true);
        check("application/*+json", "application/json", false);
        check("application/*+json", "application/+json", false);
        check("application/*+json", "application/problem+jsonx", false);
        check("application/*+json", "text/problem+json", false);
        check("text/*", "text/html", true);
        check("text/*", "textual/html", false);
        check("*/*", "image/png", true);
        check("*/*", "png", false);
    }

    #[test]
    fn other_forms_are_refused() {
        let check = |text: &str| assert!(MediaRange::parse(text).is_err(), "{text:?}");
        check("");
        check("json");
        check("/json");
        check("text/");
        check("*");
        check("*/json");
        check("*/*+json");
        check("application/*+");
        check("application/*json");
        check("application/*+a+b");
        check("application/json; charset=utf-8");
        check("text/html, text/plain");
        check(" text/html");
        assert_eq!(
            MediaRange::parse("json").unwrap_err().to_string(),
            "`json` is not a content type or a range of them"
        );
    }

    #[test]
    fn readable_answers_are_inspected_unless_told_otherwise() {
        let check = |content_type: Option<&str>, expected: bool| {
            assert_eq!(Inspect::default().covers(content_type), expected, "{content_type:?}");
        };
        check(None, true);
        check(Some(""), true);
        check(Some("json"), true);
        check(Some("application/json; charset=utf-8"), true);
        check(Some("application/problem+json"), true);
        check(Some("application/graphql-response+json"), true);
        check(Some("application/soap+xml"), true);
        check(Some("application/xml"), true);
        check(Some("text/html"), true);
        check(Some("application/x-www-form-urlencoded"), true);
        check(Some("application/javascript"), true);
        check(Some("application/octet-stream"), false);
        check(Some("image/svg"), false);
    }

    #[test]
    fn endless_answers_are_never_inspected() {
        let everything = Inspect { content_types: vec![MediaRange::parse("*/*").unwrap()] };
        let check = |content_type: &str, endless: bool| {
            assert_eq!(is_endless(content_type), endless, "{content_type}");
            assert_eq!(everything.covers(Some(content_type)), !endless, "{content_type}");
        };
        check("text/event-stream", true);
        check("Text/Event-Stream;charset=utf-8", true);
        check("application/grpc", true);
        check("application/grpc-web+proto", true);
        check("multipart/x-mixed-replace; boundary=x", true);
        check("text/plain", false);
        check("application/grp", false);
        check("multipart/form-data", false);
    }
}
