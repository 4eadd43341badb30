//! Sending a request again instead of answering: how often, how far apart, and for which requests.
//! Only says what a rule's author allows. Whether there is still time, budget and a body to send is the adapter's
//! knowledge, and so is the clock.

use std::fmt;
use std::time::Duration;

use http::Method;
use http::header::{HeaderMap, HeaderName};

/// What a rule says about sending the request again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Further tries after the first, 1 to 10.
    pub attempts: u32,
    /// The longest pause before the first further try; it doubles with every try.
    pub backoff: Duration,
    /// What the doubling ends at.
    pub max_backoff: Duration,
    /// Requests that may be carried out more than once.
    pub repeatable: Repeatable,
}

/// Which requests may reach the upstream more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeatable {
    /// Requests with one of these methods; `None` for the idempotent ones (RFC 9110, section 9.2.2).
    pub methods: Option<Vec<Method>>,
    /// Requests of any method that carry this header, with a value, by which the upstream knows a repetition.
    pub key_header: Option<HeaderName>,
}

impl Repeatable {
    /// Whether a request with this method and these headers is one of them.
    pub fn allows(&self, method: &Method, headers: &HeaderMap) -> bool {
        let by_method = match &self.methods {
            Some(methods) => methods.contains(method),
            None => method.is_idempotent(),
        };
        by_method || self.key_header.as_ref().is_some_and(|name| has_value(headers, name))
    }
}

fn has_value(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).is_some_and(|value| !value.as_bytes().trim_ascii().is_empty())
}

impl Retry {
    /// The longest pause before a further try, the first of which is number 1. A random part of it is the pause,
    /// so that clients that failed together do not come back together.
    pub fn pause_max(&self, number: u32) -> Duration {
        let doublings = number.saturating_sub(1);
        self.backoff.saturating_mul(2_u32.saturating_pow(doublings)).min(self.max_backoff)
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = if self.attempts == 1 { "time" } else { "times" };
        write!(f, "up to {} {times}", self.attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn idempotent_methods_are_repeatable_unless_others_are_named() {
        let check = |methods: Option<&[Method]>, method: &str, expected: bool| {
            let repeatable = Repeatable { methods: methods.map(<[_]>::to_vec), key_header: None };
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(repeatable.allows(&method, &HeaderMap::new()), expected, "{methods:?} {method}");
        };
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            check(None, method, true);
        }
        for method in ["POST", "PATCH", "CONNECT", "PURGE"] {
            check(None, method, false);
        }
        check(Some(&[Method::POST]), "POST", true);
        check(Some(&[Method::POST]), "GET", false);
        check(Some(&[]), "GET", false);
    }

    #[test]
    fn a_key_makes_any_method_repeatable() {
        let check = |methods: Option<Vec<Method>>, lines: &[(&'static str, &'static str)], expected: bool| {
            let key_header = Some(HeaderName::from_static("idempotency-key"));
            let headers = lines
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(Repeatable { methods, key_header }.allows(&Method::POST, &headers), expected);
        };
        check(None, &[("idempotency-key", "17")], true);
        check(Some(vec![Method::GET]), &[("idempotency-key", "17")], true);
        check(None, &[("idempotency-key", "")], false);
        check(None, &[("idempotency-key", "\t")], false);
        check(None, &[("x-key", "17")], false);
        check(None, &[], false);
    }

    #[test]
    fn pauses_double_up_to_their_bound() {
        let check = |backoff: u64, max_backoff: u64, number: u32, expected: u64| {
            let milliseconds = Duration::from_millis;
            let (backoff, max_backoff) = (milliseconds(backoff), milliseconds(max_backoff));
            let retry = Retry { attempts: 10, backoff, max_backoff, repeatable: Repeatable::default() };
            assert_eq!(retry.pause_max(number), milliseconds(expected));
        };
        check(100, 1000, 1, 100);
        check(100, 1000, 2, 200);
        check(100, 1000, 4, 800);
        check(100, 1000, 5, 1000);
        check(100, 1000, u32::MAX, 1000);
        check(0, 1000, 10, 0);
        check(u64::MAX, u64::MAX, 10, u64::MAX);
    }
}
