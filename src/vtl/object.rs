//! What a template is given from outside: something with properties and methods, written in Rust.

use super::fault::Fault;
use super::heap::Heap;
use super::value::Value;

/// A value that is not Java's but the host's: `$input`, `$util`. Prints as nothing.
pub trait Object<'a> {
    /// `$object.name`; `null` where there is no such property.
    fn property(&self, _name: &str, _heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        Ok(Value::Null)
    }

    /// `$object.method(arguments)`; `null` where no method of that name takes such arguments.
    fn call(&self, method: &str, arguments: &[Value<'a>], heap: &mut Heap<'a>) -> Result<Value<'a>, Fault>;
}
