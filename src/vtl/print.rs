//! How values are written: as Java's `toString()`, where JSON arrays are JSON, and as JSON.

use std::fmt::Write;

use super::fault::Fault;
use super::heap::{Heap, ListKind, MapKind};
use super::json::{self, Unread};
use super::number;
use super::value::{Value, View};

/// Which characters of a string are escaped in JSON, beside quotes, backslashes and control characters.
#[derive(Clone, Copy, PartialEq)]
enum Slashes {
    /// json-smart protects what is put into a page: `\/`.
    Escaped,
    /// `$input.json` does not.
    Plain,
}

impl<'a> Heap<'a> {
    /// What a reference to the value prints: Java's `toString()`. A list that contains itself says so, as in Java;
    /// any other circle ends at the bound of depth.
    pub fn print(&mut self, value: &Value<'a>, out: &mut String) -> Result<(), Fault> {
        self.print_at(value, out, 0)
    }

    /// The value as compact JSON, as `$input.json` writes it.
    pub fn print_json(&mut self, value: &Value<'a>, out: &mut String) -> Result<(), Fault> {
        self.print_json_at(value, Slashes::Plain, out, 0)
    }

    /// The same of what nobody has looked into, unless something there is not written as it should be.
    pub(super) fn print_unread(&mut self, unread: &Unread<'a>, out: &mut String) -> Result<bool, Fault> {
        self.reprint_unread(unread, Slashes::Plain, out)
    }

