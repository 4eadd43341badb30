//! A scan going over one chunk: the states of the JSON grammar (RFC 8259 section 2) on the levels that some
//! path leads to, and what is noted down when a wanted value begins and ends.
//! Never recurses: the stack of open containers is the way up through the [`PathSet`].

use super::BYTE_ORDER_MARK;
use super::path_set::{PathSet, ROOT, Want};
use super::scalar::{Extent, Scalar};
use super::scan::{Document, Finding, Level, Scan};
use super::skip::{ContainerEnd, StringEnd};

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expect {
    /// The body's beginning, with this much of a byte order mark seen.
    ByteOrderMark(usize),
    Value,
    /// After `[`.
    ItemOrEnd,
    /// After `{`.
    KeyOrEnd,
    /// After a comma in an object.
    Key,
    InKey(StringEnd),
    Colon,
    /// After a value in a container.
    CommaOrEnd,
    InString(StringEnd),
    InContainer(ContainerEnd),
    InScalar(Scalar),
    /// After the document.
    End,
}

/// A scan, and the chunk it goes over.
pub(super) struct Pass<'a> {
    scan: &'a mut Scan,
    set: &'a PathSet,
    chunk: &'a [u8],
    /// Bytes of the chunk that are done.
    at: usize,
}

impl<'a> Pass<'a> {
    pub fn new(scan: &'a mut Scan, set: &'a PathSet, chunk: &'a [u8]) -> Pass<'a> {
        Pass { scan, set, chunk, at: 0 }
    }

    pub fn run(mut self) {
        while self.at < self.chunk.len() && self.listens() {
            self.step();
        }
        self.scan.capture.carry(self.chunk);
        self.scan.offset += self.chunk.len() as u64;
    }

    pub fn finish(mut self) {
        if let Expect::InScalar(scalar) = self.scan.expect
            && self.scan.container.is_none()
            && scalar.may_end()
        {
            self.end_value(scalar.is_null());
        }
        if !self.scan.settled() {
            self.scan.document = match (self.scan.expect, self.scan.container) {
                (Expect::ByteOrderMark(0) | Expect::Value, None) => {
                    Document::NotJson { offset: self.scan.offset }
                }
                _ => Document::CutShort,
            };
            self.give_up();
        }
    }

    /// Goes on until every slot is settled; a document that is whole by then is read on, to see whether
    /// something follows it.
    fn listens(&self) -> bool {
        !self.scan.settled() || matches!(self.scan.expect, Expect::End)
    }

    fn step(&mut self) {
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        match &mut self.scan.expect {
            Expect::InString(string) => {
                let end = string.find(rest);
                self.advance(end, rest, |pass| pass.end_value(false));
            }
            Expect::InContainer(container) => {
                let end = container.find(rest);
                self.advance(end, rest, |pass| pass.end_value(false));
            }
            Expect::InKey(string) => {
                let end = string.find(rest);
                self.key(end, rest);
            }
            Expect::InScalar(scalar) => {
                let (extent, null) = (scalar.extend(rest), scalar.is_null());
                match extent {
                    Extent::Open => self.at = self.chunk.len(),
                    Extent::Whole(length) => self.advance(Some(length), rest, |pass| pass.end_value(null)),
                    Extent::Broken(length) => self.advance(Some(length), rest, Pass::fail),
                }
            }
            Expect::ByteOrderMark(seen) => {
                let seen = *seen;
                self.byte_order_mark(seen, rest);
            }
            _ => self.token(rest),
        }
    }

    /// To the end of what was looked for, if it is in this chunk.
    fn advance(&mut self, end: Option<usize>, rest: &[u8], then: impl FnOnce(&mut Self)) {
        self.at += end.unwrap_or(rest.len());
        if end.is_some() {
            then(self);
        }
    }

    fn byte_order_mark(&mut self, seen: usize, rest: &[u8]) {
        if rest.first() == BYTE_ORDER_MARK.get(seen) {
            self.at += 1;
            let whole = seen + 1 == BYTE_ORDER_MARK.len();
            self.scan.expect = if whole { Expect::Value } else { Expect::ByteOrderMark(seen + 1) };
        } else if seen == 0 {
            self.scan.expect = Expect::Value;
        } else {
            self.fail();
        }
    }

    /// The next byte that is not white space.
    fn token(&mut self, rest: &[u8]) {
        let Some((blanks, byte)) = rest.iter().enumerate().find(|(_, byte)| !is_blank(**byte)) else {
            self.at = self.chunk.len();
            return;
        };
        self.at += blanks;
        let level = self.scan.container.and_then(|node| self.scan.visits.get(node)).map(|visit| visit.level);
        match (self.scan.expect, level, byte) {
            (Expect::ItemOrEnd, _, b']')
            | (Expect::KeyOrEnd, _, b'}')
            | (Expect::CommaOrEnd, Some(Level::Array(_)), b']')
            | (Expect::CommaOrEnd, Some(Level::Object), b'}') => {
                self.at += 1;
                self.leave_container();
                self.end_value(false);
            }
            (Expect::CommaOrEnd, Some(Level::Array(_)), b',') => {
                self.next_item();
                self.take(Expect::Value);
            }
            (Expect::ItemOrEnd, _, byte) => {
                self.next_item();
                self.begin_value(*byte);
            }
            (Expect::Value, _, byte) => self.begin_value(*byte),
            (Expect::CommaOrEnd, Some(Level::Object), b',') => self.take(Expect::Key),
            (Expect::KeyOrEnd | Expect::Key, _, b'"') => self.take(Expect::InKey(StringEnd::default())),
            (Expect::Colon, _, b':') => self.take(Expect::Value),
            _ => self.fail(),
        }
    }

    fn take(&mut self, then: Expect) {
        self.at += 1;
        self.scan.expect = then;
    }

    /// A key's bytes, to its closing quote or to the end of the chunk.
    fn key(&mut self, end: Option<usize>, rest: &'a [u8]) {
        let inside = rest.get(..end.map_or(rest.len(), |end| end - 1)).unwrap_or_default();
        self.at += end.unwrap_or(rest.len());
        if end.is_some() && self.scan.key.is_empty() {
            return self.end_key(inside);
        }
        // One byte too many is enough to know that no path has this key.
        let room = (self.set.key_bytes_max() + 1).saturating_sub(self.scan.key.len());
        self.scan.key.extend(inside.iter().take(room));
        if end.is_some() {
            let mut key = std::mem::take(&mut self.scan.key);
            self.end_key(&key);
            key.clear();
            self.scan.key = key;
        }
    }

    fn end_key(&mut self, key: &[u8]) {
        let field = self.scan.container.and_then(|node| self.set.field(node, key));
        self.look_for(field);
        self.scan.expect = Expect::Colon;
    }

    fn next_item(&mut self) {
        let Some(node) = self.scan.container else { return };
        let Some(visit) = self.scan.visits.get_mut(node) else { return };
        let Level::Array(begun) = &mut visit.level else { return };
        let item = self.set.node(node).item(*begun);
        *begun += 1;
        self.look_for(item);
    }

    /// The next value is this node's, unless an earlier value under the same key was.
    fn look_for(&mut self, node: Option<usize>) {
        self.scan.value = node.filter(|node| !self.scan.gone_by(*node));
    }

    fn begin_value(&mut self, byte: u8) {
        let simple = match byte {
            b'{' | b'[' => None,
            b'"' => Some(Expect::InString(StringEnd::default())),
            _ => match Scalar::begin(byte) {
                Some(scalar) => Some(Expect::InScalar(scalar)),
                None => return self.fail(),
            },
        };
        if let Some(node) = self.scan.value {
            self.sight(node, byte);
        }
        match simple {
            Some(expect) => self.take(expect),
            None => self.enter_container(byte),
        }
    }

    /// The first byte of a value that some path leads to.
    fn sight(&mut self, node: usize, byte: u8) {
        let finding = match self.set.node(node).want {
            Some(Want::Value) => Finding::From(self.scan.capture.begin(self.at)),
            Some(Want::Presence) if byte != b'n' => Finding::Present,
            _ => return,
        };
        if finding == Finding::Present {
            self.scan.settle(node, 1);
        }
        if let Some(visit) = self.scan.visits.get_mut(node) {
            visit.finding = finding;
        }
    }

    /// Looks into a container if some path goes on in it, else skips it.
    fn enter_container(&mut self, byte: u8) {
        let Some(node) = self.scan.value.take() else {
            return self.take(Expect::InContainer(ContainerEnd::new()));
        };
        let (level, expect) = match byte {
            b'{' => (Level::Object, Expect::KeyOrEnd),
            _ => (Level::Array(0), Expect::ItemOrEnd),
        };
        if let Some(visit) = self.scan.visits.get_mut(node) {
            visit.level = level;
        }
        match level {
            Level::Object => self.set.node(node).items().for_each(|child| self.dismiss(child)),
            Level::Array(_) => self.set.node(node).fields().for_each(|child| self.dismiss(child)),
        }
        self.scan.container = Some(node);
        self.take(expect);
        self.skip_if_fruitless();
    }

    /// A value that cannot be: a field of an array, an item of an object.
    fn dismiss(&mut self, node: usize) {
        let pending = self.scan.visits.get(node).map_or(0, |visit| visit.pending);
        self.scan.settle(node, pending);
    }

    /// Skips the rest of the open container when nothing in it can be learnt.
    fn skip_if_fruitless(&mut self) {
        let Some(visit) = self.scan.container.and_then(|node| self.scan.visits.get(node)) else { return };
        let own = usize::from(matches!(visit.finding, Finding::From(_)));
        if visit.pending == own {
            self.leave_container();
            self.scan.expect = Expect::InContainer(ContainerEnd::new());
        }
    }

    /// From inside the open container to its being the value that ends.
    fn leave_container(&mut self) {
        self.scan.value = self.scan.container;
        self.scan.container = self.scan.container.and_then(|node| self.set.node(node).parent);
    }

    /// A value ended before `at`.
    fn end_value(&mut self, null: bool) {
        if let Some(node) = self.scan.value.take() {
            self.note(node, null);
            self.dismiss(node);
        }
        if self.scan.container.is_some() {
            self.scan.expect = Expect::CommaOrEnd;
            self.skip_if_fruitless();
        } else {
            self.scan.expect = Expect::End;
            self.scan.document = Document::Json;
        }
    }

    fn note(&mut self, node: usize, null: bool) {
        let Some(visit) = self.scan.visits.get_mut(node) else { return };
        if let Finding::From(start) = visit.finding {
            visit.finding = Finding::Text(start..self.scan.capture.end(self.chunk, self.at));
        }
        if null {
            visit.finding = Finding::Null;
        }
    }

    /// The byte at `at` cannot be: what was not learnt by now never will be.
    fn fail(&mut self) {
        self.scan.document = Document::NotJson { offset: self.scan.offset + self.at as u64 };
        self.give_up();
    }

    fn give_up(&mut self) {
        self.dismiss(ROOT);
        self.scan.capture.abandon(self.chunk, self.at);
        self.scan.expect = Expect::Value;
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}
