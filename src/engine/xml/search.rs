//! The search for paths in a document's events: a stack of what each path has reached, and no tree.
//! Borrows nothing of the document and does not know where events come from, so it can be fed piece by piece.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::QName;

use super::path::{ElementPath, local_name};

/// Elements within elements beyond this are refused; SOAP answers are a dozen deep.
pub(super) const DEPTH_MAX: usize = 512;

/// A search under way.
pub(super) struct Search<'p> {
    seeks: Vec<Seek<'p>>,
    depth: usize,
    has_root: bool,
}

impl<'p> Search<'p> {
    /// Before the first event.
    pub(super) fn new(paths: &[&'p ElementPath]) -> Search<'p> {
        let seeks = paths.iter().map(|path| Seek { path, reached: Vec::new(), state: State::Seeking });
        Search { seeks: seeks.collect(), depth: 0, has_root: false }
    }

    /// Whether every path has its value.
    pub(super) fn is_settled(&self) -> bool {
        self.seeks.iter().all(|seek| matches!(seek.state, State::Found(_)))
    }

    /// For each path, in the order asked, the value found by now.
    pub(super) fn into_values(self) -> Vec<Option<String>> {
        self.seeks.into_iter().map(Seek::into_value).collect()
    }

    /// Takes the next event; an error says why the document is not XML.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::Empty(tag) => {
                self.open(tag)?;
                self.close();
                Ok(())
            }
            Event::End(_) => {
                self.close();
                Ok(())
            }
            Event::Text(text) if self.depth == 0 && text.trim_ascii().is_empty() => Ok(()),
            Event::Text(text) => self.text(|value| value.push_str(&text.xml10_content())),
            Event::CData(text) => self.text(|value| value.push_str(&text.xml10_content())),
            Event::GeneralRef(name) => self.text(|value| push_reference(value, name)),
            Event::Decl(_) | Event::DocType(_) | Event::PI(_) | Event::Comment(_) => Ok(()),
            Event::Eof => self.end(),
        }
    }

    fn open(&mut self, tag: &BytesStart) -> Result<(), String> {
        let QName(qualified) = tag.name();
        let Some(name) = local_name(qualified) else {
            return Err(format!("`<{qualified}>` is not a tag"));
        };
        if attributes(tag).any(|attribute| attribute.is_err()) {
            return Err(format!("an attribute of `<{qualified}>` is not written `name=\"value\"`"));
        }
        if self.depth == 0 && std::mem::replace(&mut self.has_root, true) {
            return Err(format!("a second root element `<{qualified}>`"));
        }
        if self.depth == DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} elements deep"));
        }
        self.depth += 1;
        for seek in &mut self.seeks {
            seek.open(name, tag, self.depth);
        }
        Ok(())
    }

    fn close(&mut self) {
        for seek in &mut self.seeks {
            seek.close(self.depth);
        }
        // The reader has refused an end tag without its start tag.
        self.depth = self.depth.saturating_sub(1);
    }

    fn text(&mut self, push: impl Fn(&mut String)) -> Result<(), String> {
        if self.depth == 0 {
            return Err("text outside the root element".to_owned());
        }
        for seek in &mut self.seeks {
            if let State::Reading { value, .. } = &mut seek.state {
                push(value);
            }
        }
        Ok(())
    }

    fn end(&self) -> Result<(), String> {
        match self.depth {
            0 if self.has_root => Ok(()),
            0 => Err("no element".to_owned()),
            1 => Err("ends before its root element does".to_owned()),
            open => Err(format!("ends with {open} elements open")),
        }
    }
}

/// One path on its way through a document.
struct Seek<'p> {
    path: &'p ElementPath,
    /// For every open element, bit `n` set where the first `n` steps of the path lead to it: the
    /// Shift-And algorithm, with element names for letters.
    reached: Vec<u64>,
    state: State,
}

enum State {
    Seeking,
    /// Inside the element, which is `depth` deep.
    Reading {
        depth: usize,
        value: String,
    },
    Found(String),
}

impl Seek<'_> {
    fn open(&mut self, name: &str, tag: &BytesStart, depth: usize) {
        if !matches!(self.state, State::Seeking) {
            return;
        }
        let reached = self.step(name);
        self.reached.push(reached);
        if reached & (1 << self.path.steps.len()) == 0 {
            return;
        }
        match &self.path.attribute {
            None => self.state = State::Reading { depth, value: String::new() },
            Some(attribute) => {
                if let Some(value) = attribute_value(tag, attribute) {
                    self.state = State::Found(value);
                }
            }
        }
    }

    /// The steps reached by an element of this name in the innermost open one.
    fn step(&self, name: &str) -> u64 {
        let parent = self.reached.last().copied().unwrap_or(1);
        let taken = self.path.steps.iter().enumerate();
        let taken = taken.filter(|(step, wanted)| parent & (1 << step) != 0 && wanted.matches(name));
        taken.fold(u64::from(self.path.anywhere), |reached, (step, _)| reached | 1 << (step + 1))
    }

    fn close(&mut self, closing: usize) {
        match &mut self.state {
            State::Seeking => _ = self.reached.pop(),
            State::Reading { depth, value } if *depth == closing => {
                self.state = State::Found(value.trim().to_owned());
            }
            State::Reading { .. } | State::Found(_) => {}
        }
    }

    fn into_value(self) -> Option<String> {
        match self.state {
            State::Found(value) => Some(value),
            State::Seeking | State::Reading { .. } => None,
        }
    }
}

/// Without a check for duplicates, which would be quadratic in the number of attributes.
fn attributes<'t>(tag: &'t BytesStart) -> Attributes<'t> {
    let mut attributes = tag.attributes();
    attributes.with_checks(false);
    attributes
}

/// The value of the tag's first attribute of this local name; namespace declarations are no attributes.
fn attribute_value(tag: &BytesStart, wanted: &str) -> Option<String> {
    attributes(tag)
        .flatten()
        .filter(|attribute| attribute.key.as_namespace_binding().is_none())
        .find(|attribute| attribute.key.local_name().as_ref() == wanted)
        .map(|attribute| normalized(&attribute.value))
}

/// An attribute's value with white space made spaces and references decoded (XML 1.0, 3.3.3).
fn normalized(raw: &str) -> String {
    let spaced = raw.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
    let mut pieces = spaced.split('&');
    let mut value = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(';') {
            Some((name, text)) => {
                push_reference(&mut value, name);
                value.push_str(text);
            }
            None => {
                value.push('&');
                value.push_str(piece);
            }
        }
    }
    value
}

/// Appends what `&name;` stands for, or the reference as written when only a DTD could say.
fn push_reference(value: &mut String, name: &str) {
    if let Some(text) = resolve_xml_entity(name) {
        value.push_str(text);
    } else if let Ok(Some(character)) = BytesRef::new(name).resolve_char_ref() {
        value.push(character);
    } else {
        value.extend(["&", name, ";"]);
    }
}
