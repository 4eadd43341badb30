//! Bodies as text and as bytes: which media types are binary, and what `contentHandling` makes of a body on its way in
//! and out. The tables are those that were recorded with S3 as the backend (aws-semantics, section 2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use bytes::Bytes;

use super::super::model::ContentHandling;
use super::headers::{Headers, media_type};

/// A body as mapping templates tell it apart: they are given texts only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Payload {
    /// Text.
    Text(Text),
    /// Bytes; a template that is given them fails.
    Binary(Bytes),
}

/// Bytes that are UTF-8: a body that passes as it came is not copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(Bytes);

impl Text {
    /// What is no UTF-8 becomes U+FFFD.
    fn lossy(body: Bytes) -> Text {
        match str::from_utf8(&body) {
            Ok(_) => Text(body),
            Err(_) => Text::from(String::from_utf8_lossy(&body).into_owned()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Bytes::from(text))
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Payload {
        Payload::Text(Text::from(text))
    }
}

/// A body that is not the base64 it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undecodable;

impl Payload {
    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Payload::Text(Text(bytes)) => bytes,
            Payload::Binary(bytes) => bytes,
        }
    }

    fn decoded(body: &[u8]) -> Result<Payload, Undecodable> {
        decode(body).map(Payload::Binary)
    }

    fn encoded(body: &[u8]) -> Payload {
        Payload::from(STANDARD.encode(body))
    }

    fn text(body: Bytes) -> Payload {
        Payload::Text(Text::lossy(body))
    }
}

/// The bytes that a base64 text stands for.
pub(super) fn decode(text: &[u8]) -> Result<Bytes, Undecodable> {
    STANDARD_PAD_INDIFFERENT.decode(text).map(Bytes::from).map_err(|_| Undecodable)
}

/// A request's body on its way to the backend.
pub(super) fn of_request(
    body: Bytes,
    is_binary: bool,
    handling: Option<ContentHandling>,
) -> Result<Payload, Undecodable> {
    match (is_binary, handling) {
        (false, None | Some(ContentHandling::ToText)) => Ok(Payload::text(body)),
        (false, Some(ContentHandling::ToBinary)) => Payload::decoded(&body),
        (true, None | Some(ContentHandling::ToBinary)) => Ok(Payload::Binary(body)),
        (true, Some(ContentHandling::ToText)) => Ok(Payload::encoded(&body)),
    }
}

/// A backend's body on its way to the client; `accepted`: the client asked for a binary media type.
pub(super) fn of_answer(
    body: Bytes,
    is_binary: bool,
    accepted: bool,
    handling: Option<ContentHandling>,
) -> Result<Payload, Undecodable> {
    match (is_binary, accepted, handling) {
        _ if body.is_empty() => Ok(Payload::Text(Text::default())),
        (false, false, None) | (false, _, Some(ContentHandling::ToText)) => Ok(Payload::text(body)),
        (false, true, None) | (false, _, Some(ContentHandling::ToBinary)) => Payload::decoded(&body),
        (true, false, None) | (true, _, Some(ContentHandling::ToText)) => Ok(Payload::encoded(&body)),
        (true, true, None) | (true, _, Some(ContentHandling::ToBinary)) => Ok(Payload::Binary(body)),
    }
}

/// Whether a media type, lower case and without parameters, is one of those that an API calls binary.
pub(super) fn is_binary(media_type: &str, binary: &[String]) -> bool {
    binary.iter().any(|known| match known.strip_suffix("/*") {
        Some("*") => true,
        Some(family) => media_type.split('/').next() == Some(family) && media_type.contains('/'),
        None => known == media_type,
    })
}

/// Whether `Content-Type` names a binary media type. A body without is JSON.
pub(super) fn has_binary_body(headers: &Headers, binary: &[String]) -> bool {
    !binary.is_empty() && is_binary(headers.media_type().as_deref().unwrap_or("application/json"), binary)
}

/// Whether the client wants bytes: of all that it accepts, API Gateway looks at the first.
pub(super) fn wants_binary(request: &Headers, binary: &[String]) -> bool {
    if binary.is_empty() {
        return false;
    }
    let first = request.all("accept").next().and_then(|value| value.split(',').next());
    first.is_some_and(|first| is_binary(&media_type(first), binary))
}

#[cfg(test)]
mod tests {
    use super::ContentHandling::{ToBinary, ToText};
    use super::*;

    fn text(text: &str) -> Result<Payload, Undecodable> {
        Ok(Payload::from(text.to_owned()))
    }

    fn binary(bytes: &'static [u8]) -> Result<Payload, Undecodable> {
        Ok(Payload::Binary(Bytes::from_static(bytes)))
    }

    #[test]
    fn answers_are_converted_as_the_recordings_show() {
        let check = |body: &'static [u8], is_binary, accepted, handling, expected| {
            assert_eq!(
                of_answer(Bytes::from_static(body), is_binary, accepted, handling),
                expected,
                "{is_binary} {accepted} {handling:?}"
            );
        };
        check(b"a\xff", false, false, None, text("a\u{fffd}"));
        check(b"aGk=", false, true, None, binary(b"hi"));
        check(b"text", false, true, Some(ToText), text("text"));
        check(b"no base64", false, true, None, Err(Undecodable));
        check(b"aGk=", false, false, Some(ToBinary), binary(b"hi"));
        check(b"\xff", true, false, None, text("/w=="));
        check(b"\xff", true, true, Some(ToText), text("/w=="));
        check(b"\xff", true, true, None, binary(b"\xff"));
        check(b"\xff", true, false, Some(ToBinary), binary(b"\xff"));
        check(b"", false, true, None, text(""));
    }

    #[test]
    fn requests_are_converted_as_the_recordings_show() {
        let check = |body: &'static [u8], is_binary, handling, expected| {
            assert_eq!(
                of_request(Bytes::from_static(body), is_binary, handling),
                expected,
                "{is_binary} {handling:?}"
            );
        };
        check(b"a\xff", false, None, text("a\u{fffd}"));
        check(b"a\xff", false, Some(ToText), text("a\u{fffd}"));
        check(b"aGk=", false, Some(ToBinary), binary(b"hi"));
        check(b"%", false, Some(ToBinary), Err(Undecodable));
        check(b"\xff", true, None, binary(b"\xff"));
        check(b"\xff", true, Some(ToText), text("/w=="));
        check(b"\xff", true, Some(ToBinary), binary(b"\xff"));
    }

    #[test]
    fn binary_media_types_may_leave_the_second_half_open() {
        let check = |known: &str, media_type: &str, expected: bool| {
            assert_eq!(is_binary(media_type, &[known.to_owned()]), expected, "{known} {media_type}");
        };
        check("image/png", "image/png", true);
        check("image/png", "image/jpg", false);
        check("image/*", "image/jpg", true);
        check("image/*", "image", false);
        check("*/png", "image/png", false);
        check("*/*", "text/plain", true);
        check("application/*", "application", false);
    }

    #[test]
    fn only_the_first_accepted_media_type_counts() {
        let known = ["image/png".to_owned()];
        let check = |accept: &str, expected: bool| {
            let mut headers = Headers::new();
            headers.append("Accept", accept.to_owned());
            assert_eq!(wants_binary(&headers, &known), expected, "{accept}");
        };
        check("image/png", true);
        check("image/png;q=0.5, text/html", true);
        check("text/html, image/png", false);
        check("*/*", false);
        assert!(!wants_binary(&Headers::new(), &known));
    }
}
