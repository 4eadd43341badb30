//! The trace that an exchange is part of, from `traceparent` (W3C Trace Context, section 3.2): for the log, so that
//! its lines are found beside the spans of others. The header itself goes on untouched.

use http::header::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A valid `traceparent`.
#[derive(Debug)]
pub(in crate::proxy) struct TraceId(HeaderValue);

impl TraceId {
    /// The id in a request's headers, if it says one and in the form of the standard.
    pub fn of(headers: &HeaderMap) -> Option<TraceId> {
        let mut values = headers.get_all(&TRACEPARENT).iter();
        let value = values.next().filter(|value| is_valid(value))?;
        values.next().is_none().then(|| TraceId(value.clone()))
    }

    /// Its 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        self.0.to_str().ok().and_then(|text| text.get(3..35)).unwrap_or_default()
    }
}

/// `00-<32 digits>-<16 digits>-<2 digits>`; versions to come may say more after that, and `ff` never comes.
fn is_valid(value: &HeaderValue) -> bool {
    let mut parts = value.as_bytes().splitn(5, |&byte| byte == b'-');
    let mut next = |length: usize| {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        parts.next().filter(|part| part.len() == length && part.iter().all(is_digit))
    };
    let (version, trace, parent, flags) = (next(2), next(32), next(16), next(2));
    let is_some_id = |id: Option<&[u8]>| id.is_some_and(|id| id.iter().any(|&digit| digit != b'0'));
    let ends = parts.next().is_none() || version != Some(b"00");
    version.is_some_and(|version| version != b"ff")
        && is_some_id(trace)
        && is_some_id(parent)
        && flags.is_some()
        && ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&'static str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACEPARENT, HeaderValue::from_static(line));
        }
        assert_eq!(TraceId::of(&headers).as_ref().map(TraceId::as_str), expected);
    }

    #[test]
    fn only_valid_ids_are_read() {
        let id = Some("4bf92f3577b34da6a3ce929d0e0e4736");
        check(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"], id);
        check(&["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes"], id);
        check(&[], None);
        check(&[""], None);
        check(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes"], None);
        check(&["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"], None);
        check(&["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"], None);
        check(&["00-00000000000000000000000000000000-00f067aa0ba902b7-01"], None);
        check(&["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"], None);
        check(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"], None);
        check(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"; 2], None);
    }
}
