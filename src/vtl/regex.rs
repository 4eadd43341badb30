//! stub
use super::fault::Fault;
use super::heap::Heap;
use super::value::{Text, Value};
pub fn is_full_match<'a>(_p: &str, _t: &str, _heap: &mut Heap<'a>) -> Result<bool, Fault> {
    Ok(false)
}
pub fn replace_all<'a>(_t: &Text<'a>, _p: &str, _r: &str, _heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Null)
}
pub fn replace_first<'a>(
    _t: &Text<'a>,
    _p: &str,
    _r: &str,
    _heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    Ok(Value::Null)
}
pub fn split<'a>(_t: &Text<'a>, _p: &str, _l: i32, _heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Null)
}
