//! What json-smart makes of any text: keys and strings without quotes, single quotes, commas too many, and anything
//! that starts no JSON value is a string.
//!
//! It does not accept what json-smart does not: a missing `:`, a bracket that stays open, `\u` without four digits.

use memchr::{memchr, memchr2};

use super::super::fault::Fault;
use super::super::heap::{Heap, ListKind, MapKind};
use super::super::value::{Text, Value};
use super::{END, Whole, number};

/// The value of a text, with all there is in it.
pub(super) fn read<'a>(whole: &Whole<'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    Reader { whole, text: whole.text(), at: 0, heap }.document()
}

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
    whole: &'t Whole<'a>,
    text: &'t str,
    at: usize,
    heap: &'h mut Heap<'a>,
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
                (_, "null") => Value::Null,
                (_, "true") => Value::Boolean(true),
                (_, "false") => Value::Boolean(false),
                word => Value::String(self.kept(word)),
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
                _ => {
                    let word = self.word(self.at, Place::Key);
                    self.kept(word)
                }
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
        number(text, is_whole)
            .ok_or_else(|| Fault::thrown(format!("the JSON text has no number at byte {start}")))
    }

    fn text(&mut self, start: usize, place: Place) -> Value<'a> {
        let word = self.word(start, place);
        Value::String(self.kept(word))
    }

    /// A part of the text and where it begins, as a string.
    fn kept(&self, (start, part): (usize, &str)) -> Text<'a> {
        self.whole.part(start, start + part.len())
    }

    /// From `start` to what ends a word here, without the blanks around it; and where that begins.
    fn word(&mut self, start: usize, place: Place) -> (usize, &'t str) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = match place {
            Place::Document => memchr(END, rest),
            _ => rest.iter().position(|byte| place.ends_at(*byte)),
        };
        self.at += length.unwrap_or(rest.len());
        let (before, word) = trim(self.slice(start, self.at));
        (start + before, word)
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
                Ok(self.whole.part(start, start + length))
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

/// Without what `Character.isWhitespace` names at both ends, and how much of that was before it; one character always
/// stays.
fn trim(word: &str) -> (usize, &str) {
    let is_blank = |c: char| match c {
        '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}' => false,
        '\x1c'..='\x1f' => true,
        c => c.is_whitespace(),
    };
    let begun = word.trim_start_matches(is_blank);
    match word.chars().next_back() {
        Some(last) if begun.is_empty() => {
            let before = word.len() - last.len_utf8();
            (before, word.get(before..).unwrap_or_default())
        }
        _ => (word.len() - begun.len(), begun.trim_end_matches(is_blank)),
    }
}
