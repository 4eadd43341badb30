//! What has been learnt of a body so far: values at JSON paths, tests of its text, values at XML paths. Each is
//! known as soon as the bytes that have gone by tell it, and does not change from then on.

use bytes::Bytes;

use super::characters::Characters;
use super::condition::Truth;
use super::json::{PathSet, Scan, Skim};
use super::ruleset::RuleSet;
use super::text::{Sought, Watch};
use super::xml;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Everything learnt.
pub struct Learnt {
    skim: Skim,
    passage: Option<Box<Passage>>,
    /// Whether a byte has come.
    begun: bool,
}

/// The text of a body on its way past those who read it as text.
#[derive(Debug)]
struct Passage {
    characters: Characters,
    watch: Watch,
    xml: xml::Scan,
    /// The text itself, for a trace.
    so_far: Option<String>,
    begun: bool,
}

impl Learnt {
    /// Nothing yet. For a trace the body is read even where that decides nothing.
    pub fn new(rule_set: &RuleSet, explain: bool) -> Learnt {
        let paths = &rule_set.subjects.paths;
        let skim = if explain { Skim::reading_all(paths) } else { Skim::new(paths) };
        Learnt { skim, passage: None, begun: false }
    }

    /// From the first byte on reads the body as text, too. Without it, what asks for text waits for the whole body.
    pub fn read_text(&mut self, rule_set: &RuleSet, explain: bool) {
        self.passage = Some(Box::new(Passage {
            characters: Characters::default(),
            watch: Watch::new(&rule_set.texts),
            xml: xml::Scan::new(&rule_set.subjects.elements),
            so_far: explain.then(String::new),
            begun: false,
        }));
    }

    /// Reads the next bytes, a share of which is kept where they need not be read yet; whether that told anything.
    pub fn feed(&mut self, rule_set: &RuleSet, bytes: Chunk<'_>) -> bool {
        self.noting(rule_set, |learnt| {
            learnt.begun |= !bytes.as_slice().is_empty();
            if learnt.skim.scan().pending() > 0 {
                bytes.feed(&mut learnt.skim, &rule_set.subjects.paths);
            }
            if let Some(passage) = &mut learnt.passage {
                passage.feed(rule_set, bytes.as_slice());
            }
        })
    }

    /// Reads what was left unread; whether that told anything.
    pub fn catch_up(&mut self, rule_set: &RuleSet) -> bool {
        self.noting(rule_set, |learnt| learnt.skim.catch_up(&rule_set.subjects.paths))
    }

    /// The body has ended.
    pub fn finish(&mut self, rule_set: &RuleSet) {
        self.skim.finish(&rule_set.subjects.paths);
        if let Some(passage) = &mut self.passage {
            passage.finish(rule_set);
        }
    }

    /// The values at JSON paths.
    pub fn scan(&self) -> &Scan {
        self.skim.scan()
    }

    /// Whether a test of the text holds; `None` while that is not known.
    pub fn text(&self, sought: &Sought) -> Option<bool> {
        match self.passage.as_ref()?.watch.truth(sought) {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::Unknown => None,
        }
    }

    /// Whether it is known that no test of the body's text holds.
    pub fn no_text(&self) -> bool {
        self.passage.as_ref().is_some_and(|passage| passage.watch.none_holds())
    }

    /// The values at XML paths.
    pub fn xml(&self) -> Option<&xml::Scan> {
        self.passage.as_ref().map(|passage| &passage.xml)
    }

    /// The text itself, where a trace is wanted.
    pub fn text_so_far(&self) -> Option<&str> {
        self.passage.as_ref()?.so_far.as_deref()
    }

    /// Whether the body has a byte.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    fn noting(&mut self, rule_set: &RuleSet, learn: impl FnOnce(&mut Learnt)) -> bool {
        let before = self.extent(rule_set);
        learn(self);
        self.extent(rule_set) != before
    }

    /// How much is known, in a form of which only a change means something.
    fn extent(&self, rule_set: &RuleSet) -> (bool, usize, usize, usize) {
        let passage = self.passage.as_ref();
        (
            // Of interest only to those who would otherwise ask for the whole.
            self.begun && rule_set.subjects.whole_body,
            self.skim.scan().pending(),
            passage.map_or(0, |passage| passage.watch.settled()),
            passage.map_or(0, |passage| passage.xml.settled(&rule_set.subjects.elements)),
        )
    }
}

impl Passage {
    fn feed(&mut self, rule_set: &RuleSet, bytes: &[u8]) {
        let Passage { characters, watch, xml, so_far, begun } = self;
        if watch.is_idle() && xml.is_idle() && so_far.is_none() {
            return;
        }
        let read = characters.feed(bytes, &mut |text| {
            xml.feed(&rule_set.subjects.elements, text);
            // For XML the mark counts as bytes before the document; for a text it is no part of it.
            let text = if *begun { text } else { text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text) };
            *begun = true;
            watch.feed(&rule_set.texts, text);
            if let Some(so_far) = so_far {
                so_far.push_str(text);
            }
        });
        if read.is_err() {
            self.lose();
        }
    }

    fn finish(&mut self, rule_set: &RuleSet) {
        if self.characters.finish().is_err() {
            self.lose();
        }
        self.watch.finish(&rule_set.texts);
        self.xml.finish(&rule_set.subjects.elements, "");
    }

    /// What is not known now, only the whole body tells.
    fn lose(&mut self) {
        self.watch.stop();
        self.xml.lose();
    }
}

/// Bytes of a body, which may be shared or must be copied to be kept.
#[derive(Debug, Clone, Copy)]
pub enum Chunk<'c> {
    /// As they came.
    Shared(&'c Bytes),
    /// Made readable, for this moment.
    Borrowed(&'c [u8]),
}

impl Chunk<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Chunk::Shared(bytes) => bytes,
            Chunk::Borrowed(bytes) => bytes,
        }
    }

    fn feed(&self, skim: &mut Skim, paths: &PathSet) {
        match self {
            Chunk::Shared(bytes) => skim.feed(paths, bytes),
            Chunk::Borrowed(bytes) => skim.feed(paths, &Bytes::copy_from_slice(bytes)),
        }
    }
}
