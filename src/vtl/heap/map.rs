//! A map that keeps the order of its keys.

use std::collections::HashMap;

use super::super::json::Unread;
use super::super::value::{Text, Value};
use super::MapKind;

/// A map that keeps the order in which its keys came.
#[derive(Debug, Clone)]
pub struct Map<'a> {
    /// Its class.
    pub kind: MapKind,
    pub(super) entries: Vec<(Value<'a>, Value<'a>)>,
    /// Where the keys that are strings stand, once there are many.
    #[expect(clippy::box_collection, reason = "most maps have none, and a map is moved about as a whole")]
    places: Option<Box<HashMap<Text<'a>, usize>>>,
    /// How often a key was added or taken away (Java's `modCount`).
    pub changes: u32,
    pub(super) later: Option<Later<'a>>,
}

/// What a map will be when somebody looks into it.
#[derive(Debug, Clone)]
pub(super) enum Later<'a> {
    /// An object of a text.
    Object(Unread<'a>),
    /// A part of `$context` with parts of these names, and nothing in those.
    Branches(&'static [&'static str]),
}

/// From here on a map is not searched from end to end.
pub(super) const INDEXED_FROM: usize = 16;

impl<'a> Map<'a> {
    pub(super) fn new(kind: MapKind) -> Map<'a> {
        Map { kind, entries: Vec::new(), places: None, changes: 0, later: None }
    }

    pub(super) fn with_capacity(kind: MapKind, length: usize) -> Map<'a> {
        Map { entries: Vec::with_capacity(length), ..Map::new(kind) }
    }

    /// The entries in order.
    pub fn entries(&self) -> &[(Value<'a>, Value<'a>)] {
        &self.entries
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value under a key that is a string.
    pub fn named(&self, name: &str) -> Option<&Value<'a>> {
        self.place(name).and_then(|place| self.entries.get(place)).map(|(_, value)| value)
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(name).copied(),
            None => self.position(name.as_bytes()),
        }
    }

    #[inline(always)]
    fn position(&self, name: &[u8]) -> Option<usize> {
        let is_it = |key: &Value<'_>| matches!(key, Value::String(key) if key.as_bytes() == name);
        self.entries.iter().position(|(key, _)| is_it(key))
    }

    /// Puts a value under a key that is a string; gives the one that was there.
    #[inline]
    pub fn set(&mut self, name: Text<'a>, value: Value<'a>) -> Option<Value<'a>> {
        let place = match &self.places {
            Some(places) => places.get(&name).copied(),
            None => self.position(name.as_bytes()),
        };
        match place {
            Some(place) => self.replace(place, value),
            None => {
                self.push(Value::String(name), value);
                None
            }
        }
    }

    pub(super) fn replace(&mut self, place: usize, value: Value<'a>) -> Option<Value<'a>> {
        self.entries.get_mut(place).map(|(_, old)| std::mem::replace(old, value))
    }

    #[inline(always)]
    pub(super) fn push(&mut self, key: Value<'a>, value: Value<'a>) {
        self.changes += 1;
        if let (Some(places), Value::String(name)) = (&mut self.places, &key) {
            places.insert(name.clone(), self.entries.len());
        }
        self.entries.push((key, value));
        self.index();
    }

    /// Begins to keep the places once there are many.
    #[inline(always)]
    fn index(&mut self) {
        if self.entries.len() >= INDEXED_FROM && self.places.is_none() {
            self.keep_places();
        }
    }

    #[cold]
    fn keep_places(&mut self) {
        let names = self.entries.iter().enumerate().filter_map(|(place, (key, _))| match key {
            Value::String(name) => Some((name.clone(), place)),
            _ => None,
        });
        self.places = Some(Box::new(names.collect()));
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<Value<'a>> {
        if place >= self.entries.len() {
            return None;
        }
        self.changes += 1;
        let (key, value) = self.entries.remove(place);
        if let Some(places) = &mut self.places {
            key.as_str().and_then(|name| places.remove(name));
            places.values_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
        }
        Some(value)
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.changes += 1;
        self.places = None;
        self.entries.clear();
    }
}
