//! Objects and arrays of a JSON text: each is read when somebody first looks into it, and what is within it is not.

use super::super::fault::Fault;
use super::super::json::{Part, Unread};
use super::super::value::{Text, Value};
use super::map::INDEXED_FROM;
use super::{Heap, List, ListId, ListKind, Map, MapId, MapKind, number};

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
                map.unread = Some(unread);
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
            Value::Map(id) => self.maps.get(id.0 as usize)?.unread.clone(),
            Value::List(id) => self.lists.get(id.0 as usize)?.unread.clone(),
            _ => None,
        }
    }

    /// Reads a map if nobody has yet. Whoever reaches a bound by that is told so by the meter at the next step.
    #[inline]
    pub(super) fn read_map(&mut self, id: MapId) {
        if let Some(unread) = self.maps.get_mut(id.0 as usize).and_then(|map| map.unread.take()) {
            let mut read = Map::with_capacity(MapKind::Map, unread.length());
            self.read(&unread, |key, value| {
                read.set(key.unwrap_or(Text::Borrowed("")), value);
            });
            read.changes = 0;
            if let Some(map) = self.maps.get_mut(id.0 as usize) {
                *map = read;
            }
        }
    }

    /// The same for a list.
    #[inline]
    pub(super) fn read_list(&mut self, id: ListId) {
        if let Some(unread) = self.lists.get_mut(id.0 as usize).and_then(|list| list.unread.take()) {
            let mut items = Vec::with_capacity(unread.length());
            self.read(&unread, |_, value| items.push(value));
            if let Some(list) = self.lists.get_mut(id.0 as usize) {
                list.items = items;
            }
        }
    }

    fn read(&mut self, unread: &Unread<'a>, mut take: impl FnMut(Option<Text<'a>>, Value<'a>)) {
        let length = unread.length();
        // An index of the keys is work, too.
        let steps = if length < INDEXED_FROM { 2 } else { 6 };
        let bytes = length.saturating_mul(2 * size_of::<Value<'_>>());
        if self.meter.work(length as u64 * steps).and(self.meter.allocate(bytes)).is_ok() {
            unread.read(|key, value| {
                take(key, self.make_part(value)?);
                Ok(())
            });
        }
    }
}
