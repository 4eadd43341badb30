//! The header lines of an envelope: both maps and the cookies, merged as API Gateway merges them.
//! What HTTP cannot carry is refused; what frames a message is left out.

use std::collections::HashSet;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use super::Malformed;
use super::object::{self, Object, quoted};

/// Headers that belong to one connection or frame the message (RFC 9110 section 7.6.1), beside `proxy-*`.
const FRAMING: [&str; 7] =
    ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// One header line.
type Line = (HeaderName, HeaderValue);

/// The headers of the answer, `content-type` among them.
pub(super) fn headers(envelope: &Object) -> Result<HeaderMap, Malformed> {
    let many = many_values(envelope)?;
    let mut single = single_values(envelope)?;
    let in_many: HashSet<&Line> = many.iter().collect();
    single.retain(|line| !in_many.contains(line));
    let lines = many.iter().cloned().chain(single).chain(cookies(envelope)?);

    let too_many = |_| Malformed::because("more header names than an answer can have");
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.try_append(name, value).map_err(too_many)?;
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        let json = HeaderValue::from_static("application/json");
        headers.try_insert(header::CONTENT_TYPE, json).map_err(too_many)?;
    }
    Ok(headers)
}

fn many_values(envelope: &Object) -> Result<Vec<Line>, Malformed> {
    let mut lines = Vec::new();
    for (name, values) in envelope.object("multiValueHeaders")?.present() {
        for value in object::list(values, name)? {
            lines.extend(line(name, value)?);
        }
    }
    Ok(lines)
}

fn single_values(envelope: &Object) -> Result<Vec<Line>, Malformed> {
    let headers = envelope.object("headers")?;
    headers.present().filter_map(|(name, value)| line(name, value).transpose()).collect()
}

fn cookies(envelope: &Object) -> Result<Vec<Line>, Malformed> {
    let cookies = envelope.list("cookies")?;
    cookies.into_iter().filter_map(|cookie| line("set-cookie", cookie).transpose()).collect()
}

/// The line of a header, unless framing the message is its purpose.
fn line(name: &str, value: &RawValue) -> Result<Option<Line>, Malformed> {
    let text = object::text(value, name)?;
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(Malformed::because(format!("{} is not a header name", quoted(name))));
    };
    let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else {
        return Err(Malformed::because(format!("header {} has a control character", quoted(name))));
    };
    let is_framing = FRAMING.contains(&header.as_str()) || header.as_str().starts_with("proxy-");
    Ok((!is_framing).then_some((header, value)))
}
