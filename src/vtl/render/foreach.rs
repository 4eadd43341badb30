//! `#foreach`: what it goes through, and the variables of its turns.

use super::super::ast::Foreach;
use super::super::fault::Fault;
use super::super::heap::{CursorId, Heap, ListId, LoopId, MapId};
use super::super::value::{Value, View};
use super::{Halt, Renderer, Slot};

impl<'a> Renderer<'_, 'a> {
    pub(super) fn foreach(&mut self, foreach: &'a Foreach, out: &mut String) -> Result<(), Halt> {
        let source = self.value(&foreach.source)?;
        let Some(walk) = Walk::new(&source, self.heap) else { return Ok(()) };
        let variables = [Some(foreach.element), self.template.counter(), self.template.has_next()];
        let saved = variables.map(|variable| self.saved(variable));
        let scope = self.open_scope()?;
        let outcome = self.turns(foreach, walk, scope.as_ref().map(|scope| scope.id), out);
        for (variable, slot) in saved.into_iter().flatten() {
            self.put(variable, slot);
        }
        if let Some(scope) = &scope {
            self.close_scope(scope);
        }
        match outcome {
            Err(Halt::Break(None)) => Ok(()),
            Err(Halt::Break(Some(id))) if scope.is_some_and(|scope| scope.id == id) => Ok(()),
            outcome => outcome,
        }
    }

    fn turns(
        &mut self,
        foreach: &'a Foreach,
        mut walk: Walk,
        scope: Option<LoopId>,
        out: &mut String,
    ) -> Result<(), Halt> {
        for turn in 0..self.heap.meter.limits().loop_turns {
            if !walk.has_next(self.heap) {
                break;
            }
            self.heap.meter.work(1)?;
            let element = walk.next(self.heap)?;
            let follows = walk.has_next(self.heap);
            if let Some(counter) = self.template.counter() {
                self.assign(counter, Value::Integer(i32::try_from(turn + 1).unwrap_or(i32::MAX)));
            }
            if let Some(has_next) = self.template.has_next() {
                self.assign(has_next, Value::Boolean(follows));
            }
            self.assign(foreach.element, element);
            if let Some(state) = scope.and_then(|id| self.heap.run_mut(id)) {
                state.index = turn as usize;
                state.has_next = follows;
            }
            self.body(&foreach.body, out)?;
        }
        Ok(())
    }

    /// A variable as it is before the loop.
    fn saved(&self, variable: Option<usize>) -> Option<(usize, Slot<'a>)> {
        let variable = variable?;
        match self.slots.get(variable)? {
            Slot::Present(Value::Null) => Some((variable, Slot::Absent)),
            slot => Some((variable, slot.clone())),
        }
    }

    /// Makes `$foreach`, where the template mentions it.
    fn open_scope(&mut self) -> Result<Option<Scope<'a>>, Fault> {
        let Some(variable) = self.template.scope() else { return Ok(None) };
        let (parent, replaced) = match self.variable(variable)? {
            Value::Loop(parent) => (Some(parent), Value::Null),
            other => (None, other),
        };
        let id = self.heap.make_loop(parent)?;
        self.assign(variable, Value::Loop(id));
        Ok(Some(Scope { id, variable, replaced }))
    }

    /// Puts back what `$foreach` was, unless the template has made something else of it.
    fn close_scope(&mut self, scope: &Scope<'a>) {
        let Some(Slot::Present(Value::Loop(id))) = self.slots.get(scope.variable) else { return };
        let slot = match (self.heap.run(*id).parent, &scope.replaced) {
            (Some(parent), _) => Slot::Present(Value::Loop(parent)),
            (None, Value::Null) => Slot::Absent,
            (None, replaced) => Slot::Present(replaced.clone()),
        };
        self.put(scope.variable, slot);
    }
}

/// `$foreach` of one loop.
struct Scope<'a> {
    id: LoopId,
    variable: usize,
    /// What `$foreach` was, if no loop.
    replaced: Value<'a>,
}

/// What is gone through, and how far that has come. As in Java, what changes on the way is noticed at the next step.
struct Walk {
    over: Over,
    taken: usize,
    /// `modCount` at the start.
    changes: u32,
    /// Whether the entry after the one taken was there when it was taken. (Only maps look ahead.)
    follows: bool,
}

enum Over {
    List(ListId),
    Map(MapId, View),
    Cursor(CursorId),
}

impl Walk {
    /// Nothing for what cannot be gone through.
    fn new(source: &Value<'_>, heap: &mut Heap<'_>) -> Option<Walk> {
        let (over, changes) = match source {
            Value::List(id) => (Over::List(*id), heap.list_changes(*id)),
            Value::View(id, view) => (Over::Map(*id, *view), heap.map(*id).changes),
            Value::Map(id) => (Over::Map(*id, View::Values), heap.map(*id).changes),
            Value::Loop(id) => {
                let added = heap.run(*id).added?;
                (Over::Map(added, View::Values), heap.map(added).changes)
            }
            Value::Cursor(id) => (Over::Cursor(*id), 0),
            _ => return None,
        };
        let follows = matches!(over, Over::Map(id, _) if !heap.map(id).is_empty());
        Some(Walk { over, taken: 0, changes, follows })
    }

    fn has_next(&self, heap: &mut Heap<'_>) -> bool {
        match self.over {
            Over::List(id) => self.taken != heap.list(id).len(),
            Over::Map(..) => self.follows,
            Over::Cursor(id) => heap.cursor_mut(id).is_some_and(|cursor| cursor.taken < cursor.items.len()),
        }
    }

    fn next<'a>(&mut self, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        let place = self.taken;
        self.taken += 1;
        match self.over {
            Over::List(id) => match heap.list(id).get(place).cloned() {
                Some(item) if heap.list_changes(id) == self.changes => Ok(item),
                _ => Err(changed("list")),
            },
            Over::Map(id, view) => {
                if heap.map(id).changes != self.changes {
                    return Err(changed("map"));
                }
                let entries = heap.map(id).entries();
                let entry = entries.get(place).cloned();
                self.follows = entries.len() > self.taken;
                let (key, value) = entry.ok_or_else(|| changed("map"))?;
                match view {
                    View::Keys => Ok(key),
                    View::Values => Ok(value),
                    View::Entries => heap.make_pair(key, value),
                }
            }
            Over::Cursor(id) => {
                let item = heap.cursor_mut(id).and_then(|cursor| {
                    let item = cursor.items.get(cursor.taken).cloned();
                    cursor.taken += 1;
                    item
                });
                Ok(item.unwrap_or(Value::Null))
            }
        }
    }
}

fn changed(what: &str) -> Fault {
    Fault::thrown(format!("the {what} that `#foreach` goes through has changed its length"))
}
