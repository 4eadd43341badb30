//! The place of an exchange in a trace, in the form in which it travels: `traceparent` (W3C Trace Context, section 3.2).
//! The log has its ids, so that lines are found beside the spans of others.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{SpanId, TraceId};

/// The header itself.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What systems add to it for themselves (section 3.3). It says nothing without it.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A valid `traceparent`: a span, its trace, and whether that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(HeaderValue);

impl TraceParent {
    /// What a request's headers say, if they say one span and in the form of the standard.
    pub fn of(headers: &HeaderMap) -> Option<TraceParent> {
        let mut values = headers.get_all(&TRACEPARENT).iter();
        let value = values.next().filter(|value| is_valid(value))?;
        values.next().is_none().then(|| TraceParent(value.clone()))
    }

    /// A span of a trace that begins with it, not recorded until somebody [wants it](TraceParent::sampled).
    pub fn root() -> TraceParent {
        let trace = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(1..));
        TraceParent::written(&trace, false)
    }

    /// A new span in the same trace, recorded if this one is.
    pub fn child(&self) -> TraceParent {
        TraceParent::written(self.trace_id(), self.is_sampled())
    }

    /// The same, recorded or not.
    pub fn sampled(self, is_sampled: bool) -> TraceParent {
        if self.is_sampled() == is_sampled {
            return self;
        }
        TraceParent::from_parts(self.trace_id(), self.span_id(), is_sampled)
    }

    fn written(trace_id: &str, is_sampled: bool) -> TraceParent {
        TraceParent::from_parts(trace_id, &format!("{:016x}", fastrand::u64(1..)), is_sampled)
    }

    fn from_parts(trace_id: &str, span_id: &str, is_sampled: bool) -> TraceParent {
        let flags = if is_sampled { "01" } else { "00" };
        let text = ["00", trace_id, span_id, flags].join("-");
        // Digits and dashes are a header's value, so the other arm is never taken.
        TraceParent(HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    /// The 32 hexadecimal digits of the trace.
    pub fn trace_id(&self) -> &str {
        self.part(3..35)
    }

    /// The 16 hexadecimal digits of the span.
    pub fn span_id(&self) -> &str {
        self.part(36..52)
    }

    /// Whether the caller records the trace (section 3.2.2.5.1).
    pub fn is_sampled(&self) -> bool {
        u8::from_str_radix(self.part(53..55), 16).is_ok_and(|flags| flags & 1 == 1)
    }

    /// What to send.
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Both ids as OpenTelemetry's libraries want them.
    pub(super) fn ids(&self) -> (TraceId, SpanId) {
        let trace = TraceId::from_hex(self.trace_id()).unwrap_or(TraceId::INVALID);
        (trace, SpanId::from_hex(self.span_id()).unwrap_or(SpanId::INVALID))
    }

    fn part(&self, digits: std::ops::Range<usize>) -> &str {
        let part = self.0.as_bytes().get(digits).unwrap_or_default();
        std::str::from_utf8(part).unwrap_or_default()
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

    fn read(lines: &[&'static str]) -> Option<TraceParent> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACEPARENT, HeaderValue::from_static(line));
        }
        TraceParent::of(&headers)
    }

    #[track_caller]
    fn check(lines: &[&'static str], expected: Option<(&str, &str, bool)>) {
        let read = read(lines);
        let told = read.as_ref().map(|it| (it.trace_id(), it.span_id(), it.is_sampled()));
        assert_eq!(told, expected);
    }

    #[test]
    fn only_valid_ids_are_read() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        check(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"], Some((trace, span, true)));
        check(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"], Some((trace, span, false)));
        check(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe"], Some((trace, span, false)));
        check(
            &["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-comes"],
            Some((trace, span, true)),
        );
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

    #[test]
    fn what_is_made_here_is_valid_and_new() {
        let root = TraceParent::root();
        let (child, other) = (root.child(), TraceParent::root());
        for made in [&root, &child, &other, &root.clone().sampled(true)] {
            assert!(is_valid(&made.header()), "{made:?}");
        }
        assert_eq!((root.trace_id(), root.is_sampled()), (child.trace_id(), false));
        assert!(root.span_id() != child.span_id() && root.trace_id() != other.trace_id());
    }

    #[test]
    fn a_child_is_recorded_as_its_parent_is() {
        let parent = TraceParent::root().sampled(true);
        assert!(parent.is_sampled() && parent.child().is_sampled());
        assert!(!parent.child().sampled(false).is_sampled());
        assert_eq!(parent.clone().sampled(true), parent);
    }
}
