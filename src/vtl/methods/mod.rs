//! The methods and properties of values: what Java's classes have and templates use. One file a class; every method is
//! a row that says its name, what it takes and gives, an example and the code. docs/templates.md is made from the rows.

mod array;
mod big;
mod boolean;
mod character;
mod cursor;
mod entry;
mod format;
mod hash;
mod list;
mod map;
mod number;
mod repeat;
mod string;
pub(super) mod utf16;
mod view;

use super::fault::Fault;
use super::heap::{Heap, ListKind};
use super::value::Value;

/// A method of a Java class.
#[derive(Debug)]
pub struct Method {
    /// As templates call it.
    pub name: &'static str,
    /// What it takes.
    pub parameters: &'static [Kind],
    /// The Java class of what it gives.
    pub returns: &'static str,
    /// A template that calls it.
    pub example: &'static str,
    /// What that prints.
    pub prints: &'static str,
    run: Run,
}

type Run = for<'a> fn(&Call<'_, 'a>, &mut Heap<'a>) -> Result<'a>;

type Result<'a, T = Value<'a>> = std::result::Result<T, Fault>;

const fn method(
    name: &'static str,
    parameters: &'static [Kind],
    returns: &'static str,
    (example, prints): (&'static str, &'static str),
    run: Run,
) -> Method {
    Method { name, parameters, returns, example, prints, run }
}

/// The Java type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `Object`: anything, also a bare word's `null`.
    Any,
    /// The class of the receiver.
    Own,
    /// `String`.
    Text,
    /// `int`.
    Int,
    /// `long`; takes an `Integer` as well.
    Long,
    /// `double`; takes whole numbers as well.
    Double,
    /// `boolean`.
    Boolean,
    /// `char`.
    Character,
    /// `Collection`: lists and what `keySet()` and the like give.
    Collection,
    /// `Map`.
    Map,
    /// `Map.Entry`.
    Entry,
    /// `Object...`: any number of anything; the last parameter.
    Rest,
}

impl Kind {
    /// As Java writes it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Any => "Object",
            Kind::Own => "same",
            Kind::Text => "String",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Double => "double",
            Kind::Boolean => "boolean",
            Kind::Character => "char",
            Kind::Collection => "Collection",
            Kind::Map => "Map",
            Kind::Entry => "Map.Entry",
            Kind::Rest => "Object...",
        }
    }

    fn same<'a>(left: &Value<'a>, right: &Value<'a>) -> bool {
        std::mem::discriminant(left) == std::mem::discriminant(right)
    }

    /// Whether Velocity passes the value to such a parameter. Only numbers become wider; nothing is converted.
    fn takes<'a>(self, value: &Value<'a>, receiver: &Value<'a>, heap: &Heap<'a>) -> bool {
        match self {
            Kind::Any | Kind::Rest => true,
            Kind::Own => value.is_null() || Kind::same(value, receiver),
            Kind::Text => matches!(value, Value::String(_) | Value::Null),
            Kind::Int => matches!(value, Value::Integer(_)),
            Kind::Long => matches!(value, Value::Integer(_) | Value::Long(_)),
            Kind::Double => matches!(value, Value::Integer(_) | Value::Long(_) | Value::Double(_)),
            Kind::Boolean => matches!(value, Value::Boolean(_)),
            Kind::Character => matches!(value, Value::Character(_)),
            Kind::Collection => match value {
                Value::List(id) => heap.list_kind(*id) != ListKind::Array,
                other => matches!(other, Value::View(..) | Value::Null),
            },
            Kind::Map => matches!(value, Value::Map(_) | Value::Null),
            Kind::Entry => matches!(value, Value::Pair(_) | Value::Null),
        }
    }
}

/// The methods of one class.
#[derive(Debug)]
pub struct Class {
    /// Its name in Java, without the package.
    pub name: &'static str,
    /// How templates come by one.
    pub from: &'static str,
    /// Its methods, by name; of equal names the one that goes first is tried first.
    pub methods: &'static [Method],
}

/// All classes with all methods.
pub fn all() -> [&'static Class; 14] {
    [
        &string::STRING,
        &list::LIST,
        &array::ARRAY,
        &map::MAP,
        &view::VIEW,
        &entry::ENTRY,
        &number::INTEGER,
        &number::LONG,
        &number::DOUBLE,
        &big::BIG_INTEGER,
        &big::BIG_DECIMAL,
        &boolean::BOOLEAN,
        &character::CHARACTER,
        &cursor::CURSOR,
    ]
}

