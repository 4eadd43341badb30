//! Hop-by-hop headers: those that speak about one connection and must not travel over the next
//! (RFC 9110, section 7.6.1). `Trailer` is no longer one of them, and names what a client may wait for.

use http::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};

use super::list::{lists, tokens};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// `Connection`, which names others, apart.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
];

/// Whether a header speaks about the connection. To look at all headers once costs less than to look for each.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::TRANSFER_ENCODING
            | header::UPGRADE
            | header::TE
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
    ) || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
}

/// Takes hop-by-hop headers off a request. Of `TE` the word `trailers` stays: it means that this client, and
/// so the proxy, reads trailers (RFC 9110, section 10.1.4).
pub(in crate::proxy) fn strip_request(headers: &mut HeaderMap) {
    let trailers = headers.contains_key(header::TE) && lists(headers, &header::TE, "trailers");
    strip(headers);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Makes one `Cookie` of several, which HTTP/2 allows and HTTP/1.1 does not (RFC 9113, section 8.2.3).
pub(in crate::proxy) fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}

/// Takes hop-by-hop headers off an answer.
pub(in crate::proxy) fn strip_answer(headers: &mut HeaderMap) {
    strip(headers);
}

fn strip(headers: &mut HeaderMap) {
    match headers.keys().filter(|name| is_hop_by_hop(name)).count() {
        0 => return,
        1 if headers.contains_key(header::CONNECTION) => return strip_named_by_connection(headers),
        _ => {}
    }
    // A length beside a transfer coding is not the body's (RFC 9112, section 6.3).
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    strip_named_by_connection(headers);
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

fn strip_named_by_connection(headers: &mut HeaderMap) {
    let Entry::Occupied(connection) = headers.entry(header::CONNECTION) else { return };
    // Most name no header, and in one word.
    if is_option(connection.get().as_bytes()) && connection.iter().nth(1).is_none() {
        connection.remove();
        return;
    }
    let named: Vec<HeaderName> = connection.iter().flat_map(tokens).filter_map(named_header).collect();
    connection.remove_entry_mult();
    for name in named {
        headers.remove(name);
    }
}

/// The header an option of `Connection` names. `close` and `keep-alive` name none worth looking for; `Host` and
/// `Content-Length` belong to the message, whatever its sender says.
fn named_header(option: &str) -> Option<HeaderName> {
    let name =
        (!is_option(option.as_bytes())).then(|| HeaderName::from_bytes(option.as_bytes()).ok()).flatten()?;
    (name != header::HOST && name != header::CONTENT_LENGTH).then_some(name)
}

fn is_option(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"close") || text.eq_ignore_ascii_case(b"keep-alive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(strip: fn(&mut HeaderMap), lines: &[(&'static str, &'static str)], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        strip(&mut headers);
        let mut left: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        left.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn connection_headers_stay_on_their_connection() {
        check(strip_request, &[("accept", "*/*"), ("connection", "keep-alive")], &["accept: */*"]);
        check(strip_request, &[("upgrade", "websocket"), ("connection", "Upgrade")], &[]);
        check(
            strip_answer,
            &[("keep-alive", "timeout=5"), ("proxy-connection", "close"), ("server", "x")],
            &["server: x"],
        );
        check(strip_request, &[("proxy-authorization", "Basic eA==")], &[]);
    }

    #[test]
    fn headers_that_connection_names_are_stripped() {
        check(
            strip_request,
            &[
                ("connection", "close, X-One,x-two"),
                ("connection", "x-three"),
                ("x-one", "1"),
                ("x-two", "2"),
                ("x-three", "3"),
                ("x-four", "4"),
            ],
            &["x-four: 4"],
        );
    }

    #[test]
    fn connection_cannot_take_the_message_s_own_headers() {
        check(
            strip_request,
            &[("connection", "host, content-length"), ("host", "a"), ("content-length", "3")],
            &["content-length: 3", "host: a"],
        );
    }

    #[test]
    fn only_trailers_stays_of_te() {
        check(strip_request, &[("te", "gzip, Trailers")], &["connection: te", "te: trailers"]);
        check(strip_request, &[("te", "gzip")], &[]);
        check(strip_answer, &[("te", "trailers")], &[]);
    }

    #[test]
    fn a_length_beside_a_transfer_coding_is_dropped() {
        check(strip_answer, &[("transfer-encoding", "chunked"), ("content-length", "3")], &[]);
        check(
            strip_request,
            &[("connection", "transfer-encoding"), ("transfer-encoding", "chunked"), ("content-length", "3")],
            &[],
        );
        check(
            strip_answer,
            &[("trailer", "x-sum"), ("content-length", "3")],
            &["content-length: 3", "trailer: x-sum"],
        );
    }

    #[test]
    fn cookies_of_http_2_become_one() {
        check(join_cookies, &[("cookie", "a=1"), ("cookie", "b=2; c=3")], &["cookie: a=1; b=2; c=3"]);
        check(join_cookies, &[("cookie", "a=1")], &["cookie: a=1"]);
        check(join_cookies, &[], &[]);
    }

    #[test]
    fn cookies_are_not_merged() {
        check(
            strip_answer,
            &[("set-cookie", "a=1"), ("set-cookie", "b=2")],
            &["set-cookie: a=1", "set-cookie: b=2"],
        );
    }
}
