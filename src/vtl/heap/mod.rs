//! Where the lists and maps of one render live. They go all at once when it ends, so a list that contains itself
//! neither leaks nor is dropped in an endless recursion.

mod map;
mod unread;

use std::rc::Rc;

use super::fault::Fault;
use super::json::Unread;
use super::limits::{Limits, Meter};
use super::regex::Patterns;
use super::value::{Text, Value, View};
use map::Later;
pub use map::Map;

/// The number of a list in its heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListId(u32);

impl ListId {
    /// Of none: there is nothing to see.
    pub const NONE: ListId = ListId(u32::MAX);
}

/// The number of a map in its heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapId(u32);

impl MapId {
    /// Of none: there is nothing to see.
    pub const NONE: MapId = MapId(u32::MAX);
}

/// The number of a map's entry in its heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairId(u32);

impl PairId {
    /// Of none: there is nothing to see.
    pub const NONE: PairId = PairId(u32::MAX);
}

/// The number of an iterator in its heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorId(u32);

impl CursorId {
    /// Of none: there is nothing to see.
    pub const NONE: CursorId = CursorId(u32::MAX);
}

/// The number of a run of `#foreach` in its heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopId(u32);

/// Which Java class a list is of: they print differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// `java.util.ArrayList`, made by the template; prints `[a, b]`.
    List,
    /// `net.minidev.json.JSONArray`, from a body; prints as JSON.
    Json,
    /// A Java array, from `split` or `toCharArray`.
    Array,
}

/// Which Java class a map is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// `java.util.LinkedHashMap`, made by the template or from a body; prints `{a=b}`.
    Map,
    /// A part of `$context`: prints as nothing.
    Context,
}

/// A list or an array.
#[derive(Debug, Clone)]
pub struct List<'a> {
    /// Its class.
    pub kind: ListKind,
    /// Its elements.
    pub items: Vec<Value<'a>>,
    /// How often its length was changed (Java's `modCount`).
    pub changes: u32,
    /// The array of a text that this list will be when somebody looks into it.
    unread: Option<Unread<'a>>,
}

/// What `iterator()` gives: the elements as they were, and how many have been taken.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    /// What is iterated over.
    pub items: Vec<Value<'a>>,
    /// How many `next()` has given.
    pub taken: usize,
}

/// A run of `#foreach`, as `$foreach` shows it.
#[derive(Debug, Clone, Default)]
pub struct LoopState {
    /// The turn, from 0.
    pub index: usize,
    /// Whether another turn follows.
    pub has_next: bool,
    /// The loop around this one.
    pub parent: Option<LoopId>,
    /// What the template put there (`#set($foreach.x = 1)`).
    pub added: Option<MapId>,
}

/// All that one render has made.
#[derive(Debug)]
pub struct Heap<'a> {
    lists: Vec<List<'a>>,
    maps: Vec<Map<'a>>,
    pairs: Vec<(Value<'a>, Value<'a>)>,
    cursors: Vec<Cursor<'a>>,
    loops: Vec<LoopState>,
    /// What an id of another heap would show.
    nothing: Map<'a>,
    /// The patterns that the render has used.
    pub(super) patterns: Patterns,
    /// What has been used of the bounds.
    pub meter: Meter,
}

/// The maps of most renders.
const MAPS_USUAL: usize = 8;

