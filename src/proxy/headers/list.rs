//! Header values that are lists (RFC 9110, section 5.6.1).

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Whether one of the header's comma-separated values is `token`, in any letter case.
pub(in crate::proxy) fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().flat_map(tokens).any(|listed| listed.eq_ignore_ascii_case(token))
}

/// The comma-separated parts of a value.
pub(in crate::proxy) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    let text = value.to_str().unwrap_or_default().as_bytes();
    let tokens = text.split(|byte| *byte == b',').map(|token| token.trim_ascii());
    tokens.filter(|token| !token.is_empty()).filter_map(|token| std::str::from_utf8(token).ok())
}
