//! Where the objects and arrays of a JSON text are.
//!
//! It is made in one pass, which finds all that could be wrong; so reading one object later cannot fail, and goes past
//! what is within it in no time.

use std::rc::Rc;

use super::super::fault::Fault;
use super::super::heap::Heap;
use super::super::limits::Meter;
use super::super::value::{Text, Value};
use super::check::check;
use super::scanner::{Plain, Scanner};
use super::unescape::{Escaped, unescape};
use super::{Whole, number};

#[derive(Debug)]
pub(super) struct Outline<'a> {
    whole: Whole<'a>,
    /// In the order in which they begin.
    landmarks: Vec<Landmark>,
}

/// What it takes long to go past: an object, an array, a string with escapes. (No text of which there is an outline is
/// as long as 4 GiB.)
#[derive(Debug, Clone, Copy)]
pub(super) struct Landmark {
    pub start: u32,
    pub end: u32,
    /// How many members or elements it has.
    pub length: u32,
    /// The number of the next one that is not within.
    pub next: u32,
}

/// An object or an array that nobody has looked into.
#[derive(Debug, Clone)]
pub(in super::super) struct Unread<'a> {
    outline: Rc<Outline<'a>>,
    /// The number of its landmark.
    number: u32,
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
        Some(Outline { whole: whole.clone(), landmarks: check(whole.text(), meter)? })
    }

    /// The whole text as a value.
    pub fn document(self, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        heap.meter.allocate(size_of_val(&*self.landmarks))?;
        let values: u64 = self.landmarks.iter().map(|landmark| u64::from(landmark.length)).sum();
        heap.meter.work(values / 8)?;
        let document = Rc::new(self).part(0);
        heap.make_part(document)
    }

    /// An object or an array.
    #[inline(always)]
    fn part(self: Rc<Self>, number: u32) -> Part<'a> {
        let start = self.landmarks.get(number as usize).map_or(0, |landmark| landmark.start as usize);
        let is_object = self.text().byte(start) == b'{';
        let unread = Unread { outline: self, number };
        if is_object { Part::Object(unread) } else { Part::Array(unread) }
    }

    fn text(&self) -> Scanner<'_> {
        Scanner(self.whole.text().as_bytes())
    }

    #[inline(always)]
    fn string(&self, Word { start, end, has_escapes }: Word) -> Text<'a> {
        let part = self.whole.part(start + 1, end - 1);
        if has_escapes { Text::Escaped(Rc::new(Escaped::new(part))) } else { part }
    }

    /// The text of a string with escapes.
    fn meant(&self, Word { start, end, .. }: Word) -> Text<'a> {
        let text = Rc::new(unescape(self.whole.text().get(start + 1..end - 1).unwrap_or_default()));
        Text::part(&text, 0, text.len())
    }

    /// Whether a string is a name.
    fn is_key(&self, Word { start, end, has_escapes }: Word, name: &str) -> bool {
        match has_escapes {
            false => self.text().0.get(start + 1..end - 1) == Some(name.as_bytes()),
            true => self.whole.text().get(start + 1..end - 1).is_some_and(|key| unescape(key) == name),
        }
    }

    #[inline(always)]
    fn scalar(&self, word: Word) -> Value<'a> {
        match self.text().byte(word.start) {
            b'"' => Value::String(self.string(word)),
            b't' => Value::Boolean(true),
            b'f' => Value::Boolean(false),
            b'n' => Value::Null,
            _ => {
                let text = self.whole.text().get(word.start..word.end).unwrap_or_default();
                let is_whole = !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
                number(text, is_whole).unwrap_or(Value::Null)
            }
        }
    }
}

impl<'a> Unread<'a> {
    /// How many members or elements it has.
    pub fn length(&self) -> usize {
        self.landmark().map_or(0, |landmark| landmark.length as usize)
    }

    fn landmark(&self) -> Option<&Landmark> {
        self.outline.landmarks.get(self.number as usize)
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        let whole = self.outline.whole.text();
        let part = self.landmark().map(|landmark| landmark.start as usize..landmark.end as usize);
        part.and_then(|part| whole.get(part)).unwrap_or_default()
    }

