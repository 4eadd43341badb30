//! `Proxy-Status` (RFC 9209): tells the client what the upstream's status was and which rule changed it, or why
//! there is no answer of the upstream's at all. Only writes values; who may read them is the settings' business.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

/// The header.
pub(in crate::proxy) const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// The value for an answer that was read: the upstream's status and what was made of it.
pub(in crate::proxy) fn received(status: StatusCode, details: &str) -> HeaderValue {
    let mut value = format!("candor; received-status={}; details=", status.as_u16());
    push_string(&mut value, details);
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("candor"))
}

/// The value for an answer of Candor's own; `error` is a type of RFC 9209, section 2.3.
pub(in crate::proxy) fn error(error: &str) -> HeaderValue {
    HeaderValue::try_from(format!("candor; error={error}")).unwrap_or(HeaderValue::from_static("candor"))
}

/// A string of RFC 8941, section 3.3.3, which has no way to write anything but printable ASCII.
fn push_string(value: &mut String, text: &str) {
    value.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => value.extend(['\\', character]),
            ' '..='~' => value.push(character),
            _ => value.push('?'),
        }
    }
    value.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_a_structured_field_string() {
        let check = |details: &str, expected: &str| assert_eq!(received(StatusCode::OK, details), expected);
        check("rule=orders/not-found", r#"candor; received-status=200; details="rule=orders/not-found""#);
        check(r#"a "b" \c"#, r#"candor; received-status=200; details="a \"b\" \\c""#);
        check("règle\n\u{7f}", r#"candor; received-status=200; details="r?gle??""#);
        check("", r#"candor; received-status=200; details="""#);
    }

    #[test]
    fn own_answers_name_their_error() {
        assert_eq!(error("connection_refused"), "candor; error=connection_refused");
    }
}