fn class(value: &Value<'_>, heap: &Heap<'_>) -> Option<&'static Class> {
    Some(match value {
        Value::String(_) => &string::STRING,
        Value::List(id) if heap.list_kind(*id) == ListKind::Array => &array::ARRAY,
        Value::List(_) => &list::LIST,
        Value::Map(_) => &map::MAP,
        Value::View(..) => &view::VIEW,
        Value::Pair(_) => &entry::ENTRY,
        Value::Integer(_) => &number::INTEGER,
        Value::Long(_) => &number::LONG,
        Value::Double(_) => &number::DOUBLE,
        Value::BigInteger(_) => &big::BIG_INTEGER,
        Value::BigDecimal(_) => &big::BIG_DECIMAL,
        Value::Boolean(_) => &boolean::BOOLEAN,
        Value::Character(_) => &character::CHARACTER,
        Value::Cursor(_) => &cursor::CURSOR,
        Value::Null | Value::Loop(_) | Value::Block(_) | Value::Object(_) => return None,
    })
}

/// A call on its way: whose method and with what.
struct Call<'c, 'a> {
    method: &'static str,
    receiver: &'c Value<'a>,
    arguments: &'c [Value<'a>],
}

impl<'c, 'a> Call<'c, 'a> {
    fn argument(&self, place: usize) -> &'c Value<'a> {
        self.arguments.get(place).unwrap_or(&Value::Null)
    }

    /// The receiver's text.
    fn own_text(&self) -> &'c str {
        self.receiver.as_str().unwrap_or_default()
    }

    /// An argument that is a string; Java throws where it is `null`.
    fn text(&self, place: usize) -> Result<'a, &'c str> {
        self.argument(place).as_str().ok_or_else(|| self.is_null(place))
    }

    /// An argument that is taken as an `int`.
    fn int(&self, place: usize) -> Result<'a, i32> {
        super::number::to_int(self.argument(place)).ok_or_else(|| self.is_null(place))
    }

    fn long(&self, place: usize) -> Result<'a, i64> {
        super::number::to_long(self.argument(place)).ok_or_else(|| self.is_null(place))
    }

    fn double(&self, place: usize) -> Result<'a, f64> {
        super::number::to_double(self.argument(place)).ok_or_else(|| self.is_null(place))
    }

    /// Java casts what `compareTo` is given to the receiver's class, and throws where it is of another.
    fn of_own_class(&self, place: usize) -> Result<'a, ()> {
        if Kind::same(self.argument(place), self.receiver) {
            return Ok(());
        }
        Err(self.fault(format!("argument {} is of another class", place + 1)))
    }

    fn is_null(&self, place: usize) -> Fault {
        Fault::thrown(format!("argument {} of `{}` is null", place + 1, self.method))
    }

    fn fault(&self, what: impl std::fmt::Display) -> Fault {
        Fault::thrown(format!("`{}`: {what}", self.method))
    }
}

/// `$receiver.name(arguments)`. `null` where there is no such method or it gives `null`; a method that gives nothing
/// gives the empty string, as in Velocity.
pub fn call<'a>(
    receiver: &Value<'a>,
    name: &str,
    arguments: &[Value<'a>],
    heap: &mut Heap<'a>,
) -> Result<'a> {
    heap.meter.work(1)?;
    match receiver {
        Value::Object(object) => return object.call(name, arguments, heap),
        Value::Loop(id) => return repeat::call(*id, name, arguments, heap),
        _ => {}
    }
    let Some(class) = class(receiver, heap) else { return Ok(Value::Null) };
    let first = class.methods.partition_point(|method| method.name < name);
    let namesakes = class.methods.iter().skip(first).take_while(|method| method.name == name);
    let mut takes_nothing = false;
    for method in namesakes {
        if takes(method.parameters, arguments, receiver, heap) {
            return (method.run)(&Call { method: method.name, receiver, arguments }, heap);
        }
        takes_nothing |= method.parameters.is_empty();
    }
    if takes_nothing {
        // Velocity takes the method without parameters for one that fits, and Java throws.
        return Err(Fault::thrown(format!("`{name}` takes no arguments")));
    }
    if name == "add" && arguments.len() == 1 && matches!(receiver, Value::List(_) | Value::View(..)) {
        return Err(Fault::thrown("`add`: an array, or what shows the entries of a map, cannot grow"));
    }
    Ok(Value::Null)
}

