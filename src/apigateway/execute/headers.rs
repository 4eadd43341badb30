//! Header lines in their order, named as they were written: API Gateway keeps the casing of names, and events and
//! templates show it.

use std::borrow::Cow;
use std::mem::take;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, header};

/// Header lines, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Text, Text)>);

/// What is always the same is not copied.
type Text = Cow<'static, str>;

impl Headers {
    /// None.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// One more line. What would end a line within a value is a space.
    pub fn append(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        let mut value = value.into();
        if memchr::memchr3(b'\r', b'\n', 0, value.as_bytes()).is_some() {
            value = value.replace(['\r', '\n', '\0'], " ").into();
        }
        self.0.push((name.into(), value));
    }

    /// This line in place of all of that name, however it is written.
    pub fn set(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        let name = name.into();
        self.remove(&name);
        self.append(name, value);
    }

    /// Takes away all lines of that name, however it is written.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// The lines under other names; a line that gets none is left out.
    pub(super) fn renamed(mut self, rename: impl Fn(Text) -> Option<Text>) -> Headers {
        self.0.retain_mut(|(name, _)| rename(take(name)).map(|new| *name = new).is_some());
        self
    }

    /// Takes away all lines of exactly that name.
    pub fn remove_exact(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The last value of that name, however it is written.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// All values of that name, however it is written.
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        let named = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value)
    }

    /// Whether there is a line of that name, however it is written.
    pub fn contains(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// All lines.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The media type of `Content-Type`: lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        self.get("content-type").map(media_type).filter(|media_type| !media_type.is_empty())
    }
}

/// A media type without its parameters, lower case.
pub(super) fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl<N: Into<Text>, V: Into<Text>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(lines: I) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        headers
    }
}

impl IntoIterator for Headers {
    type Item = (Text, Text);
    type IntoIter = std::vec::IntoIter<(Text, Text)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<&HeaderMap> for Headers {
    fn from(map: &HeaderMap) -> Headers {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
    }
}

/// What can be sent of them: a name or a value that HTTP does not allow is left out.
impl From<&Headers> for HeaderMap {
    fn from(headers: &Headers) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(headers.0.len());
        for (name, value) in &headers.0 {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
                // A second one would make the message ambiguous.
                match name == header::CONTENT_TYPE {
                    true => drop(map.insert(name, value)),
                    false => drop(map.append(name, value)),
                }
            }
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> Headers {
        lines.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn names_are_found_however_they_are_written_and_the_last_counts() {
        let headers = headers(&[("X-Id", "1"), ("x-ID", "2")]);
        assert_eq!(headers.get("x-id"), Some("2"));
        assert_eq!(headers.all("X-ID").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers.get("x-other"), None);
    }

    #[test]
    fn a_value_cannot_begin_another_line() {
        let headers = headers(&[("x", "a\r\nset-cookie: b")]);
        assert_eq!(headers.get("x"), Some("a  set-cookie: b"));
    }

    #[test]
    fn media_types_are_told_without_their_parameters() {
        let check = |value: &str, expected: &str| assert_eq!(media_type(value), expected, "{value}");
        check("application/json", "application/json");
        check("Application/JSON ; charset=utf-8", "application/json");
        check("", "");
    }

    #[test]
    fn what_http_does_not_allow_is_not_sent() {
        let map = HeaderMap::from(&headers(&[
            ("good", "1"),
            ("b d", "2"),
            ("content-type", "a"),
            ("Content-Type", "b"),
        ]));
        assert_eq!(map.len(), 2);
        assert_eq!(map["content-type"], "b");
    }
}
