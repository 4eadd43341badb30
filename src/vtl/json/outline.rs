//! Where the objects and arrays of a JSON text are.
//!
//! It is made in one pass, which finds all that could be wrong; so reading one object later cannot fail, and goes past
//! what is within it in no time.

use std::rc::Rc;

use memchr::memchr;
use smallvec::SmallVec;

use super::super::fault::Fault;
use super::super::heap::Heap;
use super::super::limits::Meter;
use super::super::value::{Text, Value};
use super::scanner::Scanner;
use super::unescape::unescape;
use super::{Whole, number};

#[derive(Debug)]
pub(super) struct Outline<'a> {
    whole: Whole<'a>,
    /// In the order in which they begin.
    containers: Vec<Container>,
}

/// An object or an array. (No text of which there is an outline is as long as 4 GiB.)
#[derive(Debug, Clone, Copy, Default)]
struct Container {
    start: u32,
    end: u32,
    /// How many members or elements it has.
    length: u32,
    /// The number of the next container that is not within.
    next: u32,
}

/// An object or an array that nobody has looked into.
#[derive(Debug, Clone)]
pub(in super::super) struct Unread<'a> {
    outline: Rc<Outline<'a>>,
    container: u32,
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
        let containers_max = meter.memory_left() / size_of::<Container>() / 2;
        let containers =
            Check { text: Scanner(bytes), containers_max, depth_max: meter.limits().depth }.all()?;
        Some(Outline { whole: whole.clone(), containers })
    }

    /// The whole text as a value.
    pub fn document(self, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        heap.meter.allocate(size_of_val(&*self.containers))?;
        let values: u64 = self.containers.iter().map(|container| u64::from(container.length)).sum();
        heap.meter.work(values / 8)?;
        let document = Rc::new(self).part(0);
        heap.make_part(document)
    }

    fn part(self: Rc<Self>, container: u32) -> Part<'a> {
        let start = self.containers.get(container as usize).map_or(0, |container| container.start as usize);
        let is_object = self.whole.text().as_bytes().get(start) == Some(&b'{');
        let unread = Unread { outline: self, container };
        if is_object { Part::Object(unread) } else { Part::Array(unread) }
    }

    fn string(&self, Word { start, end }: Word) -> Text<'a> {
        let part = self.whole.part(start + 1, end - 1);
        if memchr(b'\\', part.as_bytes()).is_some() { Text::Shared(unescape(&part).into()) } else { part }
    }

    /// Whether a string is a name.
    fn is_key(&self, word: Word, name: &str) -> bool {
        let key = self.whole.text().get(word.start + 1..word.end - 1).unwrap_or_default();
        key == name || memchr(b'\\', key.as_bytes()).is_some() && unescape(key) == name
    }

    fn scalar(&self, word: Word) -> Value<'a> {
        let text = self.whole.text().get(word.start..word.end).unwrap_or_default();
        match text.as_bytes().first() {
            Some(b'"') => Value::String(self.string(word)),
            Some(b't') => Value::Boolean(true),
            Some(b'f') => Value::Boolean(false),
            Some(b'n') => Value::Null,
            _ => {
                let is_whole = !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
                number(text, is_whole).unwrap_or(Value::Null)
            }
        }
    }
}

/// The pass over the text.
struct Check<'t> {
    text: Scanner<'t>,
    containers_max: usize,
    depth_max: u32,
}

/// A container whose end has not been reached.
#[derive(Clone, Copy)]
struct Open {
    number: usize,
    is_object: bool,
    length: u32,
}

/// The containers of most texts.
const CONTAINERS_USUAL: usize = 16;

