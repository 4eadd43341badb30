//! The id of an exchange, in `X-Request-Id`: the client's own where it is fit to be logged, else a random one.
//! Forwarded to the upstream, returned to the client, written in the log.

use std::cell::RefCell;

use bytes::Bytes;
use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};

/// The header.
pub(in crate::proxy) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids are replaced: they would be repeated in every log line.
const BYTES_MAX: usize = 128;

/// The id of the exchange that this request opens; it then stands in the request's headers.
pub(in crate::proxy) fn settle(headers: &mut HeaderMap) -> HeaderValue {
    match headers.entry(REQUEST_ID) {
        Entry::Occupied(id) if is_fit(id.get()) => id.get().clone(),
        Entry::Occupied(mut id) => {
            id.insert(random());
            id.get().clone()
        }
        Entry::Vacant(id) => id.insert(random()).clone(),
    }
}

fn is_fit(id: &HeaderValue) -> bool {
    (1..=BYTES_MAX).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// Digits of an id that are made at once.
const BATCH_BYTES: usize = 64 * DIGITS;
/// 128 random bits in hexadecimal: the length of a trace id.
const DIGITS: usize = 32;

thread_local! {
    /// Ids to come. One buffer for many of them is cheaper than one each.
    static AHEAD: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
}

fn random() -> HeaderValue {
    let id = AHEAD.with_borrow_mut(|ahead| {
        if ahead.is_empty() {
            *ahead = batch();
        }
        ahead.split_to(DIGITS.min(ahead.len()))
    });
    HeaderValue::from_maybe_shared(id).unwrap_or(HeaderValue::from_static("0"))
}

fn batch() -> Bytes {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = vec![b'0'; BATCH_BYTES];
    for half in text.as_chunks_mut::<16>().0 {
        let mut bits = fastrand::u64(..);
        for digit in half {
            *digit = DIGITS.get(bits as usize & 0xf).copied().unwrap_or(b'0');
            bits >>= 4;
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: Option<&str>, kept: bool) {
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).unwrap());
        }
        let id = settle(&mut headers);
        assert_eq!(headers.get(&REQUEST_ID), Some(&id), "the upstream gets it");
        assert_eq!(given.is_some_and(|given| id == given), kept);
        if !kept {
            assert!(id.len() == 32 && id.as_bytes().iter().all(u8::is_ascii_hexdigit), "{id:?}");
        }
    }

    #[test]
    fn a_visible_ascii_id_of_up_to_128_bytes_is_kept() {
        check(Some("7"), true);
        check(Some("req-1/{a}~"), true);
        check(Some(&"x".repeat(128)), true);
    }

    #[test]
    fn any_other_is_replaced() {
        check(None, false);
        check(Some(""), false);
        check(Some("a b"), false);
        check(Some("é"), false);
        check(Some("a\tb"), false);
        check(Some(&"x".repeat(129)), false);
    }

    #[test]
    fn two_ids_differ() {
        assert_ne!(random(), random());
    }
}
