//! The counters of one worker: each a number of its own that the worker adds to and others read. What is counted for
//! the first time is put up under a lock; from then on there is none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::count::{Count, Counts};
use super::{FastMap, NAMES_MAX, lock};

/// Counters that a worker may have; what comes after them is not counted.
const COUNTERS_MAX: usize = 32 << 10;

/// The index of a name.
pub(super) type NameId = u16;

/// What the worker and its readers share.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    names: Mutex<Vec<Arc<str>>>,
    counters: Mutex<Vec<Arc<Counter>>>,
}

#[derive(Debug)]
struct Counter {
    of: Count<NameId>,
    times: AtomicU64,
}

/// How the worker finds what is on its shelf.
#[derive(Debug, Default)]
pub(super) struct Own {
    names: FastMap<Arc<str>, NameId>,
    counters: FastMap<Count<NameId>, Arc<Counter>>,
}

impl Own {
    /// The index of a name.
    pub fn name(&mut self, shelf: &Shelf, name: &str) -> NameId {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        if self.names.len() >= NAMES_MAX {
            return NameId::MAX;
        }
        let name: Arc<str> = name.into();
        let mut names = lock(&shelf.names);
        let id = NameId::try_from(names.len()).unwrap_or(NameId::MAX);
        names.push(Arc::clone(&name));
        self.names.insert(name, id);
        id
    }

    /// Adds to a counter. Nobody else writes to it, so reading and writing need not be one step.
    pub fn add(&mut self, shelf: &Shelf, count: Count<NameId>, times: u64) {
        if let Some(counter) = self.counters.get(&count) {
            let before = counter.times.load(Ordering::Relaxed);
            return counter.times.store(before + times, Ordering::Relaxed);
        }
        if self.counters.len() < COUNTERS_MAX {
            let counter = Arc::new(Counter { of: count, times: AtomicU64::new(times) });
            lock(&shelf.counters).push(Arc::clone(&counter));
            self.counters.insert(count, counter);
        }
    }
}

impl Shelf {
    /// Adds what is on it to `counts`.
    pub fn add_to(&self, counts: &mut Counts) {
        let counters = lock(&self.counters).clone();
        // Names are put up before what is counted by them.
        let names = lock(&self.names).clone();
        let name = |id: NameId| names.get(usize::from(id)).cloned().unwrap_or_default();
        for counter in counters {
            counts.add(counter.of.map(name), counter.times.load(Ordering::Relaxed));
        }
    }
}
