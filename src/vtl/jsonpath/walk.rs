//! A path taken over values.

use super::super::heap::{Heap, ListId, ListKind, MapId, MapKind};
use super::super::value::{Text, Value};
use super::filter::Filter;
use super::{Miss, Slice, Step};

/// What is done where a path and a value do not fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mode {
    /// What Jayway 2.0.0 does.
    Strict,
    /// As later versions: an indefinite path passes over it, and `[-1]` counts from the end.
    Lenient,
}

pub(super) struct Walk<'w, 'a> {
    steps: &'w [Step],
    last_open: Option<usize>,
    root: &'w Value<'a>,
    mode: Mode,
    heap: &'w mut Heap<'a>,
    found: Vec<Value<'a>>,
}

/// How far definite steps led.
enum Reached<'a> {
    /// To the end of the path.
    End(Value<'a>),
    /// To a step that may lead to several values.
    Fork(usize, Value<'a>),
    /// To nothing, which does not matter.
    Nothing,
}

impl<'w, 'a> Walk<'w, 'a> {
    pub(super) fn new(
        steps: &'w [Step],
        last_open: Option<usize>,
        root: &'w Value<'a>,
        mode: Mode,
        heap: &'w mut Heap<'a>,
    ) -> Walk<'w, 'a> {
        Walk { steps, last_open, root, mode, heap, found: Vec::new() }
    }

    /// The value of a definite path, the array of any other one.
    pub(super) fn result(mut self, start: &Value<'a>) -> Result<Value<'a>, Miss> {
        if self.last_open.is_none() {
            return match self.follow(0, start.clone())? {
                Reached::End(value) => Ok(value),
                Reached::Fork(..) | Reached::Nothing => Err(Miss::NotFound),
            };
        }
        self.walk(0, start.clone(), 0)?;
        Ok(self.heap.make_list(ListKind::Json, self.found)?)
    }

    fn walk(&mut self, at: usize, start: Value<'a>, depth: u32) -> Result<(), Miss> {
        match self.follow(at, start)? {
            Reached::End(value) => {
                self.heap.meter.allocate(size_of::<Value<'_>>())?;
                self.found.push(value);
                Ok(())
            }
            Reached::Fork(at, value) => {
                self.heap.meter.descend(depth)?;
                self.fork(at, value, depth + 1)
            }
            Reached::Nothing => Ok(()),
        }
    }

    /// Goes as far as one value leads to one value.
    fn follow(&mut self, mut at: usize, mut value: Value<'a>) -> Result<Reached<'a>, Miss> {
        loop {
            self.heap.meter.work(1)?;
            let Some(step) = self.steps.get(at) else { return Ok(Reached::End(value)) };
            let next = match step {
                Step::Name(name) => self.named(at, name, &value)?,
                Step::Names(names) => self.picked(at, names, &value)?,
                Step::Index(index) => self.indexed(*index, &value)?,
                Step::FromEnd(index) => self.indexed_from_end(*index, &value)?,
                _ => return Ok(Reached::Fork(at, value)),
            };
            match next {
                Some(next) => (at, value) = (at + 1, next),
                None => return Ok(Reached::Nothing),
            }
        }
    }

    fn named(&self, at: usize, name: &str, value: &Value<'a>) -> Result<Option<Value<'a>>, Miss> {
        let Value::Map(map) = value else { return self.miss(Miss::NotFound) };
        match self.heap.map(*map).named(name) {
            Some(value) => Ok(Some(value.clone())),
            // What Jayway takes for "may lead to several values" includes what comes after the name.
            None if !self.is_last(at) && self.last_open >= Some(at.saturating_sub(1)) => Ok(None),
            None => self.miss(Miss::NotFound),
        }
    }

    fn picked(
        &mut self,
        at: usize,
        names: &[Box<str>],
        value: &Value<'a>,
    ) -> Result<Option<Value<'a>>, Miss> {
        let Value::Map(map) = value else { return self.miss(Miss::NotFound) };
        if !self.is_last(at) {
            return self.miss(Miss::Unfit("several names are only possible at the end of a path"));
        }
        self.heap.meter.work(names.len() as u64)?;
        let picked = self.heap.make_map(MapKind::Map)?;
        for name in names {
            if let Some(value) = self.heap.map(*map).named(name).cloned() {
                let name = Value::String(Text::Shared((**name).into()));
                self.heap.put(picked, name, value)?;
            }
        }
        Ok(Some(Value::Map(picked)))
    }

    fn indexed(&self, index: i32, value: &Value<'a>) -> Result<Option<Value<'a>>, Miss> {
        match self.list(value)? {
            Some(list) => self.element(list, index),
            None => Ok(None),
        }
    }

    fn indexed_from_end(&self, index: i32, value: &Value<'a>) -> Result<Option<Value<'a>>, Miss> {
        let Some(list) = self.list(value)? else { return Ok(None) };
        let index = i64::from(index) + self.length(list);
        match usize::try_from(index).ok().and_then(|index| self.heap.list(list).get(index)) {
            Some(value) => Ok(Some(value.clone())),
            None => self.miss(Miss::NotFound),
        }
    }

    fn element(&self, list: ListId, index: i32) -> Result<Option<Value<'a>>, Miss> {
        let back = if index < 0 && self.mode == Mode::Lenient { self.length(list) } else { 0 };
        let index = usize::try_from(i64::from(index) + back).ok();
        match index.and_then(|index| self.heap.list(list).get(index)) {
            Some(value) => Ok(Some(value.clone())),
            None => self.miss(Miss::NotFound),
        }
    }

    fn list(&self, value: &Value<'a>) -> Result<Option<ListId>, Miss> {
        match value {
            Value::List(list) => Ok(Some(*list)),
            Value::Null => self.miss(Miss::NotFound),
            _ => self.miss(Miss::Unfit("an index can only be applied to an array")),
        }
    }

    fn fork(&mut self, at: usize, value: Value<'a>, depth: u32) -> Result<(), Miss> {
        match self.steps.get(at) {
            Some(Step::Every) => self.every(at, &value, depth),
            Some(Step::Indexes(indexes)) => {
                let Some(list) = self.list(&value)? else { return Ok(()) };
                indexes.iter().try_for_each(|index| self.enter(at, list, *index, depth))
            }
            Some(Step::Slice(slice)) => {
                let Some(list) = self.list(&value)? else { return Ok(()) };
                let (from, to) = slice.bounds(self.length(list));
                (from..to).try_for_each(|index| self.enter(at, list, index, depth))
            }
            Some(Step::Filter(filter)) => match value {
                Value::Map(_) => self.filtered(at, filter, value, depth),
                Value::List(list) => self.each(list, |walk, item| walk.filtered(at, filter, item, depth)),
                _ => {
                    self.miss::<()>(Miss::Unfit("a filter can only be applied to an object or an array"))?;
                    Ok(())
                }
            },
            Some(Step::Scan) => self.scan(at + 1, &value, depth),
            _ => Ok(()),
        }
    }

    fn filtered(&mut self, at: usize, filter: &Filter, item: Value<'a>, depth: u32) -> Result<(), Miss> {
        match filter.accepts(&item, self.root, self.mode, self.heap)? {
            true => self.walk(at + 1, item, depth),
            false => Ok(()),
        }
    }

    fn enter(&mut self, at: usize, list: ListId, index: i32, depth: u32) -> Result<(), Miss> {
        self.heap.meter.work(1)?;
        match self.element(list, index)? {
            Some(item) => self.walk(at + 1, item, depth),
            None => Ok(()),
        }
    }

    fn every(&mut self, at: usize, value: &Value<'a>, depth: u32) -> Result<(), Miss> {
        match value {
            Value::Map(map) => self.each_value(*map, |walk, value| walk.walk(at + 1, value, depth)),
            Value::List(list) => self.each(*list, |walk, item| match walk.walk(at + 1, item, depth) {
                Err(Miss::NotFound) => Ok(()),
                result => result,
            }),
            _ => Ok(()),
        }
    }

    /// Takes the step at `target` wherever it fits, from here to every depth.
    fn scan(&mut self, target: usize, value: &Value<'a>, depth: u32) -> Result<(), Miss> {
        self.heap.meter.descend(depth)?;
        self.heap.meter.work(1)?;
        match value {
            Value::Map(map) => {
                if self.is_target(target, value)? {
                    self.walk(target, value.clone(), depth + 1)?;
                }
                self.each_value(*map, |walk, value| walk.scan(target, &value, depth + 1))
            }
            Value::List(list) => {
                if self.is_target(target, value)? {
                    match self.is_last(target) {
                        true => self.walk(target, value.clone(), depth + 1)?,
                        // Jayway skips the step itself: `$..[2].author` finds all authors.
                        false => self.each(*list, |walk, item| walk.walk(target + 1, item, depth + 1))?,
                    }
                }
                self.each(*list, |walk, item| walk.scan(target, &item, depth + 1))
            }
            _ => Ok(()),
        }
    }

    fn is_target(&mut self, target: usize, value: &Value<'a>) -> Result<bool, Miss> {
        Ok(match (self.steps.get(target), value) {
            (Some(Step::Name(name)), Value::Map(map)) => self.heap.map(*map).named(name).is_some(),
            (Some(Step::Names(names)), Value::Map(map)) => {
                names.iter().all(|name| self.heap.map(*map).named(name).is_some())
            }
            (Some(Step::Every), _) => true,
            (Some(Step::Index(_) | Step::FromEnd(_) | Step::Indexes(_) | Step::Slice(_)), Value::List(_)) => {
                true
            }
            (Some(Step::Filter(filter)), _) => filter.accepts(value, self.root, self.mode, self.heap)?,
            _ => false,
        })
    }

    fn each(
        &mut self,
        list: ListId,
        mut visit: impl FnMut(&mut Self, Value<'a>) -> Result<(), Miss>,
    ) -> Result<(), Miss> {
        let mut place = 0;
        while let Some(item) = self.heap.list(list).get(place).cloned() {
            visit(self, item)?;
            place += 1;
        }
        Ok(())
    }

    fn each_value(
        &mut self,
        map: MapId,
        mut visit: impl FnMut(&mut Self, Value<'a>) -> Result<(), Miss>,
    ) -> Result<(), Miss> {
        let mut place = 0;
        while let Some((_, value)) = self.heap.map(map).entries().get(place).cloned() {
            visit(self, value)?;
            place += 1;
        }
        Ok(())
    }

    /// Passes over what does not fit, if that is allowed here.
    fn miss<T>(&self, miss: Miss) -> Result<Option<T>, Miss> {
        match self.mode {
            Mode::Lenient if self.last_open.is_some() => Ok(None),
            _ => Err(miss),
        }
    }

    fn is_last(&self, at: usize) -> bool {
        at + 1 >= self.steps.len()
    }

    fn length(&self, list: ListId) -> i64 {
        i64::try_from(self.heap.list(list).len()).unwrap_or(i64::MAX)
    }
}

impl Slice {
    /// The first index and the one after the last, in an array of this length.
    fn bounds(self, length: i64) -> (i32, i32) {
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        let from_end = |index: i32| if index < 0 { index.saturating_add(length) } else { index };
        match self {
            Slice::From(from) => (from_end(from).max(0), length),
            Slice::To(to) => (0, from_end(to).min(length)),
            Slice::Between(from, to) => (from.max(-length), to.min(length)),
        }
    }
}
