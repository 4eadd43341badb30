//! `$input`: the body and the parameters.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use super::super::fault::Fault;
use super::super::heap::{Heap, MapKind};
use super::super::json::{self, Part};
use super::super::jsonpath::{Path, plain_names};
use super::super::object::Object;
use super::super::value::Value;
use super::{Inputs, Known, Pairs, map_of};

/// The body is parsed when a path first asks for it. What the template changes in it, later calls see.
#[derive(Debug)]
pub(super) struct Input<'a> {
    inputs: &'a Inputs<'a>,
    document: OnceCell<Value<'a>>,
    params: OnceCell<Value<'a>>,
    kept: RefCell<Vec<(Box<str>, Rc<Path>)>>,
    /// A value has been found without reading what is around it.
    peeked: Cell<bool>,
}

/// What it takes to make a pattern ready.
const PATTERN_STEPS: u64 = 10_000;
/// How many paths with patterns are kept.
const KEPT_MAX: usize = 16;

impl<'a> Input<'a> {
    pub(super) fn new(inputs: &'a Inputs<'a>) -> Input<'a> {
        Input {
            inputs,
            document: OnceCell::new(),
            params: OnceCell::new(),
            kept: RefCell::default(),
            peeked: Cell::new(false),
        }
    }

    fn body(&self) -> &'a str {
        if self.inputs.body.is_empty() { "{}" } else { self.inputs.body }
    }

    fn document(&self, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        if let Some(document) = self.document.get() {
            return Ok(document.clone());
        }
        let document = match &self.inputs.values {
            Some(values) => self.known(values, heap)?,
            None => json::parse(self.body(), heap)?,
        };
        if document.is_null() {
            return Err(Fault::thrown("the body is `null`, in which there is nothing to find"));
        }
        Ok(self.document.get_or_init(|| document).clone())
    }

    /// A body that holds the values that are known.
    fn known(&self, values: &'a [Known<'a>], heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        let root = heap.make_map(MapKind::Map)?;
        for Known { names, json } in values {
            let Some((last, way)) = names.split_last() else { continue };
            let mut map = root;
            for name in way {
                map = match heap.map(map).named(name) {
                    Some(Value::Map(inner)) => *inner,
                    _ => {
                        let inner = heap.make_map(MapKind::Map)?;
                        heap.put(map, Value::borrowed(name), Value::Map(inner))?;
                        inner
                    }
                };
            }
            let value = json::parse(json, heap)?;
            heap.put(map, Value::borrowed(last), value)?;
        }
        Ok(Value::Map(root))
    }

    fn at(&self, path: &str, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        match self.peek(path, heap)? {
            Some(Part::Scalar(value)) => Ok(value),
            // What is found twice is the same object, so it must be where the document is.
            _ => self.found(path, heap),
        }
    }

    /// What a plain path leads to, as long as nobody has looked into the body. Only once: whoever asks twice will ask
    /// often, and then it is better to have read the body.
    fn peek(&self, path: &str, heap: &mut Heap<'a>) -> Result<Option<Part<'a>>, Fault> {
        heap.meter.work(path.len() as u64)?;
        let Some(names) = plain_names(path) else { return Ok(None) };
        let document = self.document(heap)?;
        let Some(unread) = heap.unread(&document).filter(|_| !self.peeked.replace(true)) else {
            return Ok(None);
        };
        let mut part = Part::Object(unread);
        for name in names {
            part = match part {
                Part::Object(unread) => unread.find(name).unwrap_or(Part::Scalar(Value::Null)),
                _ => Part::Scalar(Value::Null),
            };
        }
        Ok(Some(part))
    }

    fn found(&self, path: &str, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        if let Some(names) = plain_names(path) {
            let mut value = self.document(heap)?;
            for name in names {
                heap.meter.work(1)?;
                value = match value {
                    Value::Map(map) => heap.map(map).named(name).map_or(Value::Null, Value::clone),
                    _ => Value::Null,
                };
            }
            return Ok(value);
        }
        if path.contains("=~") {
            let path = self.kept(path, heap)?;
            return path.find(&self.document(heap)?, heap);
        }
        Path::parse(path)?.find(&self.document(heap)?, heap)
    }

    /// A path with a pattern takes long to parse, so it is kept.
    fn kept(&self, text: &str, heap: &mut Heap<'a>) -> Result<Rc<Path>, Fault> {
        let mut kept = self.kept.borrow_mut();
        if let Some((_, path)) = kept.iter().find(|(other, _)| **other == *text) {
            return Ok(path.clone());
        }
        heap.meter.work(PATTERN_STEPS)?;
        let path = Rc::new(Path::parse(text)?);
        kept.truncate(KEPT_MAX - 1);
        kept.push((text.into(), path.clone()));
        Ok(path)
    }

    /// The value as JSON text; of nothing and of `null` two quotes.
    fn json(&self, path: &str, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        let mut text = String::new();
        let value = match self.peek(path, heap)? {
            Some(Part::Object(unread) | Part::Array(unread)) if heap.print_unread(&unread, &mut text)? => {
                return heap.text(text);
            }
            Some(Part::Scalar(value)) => value,
            _ => self.found(path, heap)?,
        };
        if value.is_null() {
            return Ok(Value::borrowed(r#""""#));
        }
        heap.print_json(&value, &mut text)?;
        heap.text(text)
    }

    fn params(&self, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        if let Some(params) = self.params.get() {
            return Ok(params.clone());
        }
        let params = heap.make_map(MapKind::Map)?;
        for (name, pairs) in self.places() {
            let map = map_of(pairs, heap)?;
            heap.put(params, Value::borrowed(name), Value::Map(map))?;
        }
        Ok(self.params.get_or_init(|| Value::Map(params)).clone())
    }

    fn param(&self, name: &str) -> Value<'a> {
        let named = |place: &str, pairs: &Pairs<'a>| {
            let any_case = self.inputs.native && place == "header";
            let is_it = |other: &str| other == name || any_case && other.eq_ignore_ascii_case(name);
            pairs.iter().rev().find(|(other, _)| is_it(other)).map(|(_, value)| *value)
        };
        let value = self.places().into_iter().find_map(|(place, pairs)| named(place, pairs));
        value.map_or(Value::Null, Value::borrowed)
    }

    /// Where parameters stand, in the order in which they are searched.
    fn places(&self) -> [(&'static str, &'a Pairs<'a>); 3] {
        let params = &self.inputs.params;
        [("path", &params.path), ("querystring", &params.querystring), ("header", &params.header)]
    }
}

impl<'a> Object<'a> for Input<'a> {
    fn property(&self, name: &str, _heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        Ok(if name == "body" { Value::borrowed(self.body()) } else { Value::Null })
    }

    fn call(&self, method: &str, arguments: &[Value<'a>], heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        match (method, arguments) {
            ("path", [Value::String(path)]) => self.at(path, heap),
            ("json", [Value::String(path)]) => self.json(path, heap),
            ("path" | "json", [Value::Null]) => Err(Fault::thrown(format!("`$input.{method}` has no path"))),
            ("params", []) => self.params(heap),
            ("params", [Value::String(name)]) => Ok(self.param(name)),
            _ => Ok(Value::Null),
        }
    }
}
