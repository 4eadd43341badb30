//! `Accept-Encoding` towards an upstream (RFC 9110, section 12.5.3): an answer in a coding that cannot be undone is
//! one that no rule can read.

use http::header::{self, HeaderMap, HeaderValue};

use super::list::tokens;
use crate::engine::decode::Codings;
use crate::settings::AcceptEncoding;

/// Makes the header what the upstream may be told. A client that names no coding takes any, and most send none to it.
pub(in crate::proxy) fn settle(headers: &mut HeaderMap, accept: AcceptEncoding) {
    match accept {
        AcceptEncoding::Preserve => {}
        AcceptEncoding::Identity => {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        AcceptEncoding::Decodable => {
            let listed = headers.get_all(header::ACCEPT_ENCODING).iter().flat_map(tokens);
            let left: Vec<&str> = listed.filter(|coding| is_decodable(coding)).collect();
            let left = if left.is_empty() { "identity".to_owned() } else { left.join(", ") };
            if headers.contains_key(header::ACCEPT_ENCODING)
                && let Ok(left) = HeaderValue::try_from(left)
            {
                headers.insert(header::ACCEPT_ENCODING, left);
            }
        }
    }
}

/// Whether the coding is one that rules can look into; `*` is any.
fn is_decodable(coding: &str) -> bool {
    let name = coding.split(';').next().unwrap_or_default().trim_end();
    HeaderValue::from_str(name).is_ok_and(|name| Codings::parse([&name]).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: AcceptEncoding, lines: &[&'static str], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        settle(&mut headers, accept);
        let left: Vec<&HeaderValue> = headers.get_all(header::ACCEPT_ENCODING).iter().collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn the_client_s_wish_goes_on_unless_told_otherwise() {
        check(AcceptEncoding::Preserve, &["gzip, dcb", "x"], &["gzip, dcb", "x"]);
        check(AcceptEncoding::Preserve, &[], &[]);
        check(AcceptEncoding::Identity, &["gzip, br"], &["identity"]);
        check(AcceptEncoding::Identity, &[], &["identity"]);
    }

    #[test]
    fn codings_that_cannot_be_undone_are_not_asked_for() {
        let check = |lines: &[&'static str], expected: &[&str]| {
            check(AcceptEncoding::Decodable, lines, expected);
        };
        check(&["gzip, deflate, br, zstd, dcb, dcz"], &["gzip, deflate, br, zstd"]);
        check(&["GZIP;q=0.5 , compress", "identity; q=0"], &["GZIP;q=0.5, identity; q=0"]);
        check(&["*"], &["identity"]);
        check(&["compress"], &["identity"]);
        check(&[], &[]);
    }
}
