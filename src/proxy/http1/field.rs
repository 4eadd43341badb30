//! A field of a head: its name and its value, out of the bytes it stands in. What many messages have is told at a
//! glance.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{self, HeaderName, InvalidHeaderName, InvalidHeaderValue};

/// The name, in lower case.
///
/// # Errors
/// When it is none.
pub(super) fn name(written: &str) -> Result<HeaderName, InvalidHeaderName> {
    match frequent_name(written.as_bytes()) {
        Some(frequent) => Ok(frequent),
        None => HeaderName::from_bytes(written.as_bytes()),
    }
}

/// Names that are on most messages, in the two ways that they are usually spelled.
fn frequent_name(written: &[u8]) -> Option<HeaderName> {
    Some(match written {
        b"Host" | b"host" => header::HOST,
        b"User-Agent" | b"user-agent" => header::USER_AGENT,
        b"Accept" | b"accept" => header::ACCEPT,
        b"Accept-Encoding" | b"accept-encoding" => header::ACCEPT_ENCODING,
        b"Date" | b"date" => header::DATE,
        b"Server" | b"server" => header::SERVER,
        b"Content-Type" | b"content-type" => header::CONTENT_TYPE,
        b"Content-Length" | b"content-length" => header::CONTENT_LENGTH,
        b"Connection" | b"connection" => header::CONNECTION,
        b"Transfer-Encoding" | b"transfer-encoding" => header::TRANSFER_ENCODING,
        b"Cache-Control" | b"cache-control" => header::CACHE_CONTROL,
        b"Vary" | b"vary" => header::VARY,
        b"ETag" | b"etag" => header::ETAG,
        b"Last-Modified" | b"last-modified" => header::LAST_MODIFIED,
        b"Accept-Ranges" | b"accept-ranges" => header::ACCEPT_RANGES,
        _ => return None,
    })
}

/// The value that stands at `value` in `head`.
///
/// # Errors
/// When it has bytes that no value may have.
pub(super) fn value(head: &Bytes, value: &[u8]) -> Result<HeaderValue, InvalidHeaderValue> {
    match frequent_value(value) {
        Some(frequent) => Ok(frequent),
        None => HeaderValue::from_maybe_shared(head.slice_ref(value)),
    }
}

/// Values of which no use of the head's bytes needs to be counted.
fn frequent_value(value: &[u8]) -> Option<HeaderValue> {
    const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
    const BYTES: HeaderValue = HeaderValue::from_static("bytes");
    const KEEP_ALIVE: HeaderValue = HeaderValue::from_static("keep-alive");
    const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    Some(match value {
        b"*/*" => ANYTHING,
        b"bytes" => BYTES,
        b"keep-alive" => KEEP_ALIVE,
        b"chunked" => CHUNKED,
        b"application/json" => JSON,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_however_they_are_spelled() {
        let spellings = [
            "Host",
            "User-Agent",
            "Accept",
            "Accept-Encoding",
            "Date",
            "Server",
            "Content-Type",
            "Content-Length",
            "Connection",
            "Transfer-Encoding",
            "Cache-Control",
            "Vary",
            "ETag",
            "Last-Modified",
            "Accept-Ranges",
            "X-Request-Id",
            "Etag",
        ];
        for spelling in spellings {
            for written in [spelling.to_owned(), spelling.to_lowercase(), spelling.to_uppercase()] {
                assert_eq!(name(&written).unwrap().as_str(), spelling.to_lowercase());
            }
        }
        assert!(name("").is_err() && name("a b").is_err());
    }

    #[test]
    fn values_are_those_of_the_head() {
        let check = |given: &[u8], valid: bool| {
            let head = Bytes::copy_from_slice(given);
            assert_eq!(value(&head, &head).ok(), valid.then(|| HeaderValue::from_bytes(given).unwrap()));
        };
        for value in ["", "*/*", "bytes", "keep-alive", "chunked", "application/json", "application/xml"] {
            check(value.as_bytes(), true);
        }
        check("gr\u{fc}n".as_bytes(), true);
        check(b"a\nb", false);
        check(b"\0", false);
    }
}
