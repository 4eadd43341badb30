//! `java.lang.Character`: one UTF-16 unit.

use super::super::value::Value;
use super::Kind::{Any, Character};
use super::{Call, Class, hash, method};

pub const CHARACTER: Class = Class {
    name: "Character",
    from: "`charAt`, `#foreach($c in $s.toCharArray())`",
    methods: &[
        method(
            "charValue",
            &[],
            "Character",
            (r#"#set($s = "a")$s.charAt(0).charValue()"#, "a"),
            |call, _| Ok(call.receiver.clone()),
        ),
        method(
            "compareTo",
            &[Any],
            "Integer",
            (r#"#set($s = "ac")$s.charAt(0).compareTo($s.charAt(1))"#, "-2"),
            |call, _| match call.argument(0) {
                Value::Character(other) => {
                    Ok(Value::Integer(i32::from(unit(call.receiver)) - i32::from(*other)))
                }
                Value::Null => Err(call.is_null(0)),
                _ => call.of_own_class(0).map(|()| Value::Null),
            },
        ),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($s = "aa")$s.charAt(0).equals($s.charAt(1)) $s.charAt(0).equals("a")"#, "true false"),
            |call, heap| Ok(Value::Boolean(heap.equals(call.receiver, call.argument(0))?)),
        ),
        method(
            "getNumericValue",
            &[Character],
            "Integer",
            (r#"#set($s = "7a")#set($c = $s.charAt(0))$c.getNumericValue($c)"#, "7"),
            |call, _| {
                let digit = character(call).and_then(|character| character.to_digit(36));
                Ok(Value::Integer(digit.map_or(-1, u32::cast_signed)))
            },
        ),
        method(
            "hashCode",
            &[],
            "Integer",
            (r#"#set($s = "a")$s.charAt(0).hashCode()"#, "97"),
            |call, heap| Ok(Value::Integer(hash::of(call.receiver, heap)?)),
        ),
        method(
            "isDigit",
            &[Character],
            "Boolean",
            (r#"#set($s = "7")#set($c = $s.charAt(0))$c.isDigit($c)"#, "true"),
            |call, _| is(call, |character| character.is_numeric() && !character.is_alphabetic()),
        ),
        method(
            "isLetter",
            &[Character],
            "Boolean",
            (r#"#set($s = "a")#set($c = $s.charAt(0))$c.isLetter($c)"#, "true"),
            |call, _| is(call, char::is_alphabetic),
        ),
        method(
            "isLetterOrDigit",
            &[Character],
            "Boolean",
            (r#"#set($s = "-")#set($c = $s.charAt(0))$c.isLetterOrDigit($c)"#, "false"),
            |call, _| is(call, char::is_alphanumeric),
        ),
        method(
            "isLowerCase",
            &[Character],
            "Boolean",
            (r#"#set($s = "a")#set($c = $s.charAt(0))$c.isLowerCase($c)"#, "true"),
            |call, _| is(call, char::is_lowercase),
        ),
        method(
            "isUpperCase",
            &[Character],
            "Boolean",
            (r#"#set($s = "a")#set($c = $s.charAt(0))$c.isUpperCase($c)"#, "false"),
            |call, _| is(call, char::is_uppercase),
        ),
        method(
            "isWhitespace",
            &[Character],
            "Boolean",
            (r#"#set($s = " ")#set($c = $s.charAt(0))$c.isWhitespace($c)"#, "true"),
            |call, _| is(call, super::string::is_white),
        ),
        method(
            "toLowerCase",
            &[Character],
            "Character",
            (r#"#set($s = "A")#set($c = $s.charAt(0))$c.toLowerCase($c)"#, "a"),
            |call, _| Ok(mapped(call, super::string::lower)),
        ),
        method("toString", &[], "String", (r#"#set($s = "a")$s.charAt(0).toString()"#, "a"), |call, heap| {
            heap.printed(call.receiver)
        }),
        method(
            "toString",
            &[Character],
            "String",
            (r#"#set($s = "ab")$s.charAt(0).toString($s.charAt(1))"#, "b"),
            |call, heap| heap.printed(call.argument(0)),
        ),
        method(
            "toUpperCase",
            &[Character],
            "Character",
            (r#"#set($s = "a")#set($c = $s.charAt(0))$c.toUpperCase($c)"#, "A"),
            |call, _| Ok(mapped(call, |character| super::string::single(character.to_uppercase()))),
        ),
        method(
            "valueOf",
            &[Character],
            "Character",
            (r#"#set($s = "ab")$s.charAt(0).valueOf($s.charAt(1))"#, "b"),
            |call, _| Ok(call.argument(0).clone()),
        ),
    ],
};

fn unit(value: &Value<'_>) -> u16 {
    match value {
        Value::Character(unit) => *unit,
        _ => 0,
    }
}

/// The argument, unless it is half of a character.
fn character(call: &Call<'_, '_>) -> Option<char> {
    char::from_u32(u32::from(unit(call.argument(0))))
}

fn is<'a>(call: &Call<'_, 'a>, question: impl Fn(char) -> bool) -> super::Result<'a> {
    Ok(Value::Boolean(character(call).is_some_and(question)))
}

fn mapped<'a>(call: &Call<'_, 'a>, map: impl Fn(char) -> Option<char>) -> Value<'a> {
    let mapped = character(call).and_then(map).and_then(|character| u16::try_from(u32::from(character)).ok());
    mapped.map_or(call.argument(0).clone(), Value::Character)
}
