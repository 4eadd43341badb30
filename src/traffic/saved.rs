//! An answer as `curl -i` prints it: status line, headers, an empty line, the body. Heads of interim answers,
//! proxies and redirects may come before the one that counts.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::engine::{Answer, AnswerHead};

/// Reads a saved answer. A chunked body is taken as curl prints it, already joined.
pub fn parse(saved: &Bytes) -> Result<Answer, String> {
    let mut rest = saved.clone();
    loop {
        let (head, body) = head(&rest)?;
        // The next head follows at once only where this one was not the last.
        if body.starts_with(b"HTTP/") && is_followed(head.status, &head.headers) {
            rest = body;
            continue;
        }
        return Ok(Answer { head, body });
    }
}

/// Whether another head may come after this one: interim answers, a proxy's CONNECT, redirects, authentication.
fn is_followed(status: StatusCode, headers: &HeaderMap) -> bool {
    status.is_informational()
        || status.is_redirection()
        || status == StatusCode::UNAUTHORIZED
        || (status == StatusCode::OK && headers.get(header::CONTENT_TYPE).is_none())
}

fn head(bytes: &Bytes) -> Result<(AnswerHead, Bytes), String> {
    let mut at = 0;
    let mut lines = Vec::new();
    loop {
        let remaining = bytes.get(at..).unwrap_or_default();
        let Some(end) = remaining.iter().position(|byte| *byte == b'\n') else {
            // A head alone, without the empty line, is what an answer to HEAD looks like when saved by hand.
            if !remaining.trim_ascii().is_empty() {
                lines.push(remaining.trim_ascii());
            }
            at = bytes.len();
            break;
        };
        let line = remaining.get(..end).unwrap_or_default();
        at += end + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let (first, fields) = lines.split_first().ok_or("it is empty")?;
    let status = status(first)?;
    let mut headers = HeaderMap::new();
    for field in fields {
        let (name, value) = field_of(field)?;
        headers.append(name, value);
    }
    Ok((AnswerHead { status, headers }, bytes.slice(at..)))
}

fn status(line: &[u8]) -> Result<StatusCode, String> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_whitespace();
    if !words.next().is_some_and(|version| version.starts_with("HTTP/")) {
        return Err(format!("it begins with `{text}`, not with a status line such as `HTTP/1.1 200 OK`"));
    }
    let code = words.next().unwrap_or_default();
    StatusCode::from_bytes(code.as_bytes()).map_err(|_| format!("`{code}` is not a status"))
}

fn field_of(line: &[u8]) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("`{}` is not a header line", String::from_utf8_lossy(line));
    let colon = line.iter().position(|byte| *byte == b':').ok_or_else(wrong)?;
    let (name, value) = line.split_at(colon);
    let name = HeaderName::from_bytes(name).map_err(|_| wrong())?;
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    Ok((name, HeaderValue::from_bytes(value).map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(saved: &str, expected: Result<(u16, usize, &str), &str>) {
        match (parse(&Bytes::copy_from_slice(saved.as_bytes())), expected) {
            (Ok(answer), Ok((status, headers, body))) => {
                assert_eq!(answer.head.status.as_u16(), status, "{saved:?}");
                assert_eq!(answer.head.headers.len(), headers, "{saved:?}");
                assert_eq!(answer.body, body, "{saved:?}");
            }
            (Err(message), Err(expected)) => assert!(message.contains(expected), "{message}"),
            (parsed, expected) => panic!("{saved:?}: {parsed:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn what_curl_prints_is_read() {
        check("HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n{\"x\":1}\n", Ok((200, 2, "{\"x\":1}\n")));
        check("HTTP/2 404 \r\na: b\r\n\r\n", Ok((404, 1, "")));
        check("HTTP/1.1 200 OK\nA: b\n\nx\r\n\r\ny", Ok((200, 1, "x\r\n\r\ny")));
        check("HTTP/1.1 204 No Content\r\nA: b", Ok((204, 1, "")));
    }

    #[test]
    fn the_last_head_counts() {
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\nx", Ok((200, 1, "x")));
        check("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", Ok((200, 0, "x")));
        check("HTTP/1.1 200 Connection established\r\n\r\nHTTP/2 404\r\n\r\n", Ok((404, 0, "")));
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        check(page, Ok((200, 1, "HTTP/1.1 200 OK\r\n\r\n")));
    }

    #[test]
    fn anything_else_is_refused() {
        check("", Err("it is empty"));
        check("{\"x\":1}", Err("not with a status line"));
        check("HTTP/1.1 abc\r\n\r\n", Err("`abc` is not a status"));
        check("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Err("`no colon` is not a header line"));
    }
}
