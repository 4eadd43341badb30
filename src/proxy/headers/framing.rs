//! How the headers of an answer say that its body ends, so that no two readers of them can differ.

use http::header::{self, HeaderMap, HeaderValue};

use super::super::error::UpstreamFault;
use super::super::http1::Framing;

/// How an answer's body ends by its headers. Makes one length of several that agree (RFC 9110, section 8.6).
///
/// # Errors
/// When there are lengths that do not, or one beside a transfer coding (RFC 9112, section 6.3), so that the next
/// reader could see two answers where we saw one; and when there is a coding that cannot be undone.
pub(in crate::proxy) fn framing(headers: &mut HeaderMap) -> Result<Framing, UpstreamFault> {
    let length = one_length(headers)?;
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        let chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        return match length {
            Some(_) => Err(UpstreamFault::NotHttp),
            None if chunked && codings.next().is_none() => Ok(Framing::Chunked),
            None => Err(UpstreamFault::TransferCoding),
        };
    }
    match length {
        Some(Length::Single(length)) => Ok(Framing::Length(length)),
        Some(Length::Repeated(length)) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            Ok(Framing::Length(length))
        }
        None => Ok(Framing::Close),
    }
}

/// The length that `Content-Length` gives.
enum Length {
    Single(u64),
    Repeated(u64),
}

fn one_length(headers: &HeaderMap) -> Result<Option<Length>, UpstreamFault> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_none()
        && let Some(length) = number(value.as_bytes())
    {
        return Ok(Some(Length::Single(length)));
    }
    let values = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut lengths = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(number);
    let first = lengths.next().flatten();
    match first {
        Some(length) if lengths.all(|other| other == first) => Ok(Some(Length::Repeated(length))),
        _ => Err(UpstreamFault::NotHttp),
    }
}

/// Digits alone, and space around them.
fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_s_body_ends_in_one_way() {
        let check = |lines: &[(&'static str, &'static str)],
                     expected: Result<Option<&str>, UpstreamFault>| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let checked = framing(&mut headers).map(|_| {
                let lengths: Vec<_> = headers.get_all(header::CONTENT_LENGTH).iter().collect();
                assert!(lengths.len() <= 1);
                lengths.first().map(|length| length.to_str().unwrap())
            });
            assert_eq!(checked, expected, "{lines:?}");
        };
        check(&[], Ok(None));
        check(&[("content-length", "007")], Ok(Some("007")));
        check(&[("content-length", "7, 7")], Ok(Some("7")));
        check(&[("content-length", "7"), ("content-length", "7")], Ok(Some("7")));
        for length in ["7, 8", "", "-7", "+7", "7;", ",", "7,", "99999999999999999999999, 9"] {
            check(&[("content-length", length)], Err(UpstreamFault::NotHttp));
        }
        check(&[("transfer-encoding", "Chunked")], Ok(None));
        check(&[("transfer-encoding", "chunked"), ("content-length", "7")], Err(UpstreamFault::NotHttp));
        check(&[("transfer-encoding", "gzip")], Err(UpstreamFault::TransferCoding));
        check(&[("transfer-encoding", "gzip, chunked")], Err(UpstreamFault::TransferCoding));
        let twice = [("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        check(&twice, Err(UpstreamFault::TransferCoding));
    }
}
