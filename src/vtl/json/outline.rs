//! Where the objects and arrays of a JSON text are.
//!
//! It is made in one pass, which finds all that could be wrong; so reading one object later cannot fail, and goes past
//! what is within it in no time.

use std::rc::Rc;

use super::super::fault::Fault;
use super::super::heap::Heap;
use super::super::limits::Meter;
use super::super::value::{Text, Value};
use super::scanner::{Quoted, Scalar, Scanner};
use super::unescape::unescape;
use super::{Whole, number};

#[derive(Debug)]
pub(super) struct Outline<'a> {
    whole: Whole<'a>,
    /// In the order in which they begin.
    containers: Box<[Container]>,
}

/// An object or an array. (No text of which there is an outline is as long as 4 GiB.)
#[derive(Debug, Clone, Copy)]
struct Container {
    start: u32,
    end: u32,
    /// The number of the next one that is not within.
    next: u32,
}

/// An object or an array that nobody has looked into.
#[derive(Debug, Clone)]
pub(in super::super) struct Unread<'a> {
    outline: Rc<Outline<'a>>,
    container: u32,
}

/// An element of an array, or a member of an object with its key.
pub(in super::super) struct Item<'a> {
    pub key: Option<Text<'a>>,
    pub value: Part<'a>,
}

/// What an object or an array is made of.
pub(in super::super) enum Part<'a> {
    Scalar(Value<'a>),
    Object(Unread<'a>),
    Array(Unread<'a>),
}

impl<'a> Outline<'a> {
    /// Nothing unless the text is an object or an array, as RFC 8259 has them, and keeps to the bounds.
    pub fn of(whole: &Whole<'a>, meter: &Meter) -> Option<Outline<'a>> {
        let bytes = whole.text().as_bytes();
        u32::try_from(bytes.len()).ok()?;
        let containers_max = meter.memory_left() / size_of::<Container>();
        let scanner = Scanner { bytes, at: 0 };
        let mut check =
            Check { scanner, containers: Vec::new(), containers_max, depth_max: meter.limits().depth };
        match check.scanner.next() {
            first @ (b'{' | b'[') => check.container(first, 0)?,
            _ => return None,
        }
        Some(Outline { whole: whole.clone(), containers: check.containers.into() })
    }

    /// The whole text as a value.
    pub fn document(self, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        heap.meter.allocate(size_of_val(&*self.containers))?;
        let document = Rc::new(self).part(0);
        heap.make_part(document)
    }

    fn part(self: Rc<Self>, container: u32) -> Part<'a> {
        let start = self.containers.get(container as usize).map_or(0, |container| container.start as usize);
        let is_object = self.whole.text().as_bytes().get(start) == Some(&b'{');
        let unread = Unread { outline: self, container };
        if is_object { Part::Object(unread) } else { Part::Array(unread) }
    }

    fn string(&self, quoted: Quoted) -> Text<'a> {
        let part = self.whole.part(quoted.start, quoted.end);
        if quoted.escaped { Text::Shared(unescape(&part).into()) } else { part }
    }

    fn scalar(&self, scalar: Scalar) -> Value<'a> {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::Boolean(value),
            Scalar::String(quoted) => Value::String(self.string(quoted)),
            Scalar::Number { start, end, is_whole } => {
                let text = self.whole.text().get(start..end).unwrap_or_default();
                number(text, is_whole).unwrap_or(Value::Null)
            }
        }
    }
}

/// The pass over the text.
struct Check<'t> {
    scanner: Scanner<'t>,
    containers: Vec<Container>,
    containers_max: usize,
    depth_max: u32,
}

impl Check<'_> {
    /// Goes past an object or an array, which begins here with `first`.
    fn container(&mut self, first: u8, depth: u32) -> Option<()> {
        let number = self.containers.len();
        if depth > self.depth_max || number >= self.containers_max {
            return None;
        }
        let start = self.scanner.at as u32;
        self.containers.push(Container { start, end: 0, next: 0 });
        self.scanner.at += 1;
        if first == b'{' { self.members(depth)? } else { self.elements(depth)? }
        let next = self.containers.len() as u32;
        let container = self.containers.get_mut(number)?;
        (container.end, container.next) = (self.scanner.at as u32, next);
        Some(())
    }

    fn members(&mut self, depth: u32) -> Option<()> {
        if self.scanner.next() == b'}' {
            self.scanner.at += 1;
            return Some(());
        }
        loop {
            if self.scanner.next() != b'"' {
                return None;
            }
            self.scanner.string()?;
            self.scanner.expect(b':')?;
            self.value(depth)?;
            match self.scanner.next() {
                b',' => self.scanner.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.scanner.at += 1;
        Some(())
    }

    fn elements(&mut self, depth: u32) -> Option<()> {
        if self.scanner.next() == b']' {
            self.scanner.at += 1;
            return Some(());
        }
        loop {
            self.value(depth)?;
            match self.scanner.next() {
                b',' => self.scanner.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        self.scanner.at += 1;
        Some(())
    }

    #[inline]
    fn value(&mut self, depth: u32) -> Option<()> {
        match self.scanner.next() {
            first @ (b'{' | b'[') => self.container(first, depth + 1),
            first => self.scanner.scalar(first).map(drop),
        }
    }
}

impl<'a> Unread<'a> {
    /// Shows what is directly in it, until there is no more or the visitor has enough. (The text has been checked, so
    /// nothing else ends this early.)
    pub fn visit(&self, mut visit: impl FnMut(Item<'a>) -> Result<(), Fault>) -> Option<()> {
        let outline = &self.outline;
        let container = outline.containers.get(self.container as usize)?;
        let mut scanner =
            Scanner { bytes: outline.whole.text().as_bytes(), at: container.start as usize };
        let mut child = self.container + 1;
        let is_object = scanner.next() == b'{';
        scanner.at += 1;
        while !matches!(scanner.next(), b'}' | b']') {
            let key = match is_object {
                true => {
                    let key = outline.string(scanner.string()?);
                    scanner.expect(b':')?;
                    Some(key)
                }
                false => None,
            };
            let value = match scanner.next() {
                b'{' | b'[' => {
                    let container = outline.containers.get(child as usize)?;
                    scanner.at = container.end as usize;
                    let part = Rc::clone(outline).part(child);
                    child = container.next;
                    part
                }
                first => Part::Scalar(outline.scalar(scanner.scalar(first)?)),
            };
            visit(Item { key, value }).ok()?;
            scanner.at += usize::from(scanner.next() == b',');
        }
        Some(())
    }
}
