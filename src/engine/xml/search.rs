//! The search for paths in a document's events: a stack of what each path has reached, and no tree.
//! Borrows nothing of the document and does not know where events come from, so it can be fed piece by piece.

use quick_xml::errors::IllFormedError;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::QName;

use super::path::{ElementPath, local_name};

/// Elements within elements beyond this are refused; SOAP answers are a dozen deep.
pub(super) const DEPTH_MAX: usize = 512;

/// A search under way. The paths are given with every event, always the same.
#[derive(Debug, Default)]
pub(super) struct Search {
    seeks: Vec<Seek>,
    /// The names of the open elements, one after another, and where each begins.
    names: String,
    open: Vec<usize>,
    has_root: bool,
}

impl Search {
    /// Before the first event.
    pub(super) fn new(paths: usize) -> Search {
        Search { seeks: (0..paths).map(|_| Seek::default()).collect(), ..Search::default() }
    }

    /// Whether nothing more can be learnt of any path.
    pub(super) fn is_settled(&self) -> bool {
        self.seeks.iter().all(Seek::is_settled)
    }

    /// Of how many paths it is known what they lead to.
    pub(super) fn settled(&self) -> usize {
        (0..self.seeks.len()).filter(|index| self.value(*index).is_some() || self.rules_out(*index)).count()
    }

    /// The value of a path, if it is found.
    pub(super) fn value(&self, index: usize) -> Option<&str> {
        match &self.seeks.get(index)?.state {
            State::Found(value) => Some(value),
            _ => None,
        }
    }

    /// Whether a path that is not found will not be: the root element has closed, or cannot hold it.
    pub(super) fn rules_out(&self, index: usize) -> bool {
        let closed = self.has_root && self.open.is_empty();
        closed || self.seeks.get(index).is_some_and(|seek| matches!(seek.state, State::Missing))
    }

    /// For each path, in the order asked, the value found by now.
    pub(super) fn into_values(self) -> Vec<Option<String>> {
        self.seeks.into_iter().map(Seek::into_value).collect()
    }

    /// Takes the next event; an error says why the document is not XML.
    pub(super) fn event(&mut self, paths: &[ElementPath], event: &Event) -> Result<(), String> {
        match event {
            Event::Start(tag) => self.open(paths, tag),
            Event::Empty(tag) => {
                self.open(paths, tag)?;
                self.close(tag.name())
            }
            Event::End(tag) => self.close(tag.name()),
            Event::Text(text) if self.open.is_empty() && text.trim_ascii().is_empty() => Ok(()),
            Event::Text(text) => self.text(|value| value.push_str(&text.xml10_content())),
            Event::CData(text) => self.text(|value| value.push_str(&text.xml10_content())),
            Event::GeneralRef(name) => self.text(|value| push_reference(value, name)),
            Event::Decl(_) | Event::DocType(_) | Event::PI(_) | Event::Comment(_) => Ok(()),
            Event::Eof => self.end(),
        }
    }

    fn open(&mut self, paths: &[ElementPath], tag: &BytesStart) -> Result<(), String> {
        let QName(qualified) = tag.name();
        let Some(name) = local_name(qualified) else {
            return Err(format!("`<{qualified}>` is not a tag"));
        };
        if attributes(tag).any(|attribute| attribute.is_err()) {
            return Err(format!("an attribute of `<{qualified}>` is not written `name=\"value\"`"));
        }
        if self.open.is_empty() && std::mem::replace(&mut self.has_root, true) {
            return Err(format!("a second root element `<{qualified}>`"));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} elements deep"));
        }
        self.open.push(self.names.len());
        self.names.push_str(qualified);
        for (seek, path) in self.seeks.iter_mut().zip(paths) {
            seek.open(path, name, tag, self.open.len());
        }
        Ok(())
    }

    fn close(&mut self, QName(found): QName) -> Result<(), String> {
        let Some(start) = self.open.pop() else {
            return Err(IllFormedError::UnmatchedEndTag(found.to_owned()).to_string());
        };
        let expected = self.names.get(start..).unwrap_or_default();
        if expected != found {
            let (expected, found) = (expected.to_owned(), found.to_owned());
            return Err(IllFormedError::MismatchedEndTag { expected, found }.to_string());
        }
        self.names.truncate(start);
        for seek in &mut self.seeks {
            seek.close(self.open.len() + 1);
        }
        Ok(())
    }

    fn text(&mut self, push: impl Fn(&mut String)) -> Result<(), String> {
        if self.open.is_empty() {
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
        match self.open.len() {
            0 if self.has_root => Ok(()),
            0 => Err("no element".to_owned()),
            1 => Err("ends before its root element does".to_owned()),
            open => Err(format!("ends with {open} elements open")),
        }
    }
}

/// One path on its way through a document.
#[derive(Debug, Default)]
struct Seek {
    /// For every open element, bit `n` set where the first `n` steps of the path lead to it: the
    /// Shift-And algorithm, with element names for letters.
    reached: Vec<u64>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Seeking,
    /// Inside the element, which is `depth` deep.
    Reading {
        depth: usize,
        value: String,
    },
    Found(String),
    /// The root element leads nowhere.
    Missing,
}

impl Seek {
    fn is_settled(&self) -> bool {
        matches!(self.state, State::Found(_) | State::Missing)
    }

    fn open(&mut self, path: &ElementPath, name: &str, tag: &BytesStart, depth: usize) {
        if !matches!(self.state, State::Seeking) {
            return;
        }
        let reached = self.step(path, name);
        self.reached.push(reached);
        let all = 1 << path.steps.len();
        if reached == 0 && depth == 1 {
            self.state = State::Missing;
        } else if reached & all != 0 {
            self.arrive(path, tag, depth);
        }
    }

    /// The steps reached by an element of this name in the innermost open one.
    fn step(&self, path: &ElementPath, name: &str) -> u64 {
        let parent = self.reached.last().copied().unwrap_or(1);
        let taken = path.steps.iter().enumerate();
        let taken = taken.filter(|(step, wanted)| parent & (1 << step) != 0 && wanted.matches(name));
        taken.fold(u64::from(path.anywhere), |reached, (step, _)| reached | 1 << (step + 1))
    }

    fn arrive(&mut self, path: &ElementPath, tag: &BytesStart, depth: usize) {
        match &path.attribute {
            None => self.state = State::Reading { depth, value: String::new() },
            Some(attribute) => {
                if let Some(value) = attribute_value(tag, attribute) {
                    self.state = State::Found(value);
                }
            }
        }
    }

    fn close(&mut self, closing: usize) {
        match &mut self.state {
            State::Seeking => _ = self.reached.pop(),
            State::Reading { depth, value } if *depth == closing => {
                self.state = State::Found(value.trim().to_owned());
            }
            State::Reading { .. } | State::Found(_) | State::Missing => {}
        }
    }

    fn into_value(self) -> Option<String> {
        match self.state {
            State::Found(value) => Some(value),
            State::Seeking | State::Reading { .. } | State::Missing => None,
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
