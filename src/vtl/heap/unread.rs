//! Objects and arrays of a JSON text: each is read when somebody first looks into it, and what is within it is not.

use super::super::fault::Fault;
use super::super::json::{Part, Unread};
use super::super::value::Value;
use super::map::{INDEXED_FROM, Later};
use super::{Heap, List, ListId, ListKind, Map, MapId, MapKind, number};

/// The branches of an override, and a status.
const BRANCHES_USUAL: usize = 4;

impl<'a> Heap<'a> {
    /// A value of a text.
    #[inline(always)]
    pub(in super::super) fn make_part(&mut self, part: Part<'a>) -> Result<Value<'a>, Fault> {
        match part {
            Part::Scalar(value) => Ok(value),
            Part::Object(unread) => {
                self.meter.allocate(size_of::<Map<'_>>())?;
                let id = MapId(number(self.maps.len())?);
                let mut map = Map::new(MapKind::Map);
                map.later = Some(Later::Object(unread));
                self.maps.push(map);
                Ok(Value::Map(id))
            }
            Part::Array(unread) => {
                self.meter.allocate(size_of::<List<'_>>())?;
                let id = ListId(number(self.lists.len())?);
                let list = List { kind: ListKind::Json, items: Vec::new(), changes: 0, unread: Some(unread) };
                self.lists.push(list);
                Ok(Value::List(id))
            }
        }
    }

    /// The text of a list or map that nobody has looked into.
    pub(in super::super) fn unread(&self, value: &Value<'a>) -> Option<Unread<'a>> {
        match value {
            Value::Map(id) => match &self.maps.get(id.0 as usize)?.later {
                Some(Later::Object(unread)) => Some(unread.clone()),
                _ => None,
            },
            Value::List(id) => self.lists.get(id.0 as usize)?.unread.clone(),
            _ => None,
        }
    }

    /// Reads a map if nobody has yet. Whoever reaches a bound by that is told so by the meter at the next step.
    #[inline(always)]
    pub(super) fn read_map(&mut self, id: MapId) {
        if self.maps.get(id.0 as usize).is_some_and(|map| map.later.is_some()) {
            self.make_members(id);
        }
    }

    /// The same for a list.
    #[inline(always)]
    pub(super) fn read_list(&mut self, id: ListId) {
        if self.lists.get(id.0 as usize).is_some_and(|list| list.unread.is_some()) {
            self.read_elements(id);
        }
    }

    #[inline(never)]
    fn make_members(&mut self, id: MapId) {
        match self.maps.get_mut(id.0 as usize).and_then(|map| map.later.take()) {
            Some(Later::Object(unread)) => self.read_members(id, &unread),
            Some(Later::Branches(names)) => {
                let mut entries = Vec::with_capacity(BRANCHES_USUAL);
                for name in names {
                    let Ok(branch) = self.make_map(MapKind::Context) else { return };
                    entries.push((Value::borrowed(name), Value::Map(branch)));
                }
                if let Some(map) = self.maps.get_mut(id.0 as usize) {
                    map.entries = entries;
                }
            }
            None => {}
        }
    }

    fn read_members(&mut self, id: MapId, unread: &Unread<'a>) {
        // An index of the keys is work, too.
        let steps = if unread.length() < INDEXED_FROM { 2 } else { 6 };
        if self.reading(unread, steps, 2 * size_of::<Value<'_>>()).is_err() {
            return;
        }
        let mut read = Map::with_capacity(MapKind::Map, unread.length());
        unread.members(|key, value| {
            read.set(key, self.make_part(value)?);
            Ok(())
        });
        read.changes = 0;
        if let Some(map) = self.maps.get_mut(id.0 as usize) {
            *map = read;
        }
    }

    #[inline(never)]
    fn read_elements(&mut self, id: ListId) {
        let Some(unread) = self.lists.get_mut(id.0 as usize).and_then(|list| list.unread.take()) else {
            return;
        };
        if self.reading(&unread, 2, size_of::<Value<'_>>()).is_err() {
            return;
        }
        let mut items = Vec::with_capacity(unread.length());
        unread.elements(|value| {
            items.push(self.make_part(value)?);
            Ok(())
        });
        if let Some(list) = self.lists.get_mut(id.0 as usize) {
            list.items = items;
        }
    }

    /// Counts what it takes to read something.
    fn reading(&mut self, unread: &Unread<'a>, steps: u64, bytes: usize) -> Result<(), Fault> {
        let length = unread.length();
        self.meter.work(steps * length as u64)?;
        self.meter.allocate(bytes.saturating_mul(length))
    }
}