impl<'a> Heap<'a> {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Heap<'a> {
        Heap {
            lists: Vec::new(),
            maps: Vec::with_capacity(MAPS_USUAL),
            pairs: Vec::new(),
            cursors: Vec::new(),
            loops: Vec::new(),
            nothing: Map::new(MapKind::Map),
            patterns: Patterns::default(),
            meter: Meter::new(limits),
        }
    }

    /// A string that the render has made.
    pub fn text(&mut self, text: impl Into<Rc<str>> + AsRef<str>) -> Result<Value<'a>, Fault> {
        self.meter.allocate(text.as_ref().len())?;
        Ok(Value::String(Text::Shared(text.into())))
    }

    /// A new list.
    pub fn make_list(&mut self, kind: ListKind, items: Vec<Value<'a>>) -> Result<Value<'a>, Fault> {
        self.meter.allocate(size_of::<List<'_>>() + items.len() * size_of::<Value<'_>>())?;
        let id = ListId(number(self.lists.len())?);
        self.lists.push(List { kind, items, changes: 0, unread: None });
        Ok(Value::List(id))
    }

    /// A new map without entries.
    pub fn make_map(&mut self, kind: MapKind) -> Result<MapId, Fault> {
        self.meter.allocate(size_of::<Map<'_>>())?;
        let id = MapId(number(self.maps.len())?);
        // Made in its place: it is too large to be moved there.
        self.maps.resize_with(self.maps.len() + 1, || Map::new(kind));
        Ok(id)
    }

    /// A new part of `$context` that has empty parts of these names. They are made when somebody looks into it.
    pub(super) fn make_branches(&mut self, names: &'static [&'static str]) -> Result<MapId, Fault> {
        let id = self.make_map(MapKind::Context)?;
        if let Some(map) = self.maps.last_mut() {
            map.later = Some(Later::Branches(names));
        }
        Ok(id)
    }

    /// Whether nobody has looked into what [`make_branches`](Heap::make_branches) made.
    pub(super) fn is_bare(&self, id: MapId) -> bool {
        self.maps.get(id.0 as usize).is_some_and(|map| matches!(map.later, Some(Later::Branches(_))))
    }

    /// A new entry, as `entrySet()` gives it.
    pub fn make_pair(&mut self, key: Value<'a>, value: Value<'a>) -> Result<Value<'a>, Fault> {
        self.meter.allocate(2 * size_of::<Value<'_>>())?;
        let id = PairId(number(self.pairs.len())?);
        self.pairs.push((key, value));
        Ok(Value::Pair(id))
    }

    /// A new iterator.
    pub fn make_cursor(&mut self, items: Vec<Value<'a>>) -> Result<Value<'a>, Fault> {
        self.meter.allocate(size_of::<Cursor<'_>>() + items.len() * size_of::<Value<'_>>())?;
        let id = CursorId(number(self.cursors.len())?);
        self.cursors.push(Cursor { items, taken: 0 });
        Ok(Value::Cursor(id))
    }

    /// A new run of `#foreach`.
    pub fn make_loop(&mut self, parent: Option<LoopId>) -> Result<LoopId, Fault> {
        self.meter.allocate(size_of::<LoopState>())?;
        let id = LoopId(number(self.loops.len())?);
        self.loops.push(LoopState { parent, ..LoopState::default() });
        Ok(id)
    }

    /// A list. (Every id was given out by this heap; of another there is nothing to see.)
    pub fn list(&mut self, id: ListId) -> &[Value<'a>] {
        self.read_list(id);
        self.lists.get(id.0 as usize).map_or(&[], |list| &list.items)
    }

    /// A list's class.
    pub fn list_kind(&self, id: ListId) -> ListKind {
        self.lists.get(id.0 as usize).map_or(ListKind::List, |list| list.kind)
    }

    /// A list with all there is to it.
    pub fn list_mut(&mut self, id: ListId) -> Option<&mut List<'a>> {
        self.read_list(id);
        self.lists.get_mut(id.0 as usize)
    }

    /// How often a list's length was changed.
    pub fn list_changes(&self, id: ListId) -> u32 {
        self.lists.get(id.0 as usize).map_or(0, |list| list.changes)
    }

    /// Adds to the end of a list.
    pub fn push(&mut self, id: ListId, item: Value<'a>) -> Result<(), Fault> {
        self.meter.work(1)?;
        self.meter.allocate(size_of::<Value<'_>>())?;
        if let Some(list) = self.list_mut(id) {
            list.changes += 1;
            list.items.push(item);
        }
        Ok(())
    }

    /// A map.
    pub fn map(&mut self, id: MapId) -> &Map<'a> {
        self.read_map(id);
        self.maps.get(id.0 as usize).unwrap_or(&self.nothing)
    }

    /// A map, to clear it or to set what is named by a string known not to be bounded (see [`Heap::put`]).
    pub fn map_mut(&mut self, id: MapId) -> Option<&mut Map<'a>> {
        self.read_map(id);
        self.maps.get_mut(id.0 as usize)
    }

    /// A map's class.
    pub fn map_kind(&self, id: MapId) -> MapKind {
        self.maps.get(id.0 as usize).map_or(MapKind::Map, |map| map.kind)
    }

    /// The value under a key, if the key is there.
    pub fn get(&mut self, id: MapId, key: &Value<'a>) -> Result<Option<Value<'a>>, Fault> {
        if let Value::String(name) = key {
            return Ok(self.map(id).named(name).cloned());
        }
        let place = self.place(id, key)?;
        Ok(place.and_then(|place| self.map(id).entries.get(place)).map(|(_, value)| value.clone()))
    }

    /// Puts a value under a key; gives the one that was there.
    pub fn put(&mut self, id: MapId, key: Value<'a>, value: Value<'a>) -> Result<Option<Value<'a>>, Fault> {
        let place = self.place(id, &key)?;
        self.meter.work(2)?;
        self.meter.allocate(2 * size_of::<Value<'_>>())?;
        let Some(map) = self.map_mut(id) else { return Ok(None) };
        match place {
            Some(place) => Ok(map.replace(place, value)),
            None => {
                map.push(key, value);
                Ok(None)
            }
        }
    }

    /// Takes a key out; gives its value.
    pub fn remove(&mut self, id: MapId, key: &Value<'a>) -> Result<Option<Value<'a>>, Fault> {
        let Some(place) = self.place(id, key)? else { return Ok(None) };
        let length = self.map(id).len() as u64;
        self.meter.work(length / 4)?;
        Ok(self.map_mut(id).and_then(|map| map.remove(place)))
    }

    /// Where a key stands among the entries.
    pub fn place(&mut self, id: MapId, key: &Value<'a>) -> Result<Option<usize>, Fault> {
        if let Value::String(name) = key {
            return Ok(self.map(id).place(name));
        }
        // A key that is not a string is rare enough to be looked for from end to end.
        let length = self.map(id).len();
        self.meter.work(length as u64)?;
        for place in 0..length {
            let Some((other, _)) = self.map(id).entries.get(place) else { break };
            let other = other.clone();
            if self.equals(key, &other)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// An entry's key and value.
    pub fn pair(&self, id: PairId) -> (Value<'a>, Value<'a>) {
        self.pairs.get(id.0 as usize).cloned().unwrap_or((Value::Null, Value::Null))
    }

    /// An iterator.
    pub fn cursor_mut(&mut self, id: CursorId) -> Option<&mut Cursor<'a>> {
        self.cursors.get_mut(id.0 as usize)
    }

    /// A run of `#foreach`.
    pub fn run(&self, id: LoopId) -> &LoopState {
        const NOTHING: &LoopState = &LoopState { index: 0, has_next: false, parent: None, added: None };
        self.loops.get(id.0 as usize).unwrap_or(NOTHING)
    }

    /// A run of `#foreach`, to go on with it.
    pub fn run_mut(&mut self, id: LoopId) -> Option<&mut LoopState> {
        self.loops.get_mut(id.0 as usize)
    }

    /// What a view of a map shows now.
    pub fn view(&mut self, id: MapId, view: View) -> Result<Vec<Value<'a>>, Fault> {
        let bytes = self.map(id).len() * size_of::<Value<'_>>();
        self.meter.allocate(bytes)?;
        match view {
            View::Keys => Ok(self.map(id).entries.iter().map(|(key, _)| key.clone()).collect()),
            View::Values => Ok(self.map(id).entries.iter().map(|(_, value)| value.clone()).collect()),
            View::Entries => {
                let entries = self.map(id).entries.clone();
                entries.into_iter().map(|(key, value)| self.make_pair(key, value)).collect()
            }
        }
    }
}

/// The next number; no bound of [`Limits`] lets a render come near its end.
fn number(count: usize) -> Result<u32, Fault> {
    u32::try_from(count).map_err(|_| Fault::limit("too many values"))
}