    /// What [`print`](Heap::print) prints, as a string of its own; of a string that is no copy.
    pub fn printed(&mut self, value: &Value<'a>) -> Result<Value<'a>, Fault> {
        if let Value::String(_) = value {
            return Ok(value.clone());
        }
        let mut out = String::new();
        self.print(value, &mut out)?;
        self.text(out)
    }

    fn print_at(&mut self, value: &Value<'a>, out: &mut String, depth: u32) -> Result<(), Fault> {
        match value {
            Value::String(text) => self.push_text(text, out),
            Value::List(id) if self.list_kind(*id) == ListKind::Json => {
                self.print_json_at(value, Slashes::Escaped, out, depth)
            }
            Value::List(id) if self.list_kind(*id) == ListKind::Array => self.print_array(value, out),
            Value::List(_) | Value::View(..) => self.print_items(value, out, depth),
            Value::Map(id) if self.map_kind(*id) == MapKind::Context => Ok(()),
            Value::Map(_) => self.print_map(value, out, depth),
            Value::Pair(id) => {
                self.meter.descend(depth)?;
                let (key, value) = self.pair(*id);
                self.print_at(&key, out, depth + 1)?;
                self.push_text("=", out)?;
                self.print_at(&value, out, depth + 1)
            }
            Value::Loop(id) => match self.run(*id).added {
                Some(added) => self.print_map(&Value::Map(added), out, depth),
                None => self.push_text("{}", out),
            },
            // The renderer writes blocks; what comes from outside the language prints as nothing.
            Value::Block(_) | Value::Object(_) => Ok(()),
            Value::Cursor(_) => self.push_text("java.util.ArrayList$Itr", out),
            scalar => self.push_scalar(scalar, out),
        }
    }

    /// `[a, b]`.
    fn print_items(&mut self, list: &Value<'a>, out: &mut String, depth: u32) -> Result<(), Fault> {
        self.meter.descend(depth)?;
        self.push_text("[", out)?;
        for (place, item) in self.items(list)?.iter().enumerate() {
            self.push_text(if place == 0 { "" } else { ", " }, out)?;
            if Heap::is_same(list, item) {
                self.push_text("(this Collection)", out)?;
            } else {
                self.print_at(item, out, depth + 1)?;
            }
        }
        self.push_text("]", out)
    }

    /// `{a=b, c=d}`.
    fn print_map(&mut self, map: &Value<'a>, out: &mut String, depth: u32) -> Result<(), Fault> {
        self.meter.descend(depth)?;
        self.push_text("{", out)?;
        for (place, (key, value)) in self.entries(map)?.iter().enumerate() {
            self.push_text(if place == 0 { "" } else { ", " }, out)?;
            for (value, after) in [(key, "="), (value, "")] {
                if Heap::is_same(map, value) {
                    self.push_text("(this Map)", out)?;
                } else {
                    self.print_at(value, out, depth + 1)?;
                }
                self.push_text(after, out)?;
            }
        }
        self.push_text("}", out)
    }

    /// Java writes the class and a number of the object. The number is never the same twice, so there is none here.
    fn print_array(&mut self, array: &Value<'a>, out: &mut String) -> Result<(), Fault> {
        let items = self.items(array)?;
        let class = match items.first() {
            Some(Value::Character(_)) => "[C",
            Some(Value::String(_)) => "[Ljava.lang.String;",
            _ => "[Ljava.lang.Object;",
        };
        self.push_text(class, out)
    }

    fn print_json_at(
        &mut self,
        value: &Value<'a>,
        slashes: Slashes,
        out: &mut String,
        depth: u32,
    ) -> Result<(), Fault> {
        if self.reprint(value, slashes, out)? {
            return Ok(());
        }
        match value {
            Value::String(text) => self.push_quoted(text, slashes, out),
            Value::Character(_) => {
                let mut text = String::new();
                self.push_scalar(value, &mut text)?;
                self.push_quoted(&text, slashes, out)
            }
            Value::Double(value) if !value.is_finite() => self.push_text("null", out),
            Value::List(_) | Value::View(_, View::Keys | View::Values | View::Entries) => {
                self.meter.descend(depth)?;
                self.push_text("[", out)?;
                for (place, item) in self.items(value)?.iter().enumerate() {
                    self.push_text(if place == 0 { "" } else { "," }, out)?;
                    self.print_json_at(item, slashes, out, depth + 1)?;
                }
                self.push_text("]", out)
            }
            Value::Map(_) => {
                self.meter.descend(depth)?;
                let entries = self.entries(value)?;
                self.print_members(&entries, slashes, out, depth)
            }
            Value::Pair(id) => {
                self.meter.descend(depth)?;
                let (key, value) = self.pair(*id);
                let members = [(Value::borrowed("key"), key), (Value::borrowed("value"), value)];
                self.print_members(&members, slashes, out, depth)
            }
            Value::Loop(_) | Value::Block(_) | Value::Object(_) | Value::Cursor(_) => {
                self.push_text("{}", out)
            }
            scalar => self.push_scalar(scalar, out),
        }
    }

    /// What comes from a text and was never looked into is mostly written as it should be.
    fn reprint(&mut self, value: &Value<'a>, slashes: Slashes, out: &mut String) -> Result<bool, Fault> {
        match self.unread(value) {
            Some(unread) => self.reprint_unread(&unread, slashes, out),
            None => Ok(false),
        }
    }

    fn reprint_unread(
        &mut self,
        unread: &Unread<'a>,
        slashes: Slashes,
        out: &mut String,
    ) -> Result<bool, Fault> {
        let text = unread.text();
        self.meter.work(1 + text.len() as u64 / 32)?;
        let Some(printed) = json::reprint(text, slashes == Slashes::Escaped) else { return Ok(false) };
        if out.is_empty() {
            *out = printed;
        } else {
            out.push_str(&printed);
        }
        self.fits(out.len())?;
        Ok(true)
    }

    fn print_members(
        &mut self,
        members: &[(Value<'a>, Value<'a>)],
        slashes: Slashes,
        out: &mut String,
        depth: u32,
    ) -> Result<(), Fault> {
        self.push_text("{", out)?;
        for (place, (key, value)) in members.iter().enumerate() {
            self.push_text(if place == 0 { "" } else { "," }, out)?;
            match key {
                Value::String(name) => self.push_quoted(name, slashes, out)?,
                key => {
                    let mut name = String::new();
                    self.print_at(key, &mut name, depth + 1)?;
                    self.push_quoted(&name, slashes, out)?;
                }
            }
            self.push_text(":", out)?;
            self.print_json_at(value, slashes, out, depth + 1)?;
        }
        self.push_text("}", out)
    }

    /// A copy: writing an entry may make values.
    fn entries(&mut self, map: &Value<'a>) -> Result<Vec<(Value<'a>, Value<'a>)>, Fault> {
        let Value::Map(id) = map else { return Ok(Vec::new()) };
        let bytes = size_of_val(self.map(*id).entries());
        self.meter.allocate(bytes)?;
        Ok(self.map(*id).entries().to_vec())
    }

    fn is_same(left: &Value<'_>, right: &Value<'_>) -> bool {
        match (left, right) {
            (Value::List(left), Value::List(right)) => left == right,
            (Value::Map(left), Value::Map(right)) => left == right,
            (Value::View(left, side), Value::View(right, other)) => left == right && side == other,
            _ => false,
        }
    }

    fn push_scalar(&mut self, value: &Value<'_>, out: &mut String) -> Result<(), Fault> {
        self.meter.work(1)?;
        let written = match value {
            Value::Boolean(value) => return self.push_text(if *value { "true" } else { "false" }, out),
            Value::Integer(value) => write!(out, "{value}"),
            Value::Long(value) => write!(out, "{value}"),
            Value::BigInteger(value) => {
                self.meter.work((value.bits() / 64).pow(2) / 16)?;
                write!(out, "{value}")
            }
            Value::Double(value) => {
                number::push_double(*value, out);
                Ok(())
            }
            Value::BigDecimal(value) => {
                self.meter.work((value.unscaled.bits() / 64).pow(2) / 16)?;
                write!(out, "{value}")
            }
            Value::Character(unit) => {
                // Half of a character beyond U+FFFF is what Java's encoders write as a question mark.
                out.push(char::from_u32(u32::from(*unit)).unwrap_or('?'));
                Ok(())
            }
            _ => return self.push_text("null", out),
        };
        // Writing to a string cannot fail.
        written.map_err(|_| Fault::limit("out of memory"))?;
        self.fits(out.len())
    }

    /// Adds to a text that will be printed or compared, and so is bounded as the output is.
    pub fn push_text(&mut self, text: &str, out: &mut String) -> Result<(), Fault> {
        self.fits(out.len().saturating_add(text.len()))?;
        self.meter.work(1 + text.len() as u64 / 256)?;
        out.push_str(text);
        Ok(())
    }

    fn fits(&self, text_bytes: usize) -> Result<(), Fault> {
        let bytes_max = self.meter.limits().output_bytes;
        if text_bytes > bytes_max {
            return Err(Fault::limit(format!("a text of more than {bytes_max} bytes")));
        }
        Ok(())
    }

    fn push_quoted(&mut self, text: &str, slashes: Slashes, out: &mut String) -> Result<(), Fault> {
        self.push_text("\"", out)?;
        let mut plain_from = 0;
        for (at, character) in text.char_indices() {
            let escaped = match character {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                '/' if slashes == Slashes::Escaped => "\\/",
                '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2000}'..='\u{20ff}' => "",
                _ => continue,
            };
            self.push_text(text.get(plain_from..at).unwrap_or_default(), out)?;
            plain_from = at + character.len_utf8();
            if escaped.is_empty() {
                self.push_text(&format!("\\u{:04X}", u32::from(character)), out)?;
            } else {
                self.push_text(escaped, out)?;
            }
        }
        self.push_text(text.get(plain_from..).unwrap_or_default(), out)?;
        self.push_text("\"", out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vtl::Limits;
    use crate::vtl::fault::FaultKind;

    fn heap() -> Heap<'static> {
        Heap::new(Limits::default())
    }

    fn list(heap: &mut Heap<'static>, kind: ListKind, items: &[Value<'static>]) -> Value<'static> {
        heap.make_list(kind, items.to_vec()).unwrap()
    }

