//! The Lambda-proxy envelope: a JSON body that stands for a whole HTTP answer,
//! `{statusCode, headers, multiValueHeaders, body, isBase64Encoded, cookies}`.
//! Reads it as API Gateway reads a function's result, whichever backend sent it; sends nothing.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

use object::{Object, quoted};

mod headers;
mod object;

/// The keys an envelope may have. `cookies` comes from payload format 2.0, the others from 1.0.
const KEYS: [&str; 6] = ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"];
/// Statuses a final answer can have: 1xx only announce one (RFC 9110 section 15.2).
const STATUSES: RangeInclusive<u16> = 200..=599;

/// The HTTP answer that an envelope holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// 200 to 599.
    pub status: StatusCode,
    /// Ready to send: always with `content-type`, never with a header that frames the message.
    pub headers: HeaderMap,
    /// Decoded if it was base64.
    pub body: Bytes,
}

/// How sure one is that the body must be an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// Any backend: only what surely is an envelope is one, so `statusCode` must be there.
    Auto,
    /// A function behind API Gateway: every key may be missing.
    Required,
}

/// Why a body is not an envelope. Under [`Contract::Auto`] that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// For traces: lowercase, no full stop, the body's words in backticks.
    pub reason: String,
    /// What API Gateway tells the client: 502, or 500 for a body that is not the base64 it claims to be.
    pub answer: StatusCode,
}

impl Malformed {
    fn because(reason: impl Into<String>) -> Malformed {
        Malformed { reason: reason.into(), answer: StatusCode::BAD_GATEWAY }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Malformed {}

/// Reads the envelope in `body`, and no further than its first unknown key.
///
/// | key | value | missing, `null` |
/// |---|---|---|
/// | `statusCode` | a whole number 200 to 599, also as text (`"201"`) or with a zero fraction (`200.0`) | 200; malformed under `Auto` |
/// | `headers` | an object of scalars | none |
/// | `multiValueHeaders` | an object of lists of scalars | none |
/// | `body` | a scalar | empty |
/// | `isBase64Encoded` | a boolean, also as text | `false` |
/// | `cookies` | a list of scalars, one `set-cookie` line each | none |
///
/// A scalar is text, a boolean or a number, the last two taken as written; that numbers are accepted is what
/// the Jackson model of API Gateway predicts, not something recorded there. It also predicts that an empty
/// `statusCode` or `isBase64Encoded` is a missing one. A `null` among header values is no line. Of two equal
/// keys the first counts.
///
/// Both header maps go out: for one name (in any case) first the values of `multiValueHeaders`, then that of
/// `headers`, and a pair of name and value in both only once. `content-type: application/json` is added when
/// there is none. `content-length`, `proxy-*` and the other headers of a connection are dropped: framing is
/// the proxy's. `isBase64Encoded` alone decides about decoding, since there are no binary media types to ask;
/// padding may be missing and lines broken as in MIME.
///
/// # Errors
/// [`Malformed`] for anything else: no JSON object, an unknown key, a value of another type, a header that
/// HTTP cannot carry (a line break above all), base64 that is none.
pub fn read(body: &[u8], contract: Contract) -> Result<Envelope, Malformed> {
    let envelope = Object::parse(body, |key| KEYS.contains(&key))?;
    Ok(Envelope {
        status: status(&envelope, contract)?,
        headers: headers::headers(&envelope)?,
        body: payload(&envelope)?,
    })
}

fn status(envelope: &Object, contract: Contract) -> Result<StatusCode, Malformed> {
    let text = envelope.text("statusCode")?;
    if text.is_empty() {
        return match contract {
            Contract::Required => Ok(StatusCode::OK),
            Contract::Auto => Err(Malformed::because("no `statusCode`")),
        };
    }
    let code = text.trim().parse().ok().or_else(|| envelope.value("statusCode").and_then(whole));
    let code = code.filter(|code| STATUSES.contains(code));
    code.and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| Malformed::because(format!("`statusCode` {} is not 200 to 599", quoted(&text))))
}

/// The number of `200.0` or `2e2`; a fraction is refused rather than cut off.
fn whole(value: &RawValue) -> Option<u16> {
    let number = value.get().parse::<f64>().ok()?;
    (number.fract() == 0.0).then_some(number as u16)
}

fn payload(envelope: &Object) -> Result<Bytes, Malformed> {
    let text = envelope.text("body")?;
    if is_base64(envelope)? { from_base64(&text) } else { Ok(Bytes::from(text.into_owned())) }
}

fn is_base64(envelope: &Object) -> Result<bool, Malformed> {
    let flag = envelope.text("isBase64Encoded")?;
    match flag.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(Malformed::because(format!("`isBase64Encoded` {} is not a boolean", quoted(&flag)))),
    }
}

