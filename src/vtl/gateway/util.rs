//! `$util`: text to and from other forms.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use wide::u8x16;

use super::super::fault::Fault;
use super::super::heap::Heap;
use super::super::json;
use super::super::object::Object;
use super::super::value::{Text, Value};

#[derive(Debug)]
pub(super) struct Util {
    /// Has `toJson`, too.
    pub(super) native: bool,
}

impl<'a> Object<'a> for Util {
    fn call(&self, method: &str, arguments: &[Value<'a>], heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        let [argument] = arguments else { return Ok(Value::Null) };
        match (method, argument) {
            ("toJson", value) if self.native => {
                let mut out = String::new();
                heap.print_json(value, &mut out)?;
                heap.text(out)
            }
            ("parseJson", Value::String(text)) => json::parse_text(text, heap),
            (_, Value::String(text)) => self.convert(method, text, heap),
            ("parseJson" | "urlEncode" | "urlDecode" | "base64Encode" | "base64Decode", Value::Null) => {
                Err(Fault::thrown(format!("`$util.{method}` has no text")))
            }
            _ => Ok(Value::Null),
        }
    }
}

impl Util {
    fn convert<'a>(&self, method: &str, text: &Text<'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        heap.meter.work(text.len() as u64 / 4)?;
        let converted = match method {
            "escapeJavaScript" => match escape_java_script(text) {
                Some(escaped) => escaped,
                None => return Ok(Value::String(text.clone())),
            },
            "urlEncode" => url_encode(text),
            "urlDecode" => url_decode(text)?,
            "base64Encode" => PADDED.encode(&**text),
            "base64Decode" => base64_decode(text)?,
            _ => return Ok(Value::Null),
        };
        heap.text(converted)
    }
}

const PADDED: GeneralPurpose = base64(DecodePaddingMode::RequireCanonical);
const BARE: GeneralPurpose = base64(DecodePaddingMode::RequireNone);

/// As `java.util.Base64`, which does not look at bits that are left over.
const fn base64(padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&STANDARD, config.with_decode_padding_mode(padding))
}

fn base64_decode(text: &str) -> Result<String, Fault> {
    let base64 = if text.ends_with('=') { PADDED } else { BARE };
    let bytes = base64.decode(text).map_err(|error| Fault::thrown(format!("not base64: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// As `StringEscapeUtils.escapeJavaScript` of commons-lang 2: a quote `'` becomes `\'`, which is no JSON. Nothing if
/// there is nothing to escape.
fn escape_java_script(text: &str) -> Option<String> {
    let mut plain = plain_bytes(text);
    if plain == text.len() {
        return None;
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_at_checked(plain) {
        out.push_str(before);
        let mut characters = after.chars();
        let Some(character) = characters.next() else { break };
        push_escaped(character, &mut out);
        rest = characters.as_str();
        plain = plain_bytes(rest);
    }
    Some(out)
}

fn push_escaped(character: char, out: &mut String) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\'' | '"' | '\\' | '/' => out.extend(['\\', character]),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str("\\u");
                out.extend([12, 8, 4, 0].map(|shift| hex_digit((*unit >> shift) as u8 & 0xf)));
            }
        }
    }
}

/// How many bytes come before one that is escaped.
fn plain_bytes(text: &str) -> usize {
    let (chunks, tail) = text.as_bytes().as_chunks::<16>();
    for (number, chunk) in chunks.iter().enumerate() {
        let bytes = u8x16::new(*chunk);
        let is = |byte| bytes.simd_eq(u8x16::splat(byte));
        let beyond_ascii = bytes.max(u8x16::splat(0x80)).simd_eq(bytes);
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let marks = is(b'\'') | is(b'"') | is(b'\\') | is(b'/');
        let escaped = (marks | beyond_ascii | control).to_bitmask();
        if escaped != 0 {
            return number * 16 + escaped.trailing_zeros() as usize;
        }
    }
    let is_escaped = |byte: &u8| matches!(byte, 0..0x20 | 0x80.. | b'\'' | b'"' | b'\\' | b'/');
    text.len() - tail.len() + tail.iter().position(is_escaped).unwrap_or(tail.len())
}

/// As `java.net.URLEncoder`: a form in UTF-8.
fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 0xf)]),
        }
    }
    out
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or_default().to_ascii_uppercase()
}

/// As `java.net.URLDecoder`.
fn url_decode(text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => (high << 4 | low) as u8,
                    _ => return Err(Fault::thrown("two hexadecimal digits must follow each `%`")),
                }
            }
            byte => byte,
        });
    }
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