    fn map(heap: &mut Heap<'static>, entries: &[(Value<'static>, Value<'static>)]) -> Value<'static> {
        let id = heap.make_map(MapKind::Map).unwrap();
        for (key, value) in entries {
            heap.put(id, key.clone(), value.clone()).unwrap();
        }
        Value::Map(id)
    }

    #[track_caller]
    fn check(heap: &mut Heap<'static>, value: &Value<'static>, expected: &str) {
        let mut out = String::new();
        heap.print(value, &mut out).unwrap();
        assert_eq!(out, expected);
    }

    #[track_caller]
    fn check_json(heap: &mut Heap<'static>, value: &Value<'static>, expected: &str) {
        let mut out = String::new();
        heap.print_json(value, &mut out).unwrap();
        assert_eq!(out, expected);
    }

    const A: Value<'static> = Value::String(crate::vtl::Text::Borrowed("a"));

    #[test]
    fn scalars_print_as_in_java() {
        let heap = &mut heap();
        check(heap, &Value::Null, "null");
        check(heap, &Value::Boolean(true), "true");
        check(heap, &Value::Integer(-1), "-1");
        check(heap, &Value::Long(1 << 40), "1099511627776");
        check(heap, &Value::Double(1.0), "1.0");
        check(heap, &Value::Character(0xe9), "é");
        check(heap, &Value::Character(0xd83d), "?");
        check(heap, &Value::borrowed("a\"b"), "a\"b");
    }

    #[test]
    fn lists_and_maps_print_without_quotes() {
        let heap = &mut heap();
        let inner = map(heap, &[(A, Value::Null), (Value::Integer(1), Value::Double(0.5))]);
        let outer = list(heap, ListKind::List, &[inner, A, Value::Null]);
        check(heap, &outer, "[{a=null, 1=0.5}, a, null]");
        let empty = [list(heap, ListKind::List, &[]), map(heap, &[])];
        check(heap, &empty[0], "[]");
        check(heap, &empty[1], "{}");
    }

    #[test]
    fn json_arrays_print_as_json_with_all_they_hold() {
        let heap = &mut heap();
        let inner = map(heap, &[(A, Value::Null), (Value::Integer(1), Value::borrowed("</a>"))]);
        let vtl = list(heap, ListKind::List, &[A, Value::Double(f64::NAN)]);
        let json = list(heap, ListKind::Json, &[inner.clone(), vtl]);
        check(heap, &json, r#"[{"a":null,"1":"<\/a>"},["a",null]]"#);
        check_json(heap, &json, r#"[{"a":null,"1":"</a>"},["a",null]]"#);
        let around = map(heap, &[(Value::borrowed("k"), json), (A, inner)]);
        check(heap, &around, r#"{k=[{"a":null,"1":"<\/a>"},["a",null]], a={a=null, 1=</a>}}"#);
    }

    #[test]
    fn json_strings_are_escaped_as_json_smart_does() {
        let heap = &mut heap();
        let text = Value::borrowed("\"\\/\n\r\t\u{8}\u{c}\u{1}\u{7f}\u{9f}\u{a0}é\u{2028}\u{20ff}\u{2100}😀");
        check_json(
            heap,
            &text,
            "\"\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\\u007F\\u009F\u{a0}é\\u2028\\u20FF\u{2100}😀\"",
        );
        check_json(heap, &Value::Character(34), r#""\"""#);
        check_json(heap, &Value::Null, "null");
    }

    #[test]
    fn views_print_like_lists() {
        let heap = &mut heap();
        let Value::Map(id) = map(heap, &[(A, Value::Integer(1)), (Value::Integer(2), Value::Null)]) else {
            unreachable!()
        };
        check(heap, &Value::View(id, View::Keys), "[a, 2]");
        check(heap, &Value::View(id, View::Values), "[1, null]");
        check(heap, &Value::View(id, View::Entries), "[a=1, 2=null]");
        check_json(heap, &Value::View(id, View::Keys), r#"["a",2]"#);
        let context = heap.make_map(MapKind::Context).unwrap();
        heap.put(context, A, A).unwrap();
        check(heap, &Value::Map(context), "");
    }

    #[test]
    fn what_contains_itself_says_so_and_greater_circles_end() {
        let heap = &mut heap();
        let itself = list(heap, ListKind::List, &[A]);
        let Value::List(id) = itself else { unreachable!() };
        heap.push(id, itself.clone()).unwrap();
        check(heap, &itself, "[a, (this Collection)]");
        let Value::Map(id) = map(heap, &[]) else { unreachable!() };
        heap.put(id, A, Value::Map(id)).unwrap();
        check(heap, &Value::Map(id), "{a=(this Map)}");
        let around = list(heap, ListKind::List, &[Value::Map(id)]);
        heap.put(id, A, around.clone()).unwrap();
        let fault = heap.print(&around, &mut String::new()).unwrap_err();
        assert_eq!(fault.to_string(), "nested deeper than 100");
        assert!(heap.print_json(&around, &mut String::new()).is_err());
    }

    #[test]
    fn a_small_value_that_prints_without_end_ends_at_a_bound() {
        let heap = &mut heap();
        let mut value = A;
        for _ in 0..90 {
            value = list(heap, ListKind::List, &[value.clone(), value]);
        }
        let fault = heap.print(&value, &mut String::new()).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Limit);
    }
}
