//! JSON text as json-smart's permissive parser reads it, the one behind API Gateway: keys and strings without quotes,
//! single quotes, commas too many, and anything that starts no JSON value is a string.
//!
//! It does not accept what json-smart does not: a missing `:`, a bracket that stays open, `\u` without four digits.

use std::rc::Rc;

use memchr::{memchr, memchr2};

use super::decimal::Decimal;
use super::fault::Fault;
use super::heap::{Heap, ListKind, MapKind};
use super::number;
use super::value::{Text, Value};

/// The value that the text stands for. Strings without escapes are parts of the text.
///
/// Numbers are an `Integer`, `Long` or `BigInteger` when they have neither point nor exponent, else a `Double`, or a
/// `BigDecimal` when they are written with more than 18 characters. Of equal keys the last value counts, in the place
/// of the first.
///
/// # Errors
/// [`Thrown`](super::FaultKind::Thrown) where the text starts as JSON and is none, [`Limit`](super::FaultKind::Limit)
/// where it is nested too deep or too much.
pub fn parse<'a>(text: &'a str, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    Reader { text, at: 0, heap, keep: Text::Borrowed }.document()
}

/// The same of a text that does not live as long as the values.
///
/// # Errors
/// See [`parse`].
pub fn parse_copied<'a>(text: &str, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    heap.meter.allocate(text.len())?;
    Reader { text, at: 0, heap, keep: |part| Text::Shared(part.into()) }.document()
}

/// json-smart takes this character for the end of the text.
const END: u8 = 0x1a;

/// Where a value stands, which says where a word without quotes ends.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// It is the whole text.
    Document,
    /// Before a `:`.
    Key,
    /// In an object.
    Member,
    /// In an array.
    Element,
}

impl Place {
    fn ends_at(self, byte: u8) -> bool {
        byte == END
            || match self {
                Place::Document => false,
                Place::Key => byte == b':',
                Place::Member => matches!(byte, b',' | b'}'),
                Place::Element => matches!(byte, b',' | b']'),
            }
    }
}

struct Reader<'t, 'h, 'a> {
    text: &'t str,
    at: usize,
    heap: &'h mut Heap<'a>,
    /// What a part of the text becomes.
    keep: fn(&'t str) -> Text<'a>,
}