impl Check<'_> {
    /// The document and all that is in it; nothing unless that is an object or an array.
    fn all(&self) -> Option<Vec<Container>> {
        let mut containers = Vec::with_capacity(CONTAINERS_USUAL);
        let mut around = SmallVec::<[Open; 8]>::new();
        let mut at = self.text.blanks(0);
        let mut open = self.open(at, &mut containers, 0)?;
        at = self.text.blanks(at + 1);
        loop {
            let is_empty = open.length == 0 && self.text.byte(at) == open.close();
            if !is_empty {
                if open.is_object {
                    at = self.key(at)?;
                }
                open.length += 1;
                if matches!(self.text.byte(at), b'{' | b'[') {
                    around.push(open);
                    open = self.open(at, &mut containers, around.len())?;
                    at = self.text.blanks(at + 1);
                    continue;
                }
                at = self.text.blanks(self.text.word(at)?);
            }
            // Behind a value one container may end after the other.
            while self.text.byte(at) == open.close() {
                let next = containers.len() as u32;
                let container = containers.get_mut(open.number)?;
                (container.end, container.length, container.next) = (at as u32 + 1, open.length, next);
                let Some(outer) = around.pop() else { return Some(containers) };
                open = outer;
                at = self.text.blanks(at + 1);
            }
            if self.text.byte(at) != b',' {
                return None;
            }
            at = self.text.blanks(at + 1);
        }
    }

    #[inline(always)]
    fn key(&self, at: usize) -> Option<usize> {
        if self.text.byte(at) == b'"' { self.text.behind(b':', self.text.string(at)?) } else { None }
    }

    #[inline(always)]
    fn open(&self, start: usize, containers: &mut Vec<Container>, depth: usize) -> Option<Open> {
        let is_object = self.text.byte(start) == b'{';
        let number = containers.len();
        if !is_object && self.text.byte(start) != b'['
            || depth > self.depth_max as usize
            || number >= self.containers_max
        {
            return None;
        }
        containers.push(Container { start: start as u32, ..Container::default() });
        Some(Open { number, is_object, length: 0 })
    }
}

impl Open {
    fn close(self) -> u8 {
        if self.is_object { b'}' } else { b']' }
    }
}

impl<'a> Unread<'a> {
    /// How many members or elements it has.
    pub fn length(&self) -> usize {
        self.container().map_or(0, |container| container.length as usize)
    }

    fn container(&self) -> Option<&Container> {
        self.outline.containers.get(self.container as usize)
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        let whole = self.outline.whole.text();
        let part = self.container().map(|container| container.start as usize..container.end as usize);
        part.and_then(|part| whole.get(part)).unwrap_or_default()
    }

    /// The value that a name leads to, if this is an object and has it.
    pub fn find(&self, name: &str) -> Option<Part<'a>> {
        let mut found = None;
        // Of equal keys the last counts.
        self.visit(|key, value| {
            if key.is_some_and(|key| self.outline.is_key(key, name)) {
                found = Some(value);
            }
            Ok(())
        });
        found.map(|value| self.part(value))
    }

    /// Shows what is directly in it, with the keys of an object, until the visitor has enough.
    pub fn read(&self, mut visit: impl FnMut(Option<Text<'a>>, Part<'a>) -> Result<(), Fault>) {
        self.visit(|key, value| visit(key.map(|key| self.outline.string(key)), self.part(value)));
    }

    fn part(&self, place: Place) -> Part<'a> {
        match place {
            Place::Word(word) => Part::Scalar(self.outline.scalar(word)),
            Place::Container(number) => Rc::clone(&self.outline).part(number),
        }
    }

    /// Shows the places of what is directly in it. (The text has been checked: only the visitor ends this early.)
    fn visit(&self, mut visit: impl FnMut(Option<Word>, Place) -> Result<(), Fault>) -> Option<()> {
        let container = self.container()?;
        let text = Scanner(self.outline.whole.text().as_bytes());
        let is_object = text.byte(container.start as usize) == b'{';
        let mut at = container.start as usize;
        let mut child = self.container + 1;
        for _ in 0..container.length {
            at = text.blanks(at + 1);
            let mut key = None;
            if is_object {
                let end = text.string(at)?;
                key = Some(Word { start: at, end });
                at = text.behind(b':', end)?;
            }
            let start = at;
            let value = match text.byte(at) {
                b'{' | b'[' => {
                    let place = Place::Container(child);
                    let container = self.outline.containers.get(child as usize)?;
                    (at, child) = (container.end as usize, container.next);
                    place
                }
                _ => {
                    at = text.word(at)?;
                    Place::Word(Word { start, end: at })
                }
            };
            visit(key, value).ok()?;
            at = text.blanks(at);
        }
        Some(())
    }
}

/// A string with its quotes, a number, a literal.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
}

#[derive(Clone, Copy)]
enum Place {
    Word(Word),
    /// The number of an object or an array.
    Container(u32),
}