fn takes<'a>(kinds: &[Kind], arguments: &[Value<'a>], receiver: &Value<'a>, heap: &Heap<'a>) -> bool {
    let counts = match kinds.last() {
        Some(Kind::Rest) => arguments.len() + 1 >= kinds.len(),
        _ => arguments.len() == kinds.len(),
    };
    counts && kinds.iter().zip(arguments).all(|(kind, value)| kind.takes(value, receiver, heap))
}

/// `$receiver.name`: a getter, the value under a key, or a question like `isEmpty()`. `null` where there is none.
#[inline]
pub fn property<'a>(receiver: &Value<'a>, name: &str, heap: &mut Heap<'a>) -> Result<'a> {
    heap.meter.work(1)?;
    match receiver {
        Value::Map(id) => match heap.map(*id).named(name) {
            Some(value) => Ok(value.clone()),
            None => Ok(Value::Null),
        },
        Value::Object(object) => object.property(name, heap),
        Value::Loop(id) => Ok(repeat::property(*id, name, heap)),
        Value::Null | Value::Block(_) => Ok(Value::Null),
        // Java's arrays have only what every object has; the methods come from a list that Velocity wraps around them.
        Value::List(id) if heap.list_kind(*id) == ListKind::Array => Ok(Value::Null),
        _ => match getter(receiver, name, heap) {
            Some(method) => (method.run)(&Call { method: method.name, receiver, arguments: &[] }, heap),
            None => Ok(Value::Null),
        },
    }
}

/// `getName()`, else `isName()`; the first letter in either case.
fn getter(receiver: &Value<'_>, name: &str, heap: &Heap<'_>) -> Option<&'static Method> {
    let methods = class(receiver, heap)?.methods;
    let (first, others) = name.split_at_checked(1)?;
    let matches = |method: &&Method, prefix: &str| {
        let rest = method.name.strip_prefix(prefix).and_then(|rest| rest.split_at_checked(1));
        let same = rest.is_some_and(|(initial, rest)| initial.eq_ignore_ascii_case(first) && rest == others);
        same && method.parameters.is_empty()
    };
    let starting = |prefix: &'static str| {
        let first = methods.partition_point(|method| method.name < prefix);
        let mut methods =
            methods.iter().skip(first).take_while(move |method| method.name.starts_with(prefix));
        methods.find(|method| matches(method, prefix))
    };
    starting("get").or_else(|| starting("is"))
}

/// `$receiver[key]`: what `get(key)` gives. A key below zero counts from the end.
pub fn index<'a>(receiver: &Value<'a>, key: &Value<'a>, heap: &mut Heap<'a>) -> Result<'a> {
    let key = from_the_end(receiver, key, heap)?;
    call(receiver, "get", &[key], heap)
}

/// `#set($receiver.name = value)`. Nothing happens to what is no map.
pub fn set_property<'a>(
    receiver: &Value<'a>,
    name: &'a str,
    value: Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<'a, ()> {
    match receiver {
        Value::Map(id) => heap.put(*id, Value::borrowed(name), value).map(drop),
        Value::Loop(id) => repeat::set_property(*id, name, value, heap),
        _ => Ok(()),
    }
}

/// `#set($receiver[key] = value)`: what `set(key, value)` does, else what `put(key, value)` does. A key below zero
/// counts from the end.
pub fn set_index<'a>(
    receiver: &Value<'a>,
    key: &Value<'a>,
    value: Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<'a, ()> {
    let key = from_the_end(receiver, key, heap)?;
    let method = if matches!(receiver, Value::List(_)) { "set" } else { "put" };
    call(receiver, method, &[key, value], heap).map(drop)
}

fn from_the_end<'a>(receiver: &Value<'a>, key: &Value<'a>, heap: &mut Heap<'a>) -> Result<'a> {
    let Value::Integer(below_zero @ ..0) = key else { return Ok(key.clone()) };
    match call(receiver, "size", &[], heap)? {
        Value::Integer(size) => Ok(Value::Integer(size.wrapping_add(*below_zero))),
        _ => {
            Err(Fault::thrown(format!("`[{below_zero}]` counts from the end of something that has no size")))
        }
    }
}

#[cfg(test)]
mod tests;