impl<'t, 'a> Reader<'t, '_, 'a> {
    fn document(mut self) -> Result<Value<'a>, Fault> {
        self.heap.meter.work(self.text.len() as u64 / 8)?;
        self.skip_blanks();
        self.value(Place::Document, 0)
    }

    fn value(&mut self, place: Place, depth: u32) -> Result<Value<'a>, Fault> {
        match self.byte() {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' | b'\'' => self.string().map(Value::String),
            b'0'..=b'9' | b'-' => self.number(place),
            b':' | b'}' | b']' => Err(self.unexpected()),
            END if place != Place::Document => Err(self.unexpected()),
            _ => Ok(match self.word(self.at, place) {
                "null" => Value::Null,
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                word => Value::String((self.keep)(word)),
            }),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Value<'a>, Fault> {
        self.heap.meter.descend(depth)?;
        let map = self.heap.make_map(MapKind::Map)?;
        loop {
            self.at += 1;
            let key = match self.byte() {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => continue,
                b'}' => break,
                b':' | b']' | b'[' | b'{' => return Err(self.unexpected()),
                b'"' | b'\'' => self.string()?,
                _ => (self.keep)(self.word(self.at, Place::Key)),
            };
            self.skip_controls();
            if self.byte() != b':' {
                return Err(self.unexpected());
            }
            self.at += 1;
            self.skip_blanks();
            let value = self.value(Place::Member, depth + 1)?;
            self.heap.put(map, Value::String(key), value)?;
            self.skip_controls();
            match self.byte() {
                b'}' => break,
                b',' => {}
                _ => return Err(self.unexpected()),
            }
        }
        self.at += 1;
        Ok(Value::Map(map))
    }

    fn array(&mut self, depth: u32) -> Result<Value<'a>, Fault> {
        self.heap.meter.descend(depth)?;
        let list = self.heap.make_list(ListKind::Json, Vec::new())?;
        let Value::List(id) = list else { return Ok(list) };
        self.at += 1;
        loop {
            match self.byte() {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => self.at += 1,
                b']' => break,
                _ => {
                    let item = self.value(Place::Element, depth + 1)?;
                    self.heap.push(id, item)?;
                }
            }
        }
        self.at += 1;
        Ok(list)
    }

    /// A number, unless something follows that makes it a word: `1 apple`.
    fn number(&mut self, place: Place) -> Result<Value<'a>, Fault> {
        let start = self.at;
        self.at += 1;
        self.skip_digits();
        let mut is_whole = true;
        if self.byte() == b'.' {
            is_whole = false;
            self.at += 1;
            self.skip_digits();
        }
        if matches!(self.byte(), b'e' | b'E') {
            is_whole = false;
            self.at += 1;
            if !matches!(self.byte(), b'+' | b'-' | b'0'..=b'9') {
                return Ok(self.text(start, place));
            }
            self.at += 1;
            self.skip_digits();
        }
        let text = self.slice(start, self.at);
        self.skip_controls();
        // From `~` on, any character ends a number; json-smart's table of what ends one is no longer.
        if self.byte() < b'~' && !place.ends_at(self.byte()) {
            return Ok(self.text(start, place));
        }
        self.heap.meter.work((text.len() as u64).pow(2) / 20_000)?;
        match is_whole {
            true if text == "-" => Some(Value::Integer(0)),
            true => number::integer(text),
            false if text.len() > 18 => Decimal::parse(text).map(|value| Value::BigDecimal(Rc::new(value))),
            false => number::float(text).map(Value::Double),
        }
        .ok_or_else(|| Fault::thrown(format!("the JSON text has no number at byte {start}")))
    }

    fn text(&mut self, start: usize, place: Place) -> Value<'a> {
        Value::String((self.keep)(self.word(start, place)))
    }

    /// From `start` to what ends a word here, without the blanks around it.
    fn word(&mut self, start: usize, place: Place) -> &'t str {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = match place {
            Place::Document => memchr(END, rest),
            _ => rest.iter().position(|byte| place.ends_at(*byte)),
        };
        self.at += length.unwrap_or(rest.len());
        trim(self.slice(start, self.at))
    }

    fn string(&mut self) -> Result<Text<'a>, Fault> {
        let quote = self.byte();
        let start = self.at + 1;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        match memchr2(quote, b'\\', rest).map(|length| (length, rest.get(length))) {
            Some((length, Some(b'\\'))) => {
                self.at = start;
                self.escaped(quote, length)
            }
            Some((length, _)) => {
                self.at = start + length + 1;
                Ok((self.keep)(self.slice(start, start + length)))
            }
            None => {
                self.at = self.text.len();
                Err(self.unexpected())
            }
        }
    }

    /// A string with escapes. Only in such a one does json-smart drop control characters.
    fn escaped(&mut self, quote: u8, length: usize) -> Result<Text<'a>, Fault> {
        let mut out = String::with_capacity(length + 16);
        loop {
            let start = self.at;
            while !matches!(self.byte(), b'\\' | 0..0x20 | 0x7f) && self.byte() != quote {
                self.at += 1;
            }
            out.push_str(self.slice(start, self.at));
            match self.byte() {
                END => return Err(self.unexpected()),
                b'\\' => self.escape(&mut out)?,
                byte if byte == quote => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.heap.meter.allocate(out.len())?;
        Ok(Text::Shared(out.into()))
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Fault> {
        self.at += 1;
        match self.byte() {
            b'u' => return self.units(out),
            b'x' => {
                self.at += 1;
                out.push(char::from_u32(u32::from(self.hex(2)?)).unwrap_or_default());
                return Ok(());
            }
            b't' => out.push('\t'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b'f' => out.push('\x0c'),
            b'b' => out.push('\x08'),
            byte @ (b'\\' | b'/' | b'\'' | b'"') => out.push(char::from(byte)),
            // Any other character is lost.
            _ => {}
        }
        let next = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        self.at += next.map_or(0, char::len_utf8);
        Ok(())
    }

    /// A row of `\uXXXX`: two of them may be one character. Half of one is U+FFFD.
    fn units(&mut self, out: &mut String) -> Result<(), Fault> {
        let mut units = Vec::new();
        loop {
            self.at += 1;
            units.push(self.hex(4)?);
            if self.text.as_bytes().get(self.at..self.at + 2) != Some(br"\u") {
                break;
            }
            self.at += 1;
        }
        out.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Result<u16, Fault> {
        let text = self.slice(self.at, self.at + digits);
        let is_hex = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = u16::from_str_radix(text, 16).ok().filter(|_| is_hex);
        let value = value.ok_or_else(|| self.unexpected())?;
        self.at += digits;
        Ok(value)
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(END)
    }

    fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    fn skip_controls(&mut self) {
        while self.byte() <= b' ' && self.byte() != END {
            self.at += 1;
        }
    }

    fn skip_digits(&mut self) {
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> Fault {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) if found != char::from(END) => {
                Fault::thrown(format!("the JSON text has an unexpected `{found}` at byte {}", self.at))
            }
            _ => Fault::thrown("the JSON text ends too early"),
        }
    }
}

/// Without what `Character.isWhitespace` names at both ends; one character always stays.
fn trim(word: &str) -> &str {
    let is_blank = |c: char| match c {
        '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}' => false,
        '\x1c'..='\x1f' => true,
        c => c.is_whitespace(),
    };
    let trimmed = word.trim_matches(is_blank);
    match word.chars().next_back() {
        Some(last) if trimmed.is_empty() => word.get(word.len() - last.len_utf8()..).unwrap_or_default(),
        _ => trimmed,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Limits;
    use super::*;

    /// The value as JSON, then as Java prints it.
    fn read(text: &str) -> Result<(String, String), String> {
        let mut heap = Heap::new(Limits::default());
        let value = parse(text, &mut heap).map_err(|fault| fault.message)?;
        let (mut json, mut java) = (String::new(), String::new());
        heap.print_json(&value, &mut json).unwrap();
        heap.print(&value, &mut java).unwrap();
        Ok((json, java))
    }

    #[track_caller]
    fn check(text: &str, json: &str) {
        assert_eq!(read(text).map(|(found, _)| found).as_deref(), Ok(json), "{text}");
    }

    #[track_caller]
    fn refused(text: &str) {
        assert!(read(text).is_err(), "{text} is {:?}", read(text));
    }

    #[test]
    fn what_starts_no_json_value_is_a_string() {
        check("a=b", r#""a=b""#);
        check("not json", r#""not json""#);
        check("null{", r#""null{""#);
        check("true{", r#""true{""#);
        check("<xml/>", r#""<xml/>""#);
        check("a[", r#""a[""#);
        check("\tabc\n", r#""abc""#);
        check("", r#""""#);
        check("  ", r#""""#);
        check("1 2", r#""1 2""#);
        check("undefined", r#""undefined""#);
        check("\u{feff}{\"a\":1}", "\"\u{feff}{\\\"a\\\":1}\"");
        check(".5", r#"".5""#);
    }

    #[test]
    fn words_without_quotes_are_strings_up_to_what_ends_them() {
        check("{a b:1}", r#"{"a b":1}"#);
        check(r#"{"a": b }"#, r#"{"a":"b"}"#);
        check("{'a':'b'}", r#"{"a":"b"}"#);
        check(r#"{"a":1 "b":2}"#, r#"{"a":"1 \"b\":2"}"#);
        check(r#"{"a":1;"b":2}"#, r#"{"a":"1;\"b\":2"}"#);
        check("[1 2]", r#"["1 2"]"#);
        check("[tru,True,NULL,NaN]", r#"["tru","True","NULL","NaN"]"#);
        check(r#"{"a":tr\u0075e}"#, r#"{"a":"tr\\u0075e"}"#);
        check("[+1, 1x, 1e, 1ex]", r#"["+1","1x","1e","1ex"]"#);
    }

    #[test]
    fn commas_may_be_too_many_and_what_follows_the_value_is_lost() {
        check("[1,2,]", "[1,2]");
        check("[,1,,2]", "[1,2]");
        check(r#"{,"a":1,,"b":2,}"#, r#"{"a":1,"b":2}"#);
        check(r#"{"a":1}x"#, r#"{"a":1}"#);
        check("[1]]", "[1]");
        check(r#""x"y"#, r#""x""#);
        check(r#"["a" "b"]"#, r#"["a","b"]"#);
    }

    #[test]
    fn what_starts_as_json_must_go_on_as_json() {
        for text in ["{", "[", "{a", "[a", "\"abc", r#"{"a":1"#, r#"["a""#, r#"{"a":[1,2}"#] {
            refused(text);
        }
        for text in [r#"{"a" "b"}"#, r#"{"a"=1}"#, r#"{"a":}"#, "{:1}", "[:]", "]", ":", r#"{"a":"b" "c":1}"#]
        {
            refused(text);
        }
        for text in [r#""\u12""#, r#""\u12g4""#, r#""\u+123""#, r#""\x4""#, r#""a\"#, r#"[1E+]"#, "[-.]"] {
            refused(text);
        }
    }

    #[test]
    fn numbers_are_javas() {
        check("[7,2147483648,12345678901234567890]", "[7,2147483648,12345678901234567890]");
        check("[1.0,1e3,0.10,1.,-.5,1E400,-0,01,-]", "[1.0,1000.0,0.1,1.0,-0.5,null,0,1,0]");
        check("12 ", "12");
        check("1.12345678901234567890", "1.12345678901234567890");
        check(r#"{"a":0.000001}"#, r#"{"a":1.0E-6}"#);
        check("[1é]", r#"[1,"é"]"#);
        let mut heap = Heap::new(Limits::default());
        assert!(matches!(parse("1", &mut heap), Ok(Value::Integer(1))));
        assert!(matches!(parse("2147483648", &mut heap), Ok(Value::Long(2_147_483_648))));
        assert!(matches!(parse("123456789012345678901", &mut heap), Ok(Value::BigInteger(_))));
        assert!(matches!(parse("1.5", &mut heap), Ok(Value::Double(_))));
        assert!(matches!(parse("1.00000000000000000", &mut heap), Ok(Value::BigDecimal(_))));
    }

    #[test]
    fn escapes_are_json_smarts() {
        check(r#""x\qy""#, r#""xy""#);
        check(r#""\t\n\r\b\f\/\\\"\'""#, r#""\t\n\r\b\f/\\\"'""#);
        check(r#""x\u00e9\/y""#, r#""xé/y""#);
        check(r#""\x41\éb""#, r#""Ab""#);
        check(r#""\ud83d\ude00 \ud83d!""#, "\"😀 \u{fffd}!\"");
        check("\"x\ny\"", r#""x\ny""#);
        check("\"x\ny\\\\\"", r#""xy\\""#);
    }

    #[test]
    fn keys_keep_their_order_and_the_last_of_equals_counts() {
        check(r#"{"b":1,"a":2,"b":3}"#, r#"{"b":3,"a":2}"#);
        check(r#"{"":1}"#, r#"{"":1}"#);
    }

    #[test]
    fn objects_print_as_maps_and_arrays_as_json() {
        assert_eq!(read(r#"{"foo":[{"a":"b"}]}"#).unwrap().1, r#"{foo=[{"a":"b"}]}"#);
        assert_eq!(read(r#"[{"a":"b"}]"#).unwrap().1, r#"[{"a":"b"}]"#);
    }

    #[test]
    fn depth_and_memory_are_bounded() {
        let nested = "[".repeat(1000);
        let mut heap = Heap::new(Limits::default());
        assert_eq!(parse(&nested, &mut heap).unwrap_err().kind, super::super::FaultKind::Limit);
        let many = format!("[{}]", "0,".repeat(100_000));
        let mut heap = Heap::new(Limits { memory_bytes: 1 << 20, ..Limits::default() });
        assert_eq!(parse(&many, &mut heap).unwrap_err().kind, super::super::FaultKind::Limit);
    }

    #[test]
    fn strings_without_escapes_are_parts_of_the_text() {
        let mut heap = Heap::new(Limits::default());
        let text = r#"{"a":"plain"}"#;
        let Ok(Value::Map(map)) = parse(text, &mut heap) else { panic!() };
        assert!(matches!(heap.map(map).named("a"), Some(Value::String(Text::Borrowed("plain")))));
    }

    /// All but U+007F, which json-smart drops from strings with escapes.
    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[^\\x7f]{0,8}".prop_map(Into::into),
            r#"["\\/\n\t'{}:,é😀\u{2028}]{0,8}"#.prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec(("[^\\x7f]{0,3}", inner), 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_that_is_json_is_read_as_such(json in any_json()) {
            let (found, _) = read(&json.to_string()).unwrap();
            prop_assert_eq!(found.parse::<serde_json::Value>().unwrap(), json);
        }

        #[test]
        fn no_text_is_too_odd(text in r#"[\[\]{}:,"'\\ux0-9eE.+\-a\x1a é\n]{0,40}"#) {
            let copied = parse_copied(&text, &mut Heap::new(Limits::default())).map(|value| format!("{value:?}"));
            let parsed = parse(&text, &mut Heap::new(Limits::default())).map(|value| format!("{value:?}"));
            prop_assert_eq!(parsed, copied);
        }
    }
}