fn from_base64(text: &str) -> Result<Bytes, Malformed> {
    let text = match memchr::memchr2(b'\r', b'\n', text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.replace(['\r', '\n'], "")),
    };
    STANDARD_PAD_INDIFFERENT.decode(text.as_ref()).map(Bytes::from).map_err(|_| Malformed {
        reason: "`body` is not base64, though `isBase64Encoded` says so".to_owned(),
        answer: StatusCode::INTERNAL_SERVER_ERROR,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `required` answers: status, header lines in the order sent, body.
    fn answer(body: &str) -> Result<String, Malformed> {
        let Envelope { status, headers, body } = read(body.as_bytes(), Contract::Required)?;
        let lines = headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let head = [status.as_str().to_owned()].into_iter().chain(lines).collect::<Vec<_>>();
        Ok(format!("{} | {}", head.join(" | "), String::from_utf8_lossy(&body)))
    }

    fn check(body: &str, expected: &str) {
        assert_eq!(answer(body).as_deref(), Ok(expected), "{body}");
    }

    /// As [`check`], where only the status line and headers beside `content-type` matter.
    fn check_lines(body: &str, expected: &[&str]) {
        let answer = answer(body).unwrap();
        let lines =
            answer.split(" | ").filter(|line| line.contains(": ") && !line.starts_with("content-type"));
        assert_eq!(lines.collect::<Vec<_>>(), expected, "{body}");
    }

    fn check_malformed(body: &str, reason: &str) {
        assert_eq!(answer(body), Err(Malformed::because(reason)), "{body}");
    }

    fn check_auto(body: &str, expected: Result<u16, &str>) {
        let status = read(body.as_bytes(), Contract::Auto).map(|envelope| envelope.status.as_u16());
        assert_eq!(status, expected.map_err(Malformed::because), "{body}");
    }

    #[test]
    fn whole_envelope_is_unwrapped() {
        check(
            r#" {"statusCode": 404, "headers": {"Content-Type": "text/plain", "X-A": "1"},
                "multiValueHeaders": {"x-b": ["2", "3"]}, "isBase64Encoded": false, "body": "no \u00e9\n"} "#,
            "404 | x-b: 2 | x-b: 3 | content-type: text/plain | x-a: 1 | no \u{e9}\n",
        );
    }

    #[test]
    fn every_key_is_optional() {
        check(r#"{"statusCode":200}"#, "200 | content-type: application/json | ");
        check(r#"{"headers":{"x-a":"1"}}"#, "200 | x-a: 1 | content-type: application/json | ");
        check("{}", "200 | content-type: application/json | ");
        check("\u{feff}{}", "200 | content-type: application/json | ");
        let nulls = r#"{"statusCode":null,"headers":null,"multiValueHeaders":null,"body":null,
            "isBase64Encoded":null,"cookies":null}"#;
        check(nulls, "200 | content-type: application/json | ");
    }

    #[test]
    fn status_is_a_whole_number_of_a_final_answer() {
        let check_status = |value: &str, expected: &str| {
            let expected = format!("{expected} | content-type: application/json | ");
            check(&format!(r#"{{"statusCode":{value}}}"#), &expected);
        };
        check_status(r#""201""#, "201");
        check_status(r#"" 201 ""#, "201");
        check_status(r#""""#, "200");
        check_status("200.0", "200");
        check_status("4.04e2", "404");
        check_status("599", "599");
        let check_bad = |value: &str, quoted: &str| {
            let reason = format!("`statusCode` `{quoted}` is not 200 to 599");
            check_malformed(&format!(r#"{{"statusCode":{value}}}"#), &reason);
        };
        check_bad(r#""test""#, "test");
        check_bad(r#""200.0""#, "200.0");
        check_bad("200.5", "200.5");
        check_bad("true", "true");
        check_bad("0", "0");
        check_bad("-200", "-200");
        check_bad("100", "100");
        check_bad("199", "199");
        check_bad("600", "600");
        check_bad("65936", "65936");
        check_bad("1e999", "1e999");
        check_malformed(r#"{"statusCode":[200]}"#, "`statusCode` is a list");
        check_malformed(r#"{"statusCode":{}}"#, "`statusCode` is an object");
    }

    #[test]
    fn unknown_key_is_malformed() {
        check_malformed(
            r#"{"statusCode":200,"wrongValue":"value"}"#,
            "unknown key `wrongValue` at line 1 column 30",
        );
        // Reading stops there: what follows need not even be JSON.
        check_malformed(r#"{"data":]"#, "unknown key `data` at line 1 column 7");
        check_malformed(r#"{"StatusCode":200}"#, "unknown key `StatusCode` at line 1 column 13");
    }

    #[test]
    fn anything_but_an_object_is_malformed() {
        for body in [r#""justAString""#, r#"["statusCode"]"#, "200", "null", "", " ", "<html>", "ok"] {
            check_malformed(body, "not a JSON object");
        }
        check_malformed(
            r#"{"statusCode":200"#,
            "not valid JSON: EOF while parsing an object at line 1 column 17",
        );
        check_malformed(r#"{"statusCode":200}{}"#, "not valid JSON: trailing characters at line 1 column 19");
        let reason = read(b"{\"body\":\"\xFF\"}", Contract::Required).unwrap_err().reason;
        assert!(reason.starts_with("not valid JSON: "), "{reason}");
    }

    #[test]
    fn header_values_are_scalars() {
        check_lines(r#"{"headers":{"a":true,"b":1.50,"c":"x","d":null}}"#, &["a: true", "b: 1.50", "c: x"]);
        check_lines(
            r#"{"multiValueHeaders":{"a":[true,2,null,"x"],"b":[],"c":null}}"#,
            &["a: true", "a: 2", "a: x"],
        );
        check_malformed(r#"{"headers":{"a":["x"]}}"#, "`a` is a list");
        check_malformed(r#"{"headers":{"a":{}}}"#, "`a` is an object");
        check_malformed(r#"{"headers":["a"]}"#, "`headers` is not an object");
        check_malformed(r#"{"multiValueHeaders":{"h":"v"}}"#, "`h` is not a list");
        check_malformed(r#"{"multiValueHeaders":{"h":[["v"]]}}"#, "`h` is a list");
        check_malformed(r#"{"multiValueHeaders":"h"}"#, "`multiValueHeaders` is not an object");
    }

    #[test]
    fn multi_values_come_before_the_single_one() {
        check_lines(
            r#"{"headers":{"test-multi":"solo"},"multiValueHeaders":{"tesT-Multi":["multi","more"]}}"#,
            &["test-multi: multi", "test-multi: more", "test-multi: solo"],
        );
    }

    #[test]
    fn pair_in_both_maps_appears_once() {
        check_lines(r#"{"headers":{"A":"1"},"multiValueHeaders":{"a":["2","1"]}}"#, &["a: 2", "a: 1"]);
        check_lines(r#"{"multiValueHeaders":{"a":["1","1"]}}"#, &["a: 1", "a: 1"]);
        // Names in several cases are how functions send one header twice without the other map.
        check_lines(
            r#"{"headers":{"Set-Cookie":"a=1","set-cookie":"b=2"}}"#,
            &["set-cookie: a=1", "set-cookie: b=2"],
        );
    }

    #[test]
    fn cookies_are_set_cookie_lines() {
        check_lines(
            r#"{"headers":{"set-cookie":"a=1"},"cookies":["b=2; Secure","c=3"]}"#,
            &["set-cookie: a=1", "set-cookie: b=2; Secure", "set-cookie: c=3"],
        );
        check_malformed(r#"{"cookies":"a=1"}"#, "`cookies` is not a list");
        check_malformed(r#"{"cookies":["a\r\nb"]}"#, "header `set-cookie` has a control character");
    }

    #[test]
    fn first_of_equal_keys_counts() {
        check(
            r#"{"statusCode":404,"status\u0043ode":200,"headers":{"a":"1","a":"2"},"body":"x","body":{}}"#,
            "404 | a: 1 | content-type: application/json | x",
        );
    }

    #[test]
    fn content_type_is_json_unless_given() {
        check(r#"{"headers":{"CONTENT-TYPE":"text/html"}}"#, "200 | content-type: text/html | ");
        check(r#"{"multiValueHeaders":{"content-type":["a/b"]}}"#, "200 | content-type: a/b | ");
        check(r#"{"headers":{"content-type":null}}"#, "200 | content-type: application/json | ");
    }

    #[test]
    fn headers_cannot_split_the_answer() {
        for value in ["a\\r\\nx: y", "a\\nb", "a\\rb", "a\\u0000b", "\\u007f"] {
            let body = format!(r#"{{"headers":{{"x-a":"{value}"}}}}"#);
            check_malformed(&body, "header `x-a` has a control character");
        }
        check_malformed(r#"{"headers":{"x a":"1"}}"#, "`x a` is not a header name");
        check_malformed(r#"{"headers":{"":"1"}}"#, "`` is not a header name");
        check_malformed(r#"{"headers":{"x\r\ny":"1"}}"#, "`x\u{fffd}\u{fffd}y` is not a header name");
        check_malformed(r#"{"headers":{":status":"1"}}"#, "`:status` is not a header name");
    }

    #[test]
    fn framing_is_the_proxys() {
        check_lines(
            r#"{"headers":{"Connection":"x-a","Keep-Alive":"5","Transfer-Encoding":"chunked","TE":"trailers",
                "Trailer":"x","Upgrade":"h2c","Proxy-Authenticate":"Basic","Content-Length":99,"x-a":"1"},
                "multiValueHeaders":{"content-length":["1"]}}"#,
            &["x-a: 1"],
        );
    }

    #[test]
    fn body_is_a_scalar() {
        check(r#"{"body":"{\"a\":1}"}"#, "200 | content-type: application/json | {\"a\":1}");
        check(r#"{"body":1.50}"#, "200 | content-type: application/json | 1.50");
        check(r#"{"body":true}"#, "200 | content-type: application/json | true");
        check(r#"{"body":null,"isBase64Encoded":true}"#, "200 | content-type: application/json | ");
        check_malformed(r#"{"body":{"a":1}}"#, "`body` is an object");
        check_malformed(r#"{"body":["a"]}"#, "`body` is a list");
        check_malformed(
            r#"{"body":"\ud800"}"#,
            "`body` is not valid text: unexpected end of hex escape at line 1 column 8",
        );
    }

    #[test]
    fn base64_is_decoded_when_the_flag_says_so() {
        let check_body = |flag: &str, text: &str, expected: &str| {
            let body = format!(r#"{{"isBase64Encoded":{flag},"body":"{text}"}}"#);
            check(&body, &format!("200 | content-type: application/json | {expected}"));
        };
        check_body("true", "dGVzdC1kYXRhIQ==", "test-data!");
        check_body("true", "dGVzdC1kYXRhIQ", "test-data!");
        check_body("true", "dGVzdC1k\\r\\nYXRhIQ==\\n", "test-data!");
        check_body("true", "", "");
        check_body(r#""true""#, "dGVzdA==", "test");
        check_body(r#""True""#, "dGVzdA==", "test");
        check_body("false", "dGVzdA==", "dGVzdA==");
        check_body(r#""false""#, "dGVzdA==", "dGVzdA==");
        check_body("null", "dGVzdA==", "dGVzdA==");
        check_malformed(r#"{"isBase64Encoded":1}"#, "`isBase64Encoded` `1` is not a boolean");
        check_malformed(r#"{"isBase64Encoded":"yes"}"#, "`isBase64Encoded` `yes` is not a boolean");
        let bytes = read(br#"{"isBase64Encoded":true,"body":"/+8A"}"#, Contract::Required).unwrap().body;
        assert_eq!(bytes, [0xff, 0xef, 0x00].as_slice());
    }

    #[test]
    fn undecodable_base64_is_answered_with_500() {
        for text in ["not base64", "dGVzd", "dGV=zdA=", "_-8A"] {
            let body = format!(r#"{{"isBase64Encoded":true,"body":"{text}"}}"#);
            assert_eq!(answer(&body).unwrap_err().answer, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
        }
        assert_eq!(answer("[]").unwrap_err().answer, StatusCode::BAD_GATEWAY);
    }

    #[test]
    fn auto_takes_only_what_has_a_status() {
        check_auto(r#"{"statusCode":404}"#, Ok(404));
        check_auto(r#"{"body":"x","statusCode":"201"}"#, Ok(201));
        check_auto("{}", Err("no `statusCode`"));
        check_auto(r#"{"statusCode":null}"#, Err("no `statusCode`"));
        check_auto(r#"{"statusCode":""}"#, Err("no `statusCode`"));
        check_auto(r#"{"body":"x","headers":{"a":"1"}}"#, Err("no `statusCode`"));
        check_auto(r#"{"statusCode":1}"#, Err("`statusCode` `1` is not 200 to 599"));
        check_auto(r#"{"statusCode":404,"message":""}"#, Err("unknown key `message` at line 1 column 27"));
    }

    #[test]
    fn reasons_are_bounded() {
        let body = format!(r#"{{"{}":1}}"#, "k".repeat(10_000));
        assert!(answer(&body).unwrap_err().reason.len() < 120);
        let body = format!(r#"{{"statusCode":"{}"}}"#, "k".repeat(10_000));
        assert!(answer(&body).unwrap_err().reason.len() < 120);
    }

    #[test]
    fn more_header_names_than_can_be_sent_are_malformed() {
        let headers: Vec<String> = (0..40_000).map(|number| format!(r#""h{number}":"""#)).collect();
        let body = format!(r#"{{"headers":{{{}}}}}"#, headers.join(","));
        check_malformed(&body, "more header names than an answer can have");
    }

    /// JSON that is an envelope often enough.
    fn nearly_envelope() -> impl Strategy<Value = String> {
        let names = "connection|content-length|proxy-x|Content-Type|set-cookie|a|A|[ -~]{0,4}";
        let text = prop_oneof!["[0-9]{3}", "true|false|dGVzdA==", any::<String>()];
        let scalar = prop_oneof![
            text.prop_map(|text| serde_json::to_string(&text).unwrap()),
            "[2-5][0-9]{2}|0|1.5|200.0|true|false|null",
        ];
        let list =
            prop::collection::vec(scalar.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(",")));
        let object = |value: BoxedStrategy<String>| {
            let members = prop::collection::vec((names, value), 0..4);
            members.prop_map(|members| {
                let members =
                    members.iter().map(|(name, value)| format!("{}:{value}", serde_json::json!(name)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            })
        };
        let member = prop_oneof![
            scalar.clone().prop_map(|value| format!(r#""statusCode":{value}"#)),
            "[2-5][0-9]{2}".prop_map(|value| format!(r#""statusCode":{value}"#)),
            object(scalar.clone().boxed()).prop_map(|value| format!(r#""headers":{value}"#)),
            object(list.clone().boxed()).prop_map(|value| format!(r#""multiValueHeaders":{value}"#)),
            list.prop_map(|value| format!(r#""cookies":{value}"#)),
            scalar.clone().prop_map(|value| format!(r#""body":{value}"#)),
            scalar.prop_map(|value| format!(r#""isBase64Encoded":{value}"#)),
        ];
        prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
    }

    fn contract() -> impl Strategy<Value = Contract> {
        prop_oneof![Just(Contract::Auto), Just(Contract::Required)]
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), "[{}:,\"a0\\[\\]]{0,20}".prop_map(String::into_bytes)],
            contract in contract(),
        ) {
            let _ = read(&body, contract);
        }

        #[test]
        fn any_envelope_can_be_sent(body in nearly_envelope(), contract in contract()) {
            if let Ok(Envelope { status, headers, .. }) = read(body.as_bytes(), contract) {
                prop_assert!(STATUSES.contains(&status.as_u16()));
                prop_assert!(headers.contains_key("content-type"));
                for (name, value) in &headers {
                    prop_assert!(!["connection", "content-length", "proxy-x"].contains(&name.as_str()));
                    prop_assert!(!value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)));
                }
            }
        }

        #[test]
        fn what_auto_takes_required_takes_too(body in nearly_envelope()) {
            if let Ok(envelope) = read(body.as_bytes(), Contract::Auto) {
                prop_assert_eq!(read(body.as_bytes(), Contract::Required), Ok(envelope));
            }
        }
    }
}
