//! The URL of a backend, out of its pattern, the parameters of its path and those of its query.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::model::{UriPart, UriPattern};

/// What cannot stand in a path as it is. A `%` stays, because values come as they were sent; so does `/`, because
/// `{proxy+}` holds several segments.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');
/// What need not be written otherwise in a query (RFC 3986 section 2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL; a `{name}` without a value stays as it is. `raw` is a query string that is put behind the rest.
pub(super) fn url(
    pattern: &UriPattern,
    path: &[(String, String)],
    query: &[(String, String)],
    raw: &str,
) -> String {
    let mut url = String::new();
    for part in &pattern.parts {
        match part {
            UriPart::Text(text) => url.push_str(text),
            UriPart::Parameter(name) => match path.iter().rfind(|(known, _)| known == name) {
                Some((_, value)) => url.extend(utf8_percent_encode(value, PATH)),
                None => drop(write!(url, "{{{name}}}")),
            },
        }
    }
    for (name, value) in query {
        let name = utf8_percent_encode(name, QUERY);
        let value = utf8_percent_encode(value, QUERY);
        push_query(&mut url, &format!("{name}={value}"));
    }
    if !raw.is_empty() {
        push_query(&mut url, raw);
    }
    url
}

fn push_query(url: &mut String, query: &str) {
    let separator = match url.find('?') {
        Some(at) if at + 1 == url.len() => "",
        Some(_) => "&",
        None => "?",
    };
    url.push_str(separator);
    url.push_str(query);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_filled_in() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        let check = |path: &[(&str, &str)], query: &[(&str, &str)], raw: &str, expected: &str| {
            let pattern = UriPattern {
                written: String::new(),
                parts: vec![UriPart::Text("http://b/".to_owned()), UriPart::Parameter("id".to_owned())],
            };
            assert_eq!(url(&pattern, &pairs(path), &pairs(query), raw), expected);
        };
        check(&[("id", "1/2%2F")], &[], "", "http://b/1/2%2F");
        check(&[("id", "a b?")], &[], "", "http://b/a%20b%3F");
        check(&[], &[], "", "http://b/{id}");
        check(&[("id", "1")], &[("a b", "ä&"), ("c", "")], "", "http://b/1?a%20b=%C3%A4%26&c=");
        check(&[("id", "1")], &[("v", "foobar")], "v=bar&w", "http://b/1?v=foobar&v=bar&w");
    }
}
