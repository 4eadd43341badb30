//! A value of a template, as Java would hold it. What can change or contain others lives in a [`Heap`](super::Heap) and
//! is named by its number: copies of such a value are the same object, as two Java references are.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use num_bigint::BigInt;

use super::ast::Define;
use super::decimal::Decimal;
use super::heap::{CursorId, ListId, LoopId, MapId, PairId};
use super::json::Escaped;
use super::object::Object;

/// Anything a reference can stand for. `'a` is the life of the template and of what it is rendered with.
#[derive(Clone)]
pub enum Value<'a> {
    /// Java's `null`. A reference never yields it (API Gateway makes it the empty string), a bare word does.
    Null,
    /// `java.lang.Boolean`.
    Boolean(bool),
    /// `java.lang.Integer`.
    Integer(i32),
    /// `java.lang.Long`.
    Long(i64),
    /// `java.math.BigInteger`.
    BigInteger(Rc<BigInt>),
    /// `java.lang.Double`.
    Double(f64),
    /// `java.math.BigDecimal`.
    BigDecimal(Rc<Decimal>),
    /// `java.lang.Character`: one UTF-16 unit, from `charAt` and `toCharArray`.
    Character(u16),
    /// `java.lang.String`.
    String(Text<'a>),
    /// A list or an array; [`ListKind`](super::heap::ListKind) says which.
    List(ListId),
    /// A map; [`MapKind`](super::heap::MapKind) says which.
    Map(MapId),
    /// What `keySet()`, `values()` or `entrySet()` shows of a map, always as it is now.
    View(MapId, View),
    /// One entry of an `entrySet()`.
    Pair(PairId),
    /// What `iterator()` gives.
    Cursor(CursorId),
    /// `$foreach`.
    Loop(LoopId),
    /// The block of a `#define`.
    Block(&'a Define),
    /// Something from outside the language: `$input`, `$util`.
    Object(Rc<dyn Object<'a> + 'a>),
}

/// Which side of a map is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// `keySet()`.
    Keys,
    /// `values()`.
    Values,
    /// `entrySet()`.
    Entries,
}

impl<'a> Value<'a> {
    /// The empty string.
    pub const EMPTY: Value<'a> = Value::String(Text::Borrowed(""));

    /// A string that lives as long as the template or its inputs.
    pub fn borrowed(text: &'a str) -> Value<'a> {
        Value::String(Text::Borrowed(text))
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether Java's class is a `Number`.
    pub fn is_number(&self) -> bool {
        matches!(
            self,
            Value::Integer(_)
                | Value::Long(_)
                | Value::BigInteger(_)
                | Value::Double(_)
                | Value::BigDecimal(_)
        )
    }

    /// The text of a string; nothing else is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// For messages and for `--explain`; a value with a place in the heap is shown by its number.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "{value}"),
            Value::Long(value) => write!(f, "{value}L"),
            Value::BigInteger(value) => write!(f, "{value}n"),
            Value::Double(value) => write!(f, "{value:?}"),
            Value::BigDecimal(value) => write!(f, "{value:?}m"),
            Value::Character(unit) => write!(f, "'{}'", String::from_utf16_lossy(&[*unit])),
            Value::String(text) => write!(f, "{:?}", &**text),
            Value::List(id) => write!(f, "{id:?}"),
            Value::Map(id) => write!(f, "{id:?}"),
            Value::View(id, view) => write!(f, "{view:?} of {id:?}"),
            Value::Pair(id) => write!(f, "{id:?}"),
            Value::Cursor(id) => write!(f, "{id:?}"),
            Value::Loop(id) => write!(f, "{id:?}"),
            Value::Block(_) => f.write_str("block"),
            Value::Object(_) => f.write_str("object"),
        }
    }
}

/// The text of a string: part of the template or of its inputs, or made while rendering and shared.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    /// Part of the template or of an input.
    Borrowed(&'a str),
    /// Made by the render.
    Shared(Rc<str>),
    /// From one byte to another of a text that the render has made.
    Part(Rc<String>, u32, u32),
    /// From a JSON text, where it is written with escapes.
    Escaped(Rc<Escaped<'a>>),
}

impl<'a> Text<'a> {
    /// The text in UTF-8. That takes less than to make a `str` of a part.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Text::Borrowed(text) => text.as_bytes(),
            Text::Part(whole, start, end) => {
                whole.as_bytes().get(*start as usize..*end as usize).unwrap_or_default()
            }
            text => str::as_bytes(text),
        }
    }

    /// The bytes from `start` to `end`.
    pub(super) fn part(whole: &Rc<String>, start: usize, end: usize) -> Text<'a> {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Text::Part(Rc::clone(whole), start, end),
            _ => Text::Shared(whole.get(start..end).unwrap_or_default().into()),
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text<'_> {}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        str::hash(self, state);
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
            Text::Escaped(escaped) => escaped.meant(),
            Text::Part(whole, start, end) => whole.get(*start as usize..*end as usize).unwrap_or_default(),
        }
    }
}