    /// The value that a name leads to, if this is an object and has it.
    pub fn find(&self, name: &str) -> Option<Part<'a>> {
        let (mut walk, mut found) = (self.walk(), None);
        while walk.goes_on() {
            let key = walk.key()?;
            let is_it = self.outline.is_key(key, name);
            let value = walk.value()?;
            // Of equal keys the last counts.
            found = if is_it { Some(value) } else { found };
        }
        Some(match found? {
            // What is looked for is wanted at once.
            Place::Word(word) if word.has_escapes => Part::Scalar(Value::String(self.outline.meant(word))),
            value => self.part(value),
        })
    }

    /// Shows the members of an object until the visitor has enough.
    #[inline(always)]
    pub fn members(&self, mut visit: impl FnMut(Text<'a>, Part<'a>) -> Result<(), Fault>) -> Option<()> {
        let mut walk = self.walk();
        while walk.goes_on() {
            let key = self.outline.string(walk.key()?);
            visit(key, self.part(walk.value()?)).ok()?;
        }
        Some(())
    }

    /// Shows the elements of an array until the visitor has enough.
    #[inline(always)]
    pub fn elements(&self, mut visit: impl FnMut(Part<'a>) -> Result<(), Fault>) -> Option<()> {
        let mut walk = self.walk();
        while walk.goes_on() {
            visit(self.part(walk.value()?)).ok()?;
        }
        Some(())
    }

    #[inline(always)]
    fn part(&self, place: Place) -> Part<'a> {
        match place {
            Place::Word(word) => Part::Scalar(self.outline.scalar(word)),
            Place::Container(number) => Rc::clone(&self.outline).part(number),
        }
    }

    #[inline(always)]
    fn walk(&self) -> Walk<'_> {
        let (start, left) =
            self.landmark().map_or((0, 0), |landmark| (landmark.start as usize, landmark.length));
        let landmarks = &self.outline.landmarks;
        Walk { text: self.outline.text(), landmarks, at: start, ahead: self.number + 1, left }
    }
}

/// A way through one object or array, whose text has been checked.
struct Walk<'t> {
    text: Scanner<'t>,
    landmarks: &'t [Landmark],
    /// Where a bracket, a comma, or a blank before one is.
    at: usize,
    /// The number of the next landmark on the way.
    ahead: u32,
    /// How many values are still to come.
    left: u32,
}

impl Walk<'_> {
    /// Goes to the next key or value, if there is one.
    #[inline(always)]
    fn goes_on(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        if self.text.byte(self.at) <= b' ' {
            self.at = self.text.blanks(self.at);
        }
        self.at = self.text.next(self.at + 1).0;
        true
    }

    #[inline(always)]
    fn key(&mut self) -> Option<Word> {
        let key = self.string()?;
        self.at = self.text.behind(b':', self.at)?.0;
        Some(key)
    }

    #[inline(always)]
    fn value(&mut self) -> Option<Place> {
        let (start, number) = (self.at, self.ahead);
        match self.text.byte(start) {
            b'"' => return self.string().map(Place::Word),
            b'{' | b'[' => return self.landmark().map(|_| Place::Container(number)),
            _ => self.at = self.text.word(start)?,
        }
        Some(Place::Word(Word { start, end: self.at, has_escapes: false }))
    }

    #[inline(always)]
    fn string(&mut self) -> Option<Word> {
        let start = self.at;
        let has_escapes = match self.text.plain_string(start) {
            Plain::Ends(end) => {
                self.at = end;
                false
            }
            Plain::Unsure(_) if self.landmark().is_some() => true,
            Plain::Unsure(at) => {
                self.at = self.text.unsure_string(start, at)?.0;
                false
            }
        };
        Some(Word { start, end: self.at, has_escapes })
    }

    /// The landmark that begins here, which is gone past.
    #[inline(always)]
    fn landmark(&mut self) -> Option<Landmark> {
        let landmark = self.landmarks.get(self.ahead as usize)?;
        if landmark.start as usize != self.at {
            return None;
        }
        (self.at, self.ahead) = (landmark.end as usize, landmark.next);
        Some(*landmark)
    }
}

/// A string with its quotes, a number, a literal.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    has_escapes: bool,
}

#[derive(Clone, Copy)]
enum Place {
    Word(Word),
    /// The number of an object or an array.
    Container(u32),
}
