//! `java.lang.String`.

use std::cmp::Ordering;

use super::super::fault::Fault;
use super::super::heap::{Heap, ListKind};
use super::super::regex;
use super::super::value::{Text, Value};
use super::Kind::{Any, Character, Int, Rest, Text as Str};
use super::{Call, Class, format, hash, method, utf16};

pub const STRING: Class = Class {
    name: "String",
    from: "`\"text\"`, `$input.body`, parameters, strings of a body",
    methods: &[
        method("charAt", &[Int], "Character", (r#"#set($s = "Hello")$s.charAt(1)"#, "e"), |call, _| {
            let index = call.int(0)?;
            let unit = usize::try_from(index).ok().and_then(|index| utf16::unit(call.own_text(), index));
            unit.map(Value::Character).ok_or_else(|| outside(call, index))
        }),
        method(
            "codePointAt",
            &[Int],
            "Integer",
            (r#"#set($s = "Hello")$s.codePointAt(0)"#, "72"),
            code_point_at,
        ),
        method(
            "compareTo",
            &[Any],
            "Integer",
            (r#"#set($s = "apple")$s.compareTo("banana")"#, "-1"),
            |call, heap| {
                utf16::charge(call.own_text(), heap)?;
                if !call.argument(0).is_null() {
                    call.of_own_class(0)?;
                }
                Ok(Value::Integer(compare(call.own_text(), call.text(0)?)))
            },
        ),
        method(
            "compareToIgnoreCase",
            &[Str],
            "Integer",
            (r#"#set($s = "apple")$s.compareToIgnoreCase("APPLE")"#, "0"),
            |call, heap| {
                let folded = |text: &str| text.chars().map(fold_case).collect::<String>();
                heap.meter.allocate(call.own_text().len() + call.text(0)?.len())?;
                Ok(Value::Integer(compare(&folded(call.own_text()), &folded(call.text(0)?))))
            },
        ),
        method("concat", &[Str], "String", (r#"#set($s = "a")$s.concat("b")"#, "ab"), |call, heap| {
            let (left, right) = (call.own_text(), call.text(0)?);
            heap.meter.allocate(left.len() + right.len())?;
            heap.text([left, right].concat())
        }),
        method(
            "contains",
            &[Str],
            "Boolean",
            (r#"#set($s = "Hello")$s.contains("ell")"#, "true"),
            |call, heap| {
                heap.meter.work(call.own_text().len() as u64 / 16)?;
                Ok(Value::Boolean(call.own_text().contains(call.text(0)?)))
            },
        ),
        method(
            "contentEquals",
            &[Str],
            "Boolean",
            (r#"#set($s = "a")$s.contentEquals("a")"#, "true"),
            |call, _| Ok(Value::Boolean(call.own_text() == call.text(0)?)),
        ),
        method(
            "copyValueOf",
            &[Any],
            "String",
            (r#"#set($s = "abc")$s.copyValueOf($s.toCharArray())"#, "abc"),
            |call, heap| match characters(call.argument(0), heap)? {
                Some(text) => heap.text(text),
                None => Ok(Value::Null),
            },
        ),
        method(
            "endsWith",
            &[Str],
            "Boolean",
            (r#"#set($s = "Hello")$s.endsWith("lo")"#, "true"),
            |call, _| Ok(Value::Boolean(call.own_text().ends_with(call.text(0)?))),
        ),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($s = "a")$s.equals("a") $s.equals(1)"#, "true false"),
            |call, _| Ok(Value::Boolean(call.argument(0).as_str() == call.receiver.as_str())),
        ),
        method(
            "equalsIgnoreCase",
            &[Str],
            "Boolean",
            (r#"#set($s = "Hello")$s.equalsIgnoreCase("hELLO")"#, "true"),
            |call, heap| {
                heap.meter.work(call.own_text().len() as u64 / 8)?;
                // Of `null` it is not thrown but false.
                let Some(other) = call.argument(0).as_str() else { return Ok(Value::Boolean(false)) };
                Ok(Value::Boolean(call.own_text().chars().map(fold_case).eq(other.chars().map(fold_case))))
            },
        ),
        method(
            "format",
            &[Str, Rest],
            "String",
            (r#"#set($s = "")$s.format("%05d|%-4s|%.2f", 42, "ab", 2.5)"#, "00042|ab  |2.50"),
            |call, heap| {
                let values = rest(call, 1, heap)?;
                format::format(call.text(0)?, &values, heap)
            },
        ),
        method(
            "getBytes",
            &[],
            "byte[]",
            (r#"#set($s = "héllo")$s.getBytes().size()"#, "6"),
            |call, heap| {
                let text = call.own_text();
                heap.meter.allocate(text.len() * size_of::<Value<'_>>())?;
                let bytes = text.bytes().map(|byte| Value::Integer(i32::from(byte.cast_signed())));
                heap.make_list(ListKind::Array, bytes.collect())
            },
        ),
        method(
            "hashCode",
            &[],
            "Integer",
            (r#"#set($s = "Hello")$s.hashCode()"#, "69609650"),
            |call, heap| Ok(Value::Integer(hash::of(call.receiver, heap)?)),
        ),
        method("indexOf", &[Int], "Integer", (r#"#set($s = "Hello")$s.indexOf(108)"#, "2"), |call, heap| {
            find(call, code_point(call.int(0)?).as_deref(), 0, heap)
        }),
        method(
            "indexOf",
            &[Int, Int],
            "Integer",
            (r#"#set($s = "Hello")$s.indexOf(108, 3)"#, "3"),
            |call, heap| find(call, code_point(call.int(0)?).as_deref(), call.int(1)?, heap),
        ),
        method(
            "indexOf",
            &[Str],
            "Integer",
            (r#"#set($s = "Hello")$s.indexOf("l") $s.indexOf("z")"#, "2 -1"),
            |call, heap| find(call, Some(call.text(0)?), 0, heap),
        ),
        method(
            "indexOf",
            &[Str, Int],
            "Integer",
            (r#"#set($s = "Hello")$s.indexOf("l", 3)"#, "3"),
            |call, heap| find(call, Some(call.text(0)?), call.int(1)?, heap),
        ),
        method("intern", &[], "String", (r#"#set($s = "a")$s.intern()"#, "a"), |call, _| {
            Ok(call.receiver.clone())
        }),
        method(
            "isBlank",
            &[],
            "Boolean",
            (r#"#set($s = "  ")$s.isBlank() $s.isEmpty()"#, "true false"),
            |call, heap| {
                utf16::charge(call.own_text(), heap)?;
                Ok(Value::Boolean(call.own_text().chars().all(is_white)))
            },
        ),
        method(
            "isEmpty",
            &[],
            "Boolean",
            (r#"#set($s = "")$s.isEmpty() $s.empty"#, "true true"),
            |call, _| Ok(Value::Boolean(call.own_text().is_empty())),
        ),
        method(
            "join",
            &[Str, Rest],
            "String",
            (r#"#set($s = "")$s.join("-", ["a", "b"]) $s.join("-", "c", "d")"#, "a-b c-d"),
            join,
        ),
        method(
            "lastIndexOf",
            &[Int],
            "Integer",
            (r#"#set($s = "Hello")$s.lastIndexOf(108)"#, "3"),
            |call, heap| find_last(call, code_point(call.int(0)?).as_deref(), i32::MAX, heap),
        ),
        method(
            "lastIndexOf",
            &[Int, Int],
            "Integer",
            (r#"#set($s = "Hello")$s.lastIndexOf(108, 2)"#, "2"),
            |call, heap| find_last(call, code_point(call.int(0)?).as_deref(), call.int(1)?, heap),
        ),
        method(
            "lastIndexOf",
            &[Str],
            "Integer",
            (r#"#set($s = "Hello")$s.lastIndexOf("l")"#, "3"),
            |call, heap| find_last(call, Some(call.text(0)?), i32::MAX, heap),
        ),
        method(
            "lastIndexOf",
            &[Str, Int],
            "Integer",
            (r#"#set($s = "Hello")$s.lastIndexOf("l", 2)"#, "2"),
            |call, heap| find_last(call, Some(call.text(0)?), call.int(1)?, heap),
        ),
        method("length", &[], "Integer", (r#"#set($s = "Hello")$s.length()"#, "5"), |call, heap| {
            utf16::charge(call.own_text(), heap)?;
            index(utf16::length(call.own_text()))
        }),
        method(
            "matches",
            &[Str],
            "Boolean",
            (r#"#set($s = "404")$s.matches("4\d{2}") $s.matches("4")"#, "true false"),
            |call, heap| Ok(Value::Boolean(regex::is_full_match(call.text(0)?, call.own_text(), heap)?)),
        ),
        method("repeat", &[Int], "String", (r#"#set($s = "ab")$s.repeat(3)"#, "ababab"), |call, heap| {
            let times = call.int(0)?;
            let times = usize::try_from(times).map_err(|_| call.fault(format!("{times} times")))?;
            heap.meter.allocate(call.own_text().len().saturating_mul(times))?;
            heap.text(call.own_text().repeat(times))
        }),
        method(
            "replace",
            &[Character, Character],
            "String",
            (r#"#set($s = "aba")$s.replace($s.charAt(0), $s.charAt(1))"#, "bbb"),
            |call, heap| {
                let (Value::Character(old), Value::Character(new)) = (call.argument(0), call.argument(1))
                else {
                    return Ok(Value::Null);
                };
                heap.meter.allocate(call.own_text().len())?;
                let units = call.own_text().encode_utf16().map(|unit| if unit == *old { *new } else { unit });
                heap.text(String::from_utf16_lossy(&units.collect::<Vec<_>>()))
            },
        ),
        method(
            "replace",
            &[Str, Str],
            "String",
            (r#"#set($s = "a.b.c")$s.replace(".", "/")"#, "a/b/c"),
            replace,
        ),
        method(
            "replaceAll",
            &[Str, Str],
            "String",
            (r#"#set($s = "a1b22")$s.replaceAll("([0-9]+)", "<$1>")"#, "a<1>b<22>"),
            |call, heap| regex::replace_all(text_of(call), call.text(0)?, call.text(1)?, heap),
        ),
        method(
            "replaceFirst",
            &[Str, Str],
            "String",
            (r#"#set($s = "a1b22")$s.replaceFirst("[0-9]+", "-")"#, "a-b22"),
            |call, heap| regex::replace_first(text_of(call), call.text(0)?, call.text(1)?, heap),
        ),
        method(
            "split",
            &[Str],
            "String[]",
            (r#"#set($s = "a,b,,c,,")$s.split(",").size() $s.split(",")[3]"#, "4 c"),
            |call, heap| regex::split(text_of(call), call.text(0)?, 0, heap),
        ),
        method(
            "split",
            &[Str, Int],
            "String[]",
            (r#"#set($s = "a,b,,c,,")$s.split(",", 2)[1] $s.split(",", -1).size()"#, "b,,c,, 6"),
            |call, heap| regex::split(text_of(call), call.text(0)?, call.int(1)?, heap),
        ),
        method(
            "startsWith",
            &[Str],
            "Boolean",
            (r#"#set($s = "Hello")$s.startsWith("He")"#, "true"),
            |call, _| Ok(Value::Boolean(call.own_text().starts_with(call.text(0)?))),
        ),
        method(
            "startsWith",
            &[Str, Int],
            "Boolean",
            (r#"#set($s = "Hello")$s.startsWith("l", 2)"#, "true"),
            |call, heap| {
                utf16::charge(call.own_text(), heap)?;
                let from = usize::try_from(call.int(1)?).ok();
                let place = from.and_then(|from| utf16::place(call.own_text(), from));
                let rest = place.filter(|place| !place.inside);
                let rest = rest.and_then(|place| call.own_text().get(place.byte..));
                let prefix = call.text(0)?;
                Ok(Value::Boolean(rest.is_some_and(|rest| rest.starts_with(prefix))))
            },
        ),
        method("strip", &[], "String", (r#"#set($s = " a ")[$s.strip()]"#, "[a]"), |call, heap| {
            utf16::slice(text_of(call), call.own_text().trim_matches(is_white), heap)
        }),
        method(
            "stripLeading",
            &[],
            "String",
            (r#"#set($s = " a ")[$s.stripLeading()]"#, "[a ]"),
            |call, heap| utf16::slice(text_of(call), call.own_text().trim_start_matches(is_white), heap),
        ),
        method(
            "stripTrailing",
            &[],
            "String",
            (r#"#set($s = " a ")[$s.stripTrailing()]"#, "[ a]"),
            |call, heap| utf16::slice(text_of(call), call.own_text().trim_end_matches(is_white), heap),
        ),
        method(
            "subSequence",
            &[Int, Int],
            "String",
            (r#"#set($s = "Hello")$s.subSequence(1, 3)"#, "el"),
            |call, heap| substring(call, call.int(0)?, Some(call.int(1)?), heap),
        ),
        method(
            "substring",
            &[Int],
            "String",
            (r#"#set($s = "Hello")$s.substring(3)"#, "lo"),
            |call, heap| substring(call, call.int(0)?, None, heap),
        ),
        method(
            "substring",
            &[Int, Int],
            "String",
            (r#"#set($s = "Hello")$s.substring(1, 3)"#, "el"),
            |call, heap| substring(call, call.int(0)?, Some(call.int(1)?), heap),
        ),
        method(
            "toCharArray",
            &[],
            "char[]",
            (r#"#set($s = "abc")#foreach($c in $s.toCharArray())$c.#end"#, "a.b.c."),
            |call, heap| {
                let length = utf16::length(call.own_text());
                // Counted before it is made.
                heap.meter.allocate(length * size_of::<Value<'_>>())?;
                let units = call.own_text().encode_utf16().map(Value::Character).collect();
                heap.make_list(ListKind::Array, units)
            },
        ),
        method(
            "toLowerCase",
            &[],
            "String",
            (r#"#set($s = "Hello")$s.toLowerCase()"#, "hello"),
            |call, heap| {
                charge_case(call, heap)?;
                heap.text(call.own_text().to_lowercase())
            },
        ),
        method("toString", &[], "String", (r#"#set($s = "a")$s.toString()"#, "a"), |call, _| {
            Ok(call.receiver.clone())
        }),
        method(
            "toUpperCase",
            &[],
            "String",
            (r#"#set($s = "Hello")$s.toUpperCase()"#, "HELLO"),
            |call, heap| {
                charge_case(call, heap)?;
                heap.text(call.own_text().to_uppercase())
            },
        ),
        method("trim", &[], "String", (r#"#set($s = " a ")[$s.trim()]"#, "[a]"), |call, heap| {
            utf16::slice(text_of(call), call.own_text().trim_matches(|c| c <= ' '), heap)
        }),
        method("valueOf", &[Any], "String", (r#"#set($s = "")$s.valueOf(5).length()"#, "1"), |call, heap| {
            match characters(call.argument(0), heap)? {
                Some(text) => heap.text(text),
                None => heap.printed(call.argument(0)),
            }
        }),
    ],
};

fn text_of<'c, 'a>(call: &Call<'c, 'a>) -> &'c Text<'a> {
    match call.receiver {
        Value::String(text) => text,
        _ => &Text::Borrowed(""),
    }
}

fn outside(call: &Call<'_, '_>, index: i32) -> Fault {
    call.fault(format!("index {index} is outside of a string of {}", utf16::length(call.own_text())))
}

/// A length or an index; no string is longer than an `int` counts.
fn index<'a>(units: usize) -> Result<Value<'a>, Fault> {
    i32::try_from(units).map(Value::Integer).map_err(|_| Fault::limit("a string longer than an `int` counts"))
}

fn code_point_at<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    utf16::charge(call.own_text(), heap)?;
    let index = call.int(0)?;
    let unit = |index: i32| usize::try_from(index).ok().and_then(|index| utf16::unit(call.own_text(), index));
    let first = unit(index).ok_or_else(|| outside(call, index))?;
    let units = [Some(first), unit(index.wrapping_add(1))].into_iter().flatten();
    let point = match char::decode_utf16(units).next() {
        Some(Ok(character)) => u32::from(character),
        _ => u32::from(first),
    };
    Ok(Value::Integer(point.cast_signed()))
}

/// The difference of the first units that differ, else of the lengths.
fn compare(left: &str, right: &str) -> i32 {
    let mut pairs = left.encode_utf16().zip(right.encode_utf16());
    match pairs.find(|(left, right)| left != right) {
        Some((left, right)) => i32::from(left) - i32::from(right),
        None => {
            let (left, right) = (utf16::length(left), utf16::length(right));
            let distance = i32::try_from(left.abs_diff(right)).unwrap_or(i32::MAX);
            if left.cmp(&right) == Ordering::Less { -distance } else { distance }
        }
    }
}

/// What Java compares when case does not matter: the lower case of the upper case, where each is one character.
fn fold_case(character: char) -> char {
    let upper = single(character.to_uppercase()).unwrap_or(character);
    lower(upper).unwrap_or(upper)
}

/// Counts what it takes to look up characters, which in ASCII is next to nothing.
fn charge_case(call: &Call<'_, '_>, heap: &mut Heap<'_>) -> Result<(), Fault> {
    let text = call.own_text();
    heap.meter.allocate(text.len())?;
    heap.meter.work(text.len() as u64 / if text.is_ascii() { 64 } else { 2 })
}

/// `Character.toLowerCase`, where that is one character.
pub fn lower(character: char) -> Option<char> {
    // The dot is part of the letter here; as a string it would be two characters.
    if character == 'İ' { Some('i') } else { single(character.to_lowercase()) }
}

pub fn single(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next();
    if characters.next().is_some() { None } else { first }
}

/// `Character.isWhitespace`: no-break spaces are not.
pub fn is_white(character: char) -> bool {
    match character {
        '\u{1c}'..='\u{1f}' => true,
        '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}' => false,
        _ => character.is_whitespace(),
    }
}

/// A code point as text; what is none is found nowhere.
fn code_point(point: i32) -> Option<String> {
    u32::try_from(point).ok().and_then(char::from_u32).map(String::from)
}

fn find<'a>(
    call: &Call<'_, 'a>,
    what: Option<&str>,
    from: i32,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    let text = call.own_text();
    heap.meter.work(text.len() as u64 / 16)?;
    utf16::charge(text, heap)?;
    let length = utf16::length(text);
    // Java moves a start outside to the nearer end.
    let from = usize::try_from(from).unwrap_or(0).min(length);
    let Some(place) = utf16::place(text, from) else { return Ok(Value::Integer(-1)) };
    let byte = if place.inside {
        utf16::place(text, from + 1).map_or(text.len(), |place| place.byte)
    } else {
        place.byte
    };
    match what.and_then(|what| text.get(byte..)?.find(what)) {
        Some(found) => index(utf16::units_before(text, byte + found)),
        None => Ok(Value::Integer(-1)),
    }
}

fn find_last<'a>(
    call: &Call<'_, 'a>,
    what: Option<&str>,
    from: i32,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    let text = call.own_text();
    heap.meter.work(text.len() as u64 / 16)?;
    utf16::charge(text, heap)?;
    let (Some(what), Ok(from)) = (what, usize::try_from(from)) else { return Ok(Value::Integer(-1)) };
    let from = utf16::place(text, from.min(utf16::length(text))).map_or(text.len(), |place| place.byte);
    // It may begin at `from` and end after it.
    let end = from.saturating_add(what.len()).min(text.len());
    let end = (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
    match text.get(..end).and_then(|before| before.rfind(what)) {
        Some(found) if found <= from => index(utf16::units_before(text, found)),
        _ => Ok(Value::Integer(-1)),
    }
}

fn substring<'a>(
    call: &Call<'_, 'a>,
    begin: i32,
    end: Option<i32>,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    let text = call.own_text();
    utf16::charge(text, heap)?;
    let place = |index: i32| usize::try_from(index).ok().and_then(|index| utf16::place(text, index));
    let last = utf16::Place { byte: text.len(), inside: false };
    match (place(begin), end.map_or(Some(last), place)) {
        (Some(from), Some(to)) if end.is_none_or(|end| begin <= end) => {
            utf16::between(text_of(call), from, to, heap)
        }
        _ => {
            let length = utf16::length(text);
            let end = end.map_or(length.to_string(), |end| end.to_string());
            Err(call.fault(format!("begin {begin} and end {end} do not fit a string of {length}")))
        }
    }
}

fn replace<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    let (text, old, new) = (call.own_text(), call.text(0)?, call.text(1)?);
    heap.meter.work(text.len() as u64 / 16)?;
    if !text.contains(old) {
        return Ok(call.receiver.clone());
    }
    let found = if old.is_empty() { utf16::length(text) + 1 } else { text.matches(old).count() };
    heap.meter.work(found as u64)?;
    heap.meter.allocate(text.len().saturating_add(found.saturating_mul(new.len())))?;
    heap.text(text.replace(old, new))
}

/// `String.join` takes strings or one collection of them; of anything else Java throws or finds no such method.
fn join<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    let is_list = matches!(call.argument(1), Value::List(_) | Value::View(..)) && call.arguments.len() == 2;
    let parts = if is_list { heap.items(call.argument(1))? } else { rest(call, 1, heap)? };
    let mut out = String::new();
    for (place, part) in parts.iter().enumerate() {
        if !matches!(part, Value::String(_) | Value::Null) {
            return if is_list {
                Err(call.fault("not all that is to be joined is text"))
            } else {
                Ok(Value::Null)
            };
        }
        heap.push_text(if place == 0 { "" } else { call.text(0)? }, &mut out)?;
        heap.print(part, &mut out)?;
    }
    heap.text(out)
}

/// The values of `Object...`: an array that stands alone is spread out, as in Java.
fn rest<'a>(call: &Call<'_, 'a>, first: usize, heap: &mut Heap<'a>) -> Result<Vec<Value<'a>>, Fault> {
    match call.arguments.get(first..) {
        Some([Value::List(id)]) if heap.list_kind(*id) == ListKind::Array => heap.items(&Value::List(*id)),
        values => Ok(values.unwrap_or_default().to_vec()),
    }
}

/// The text of a `char[]`.
fn characters<'a>(value: &Value<'a>, heap: &mut Heap<'a>) -> Result<Option<String>, Fault> {
    let Value::List(id) = value else { return Ok(None) };
    if heap.list_kind(*id) != ListKind::Array {
        return Ok(None);
    }
    let length = heap.list(*id).len();
    heap.meter.allocate(length)?;
    let units: Option<Vec<u16>> = heap
        .list(*id)
        .iter()
        .map(|item| match item {
            Value::Character(unit) => Some(*unit),
            _ => None,
        })
        .collect();
    Ok(units.map(|units| String::from_utf16_lossy(&units)))
}
