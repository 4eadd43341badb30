//! The counters of one worker, by route: each a number that the worker alone adds to and others read. What is counted
//! for the first time is put up under a lock; from then on there is none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::count::{Count, Counts, Role, Word};
use super::latency::Histogram;
use super::{FastMap, lock};
use crate::engine::outcome::Shadow;

/// Routes that a worker tells apart; what comes after them is counted under the empty name.
const ROUTES_MAX: usize = 1024;

/// Counters that a route may have; what comes after them is not counted.
const COUNTERS_MAX: usize = 4096;

/// What the worker and its readers share.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    routes: Mutex<Vec<Arc<OfRoute>>>,
}

/// What is counted of one route.
#[derive(Debug)]
struct OfRoute {
    name: Arc<str>,
    took: Histogram,
    upstream: Histogram,
    counters: Mutex<Vec<Arc<Counter>>>,
}

#[derive(Debug)]
struct Counter {
    of: Kind,
    times: AtomicU64,
}

#[derive(Debug, Clone)]
enum Kind {
    Exchanges(Statuses, Word),
    Rule(Arc<str>, Role, Statuses),
    Undecided(&'static str),
    Misfit(Arc<str>),
}

/// The upstream's status and the client's.
pub(super) type Statuses = (u16, u16);

/// How the worker finds what is on its shelf.
#[derive(Debug, Default)]
pub(super) struct Own {
    routes: Vec<Route>,
    by_name: FastMap<Arc<str>, usize>,
    /// Where the last exchange was counted, which is often where the next is.
    last: usize,
}

/// The worker's way to what is counted of one route.
#[derive(Debug)]
pub(super) struct Route {
    shared: Arc<OfRoute>,
    /// There are so few of them that looking through them takes no longer than anything else.
    exchanges: Vec<(Statuses, Word, Arc<Counter>)>,
    undecided: Vec<(&'static str, Arc<Counter>)>,
    misfits: Vec<(Arc<str>, Arc<Counter>)>,
    /// By the address of the rule's name, which the counter keeps.
    rules: FastMap<(usize, Role, Statuses), Arc<Counter>>,
}

impl Own {
    /// The route of this name.
    pub fn route(&mut self, shelf: &Shelf, name: &str) -> Option<&mut Route> {
        if self.routes.get(self.last).is_none_or(|route| *route.shared.name != *name) {
            self.last = self.index(shelf, name);
        }
        self.routes.get_mut(self.last)
    }

    fn index(&mut self, shelf: &Shelf, name: &str) -> usize {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let is_full = self.routes.len() >= ROUTES_MAX && !name.is_empty();
        if is_full {
            return self.index(shelf, "");
        }
        let shared = Arc::new(OfRoute::new(name));
        lock(&shelf.routes).push(Arc::clone(&shared));
        let index = self.routes.len();
        self.by_name.insert(Arc::clone(&shared.name), index);
        self.routes.push(Route::new(shared));
        index
    }
}

impl Route {
    fn new(shared: Arc<OfRoute>) -> Route {
        let (exchanges, undecided, misfits) = (Vec::new(), Vec::new(), Vec::new());
        Route { shared, exchanges, undecided, misfits, rules: FastMap::default() }
    }

    /// An exchange has ended.
    pub fn exchange(&mut self, statuses: Statuses, verdict: Word) {
        let found = self.exchanges.iter().find(|(s, v, _)| (*s, *v) == (statuses, verdict));
        match found {
            Some((_, _, counter)) => counter.add(),
            None => {
                let counter = self.shared.put_up(Kind::Exchanges(statuses, verdict));
                self.exchanges.extend(counter.map(|counter| (statuses, verdict, counter)));
            }
        }
    }

    /// It took so many microseconds, to its end and to the head of the upstream's answer.
    pub fn took(&self, micros: u64, upstream: Option<u64>) {
        self.shared.took.add(micros);
        if let Some(micros) = upstream {
            self.shared.upstream.add(micros);
        }
    }

    /// No rule could decide about it.
    pub fn undecided(&mut self, reason: &'static str) {
        match self.undecided.iter().find(|(known, _)| *known == reason) {
            Some((_, counter)) => counter.add(),
            None => {
                let counter = self.shared.put_up(Kind::Undecided(reason));
                self.undecided.extend(counter.map(|counter| (reason, counter)));
            }
        }
    }

    /// The answer does not fit this model.
    pub fn misfit(&mut self, model: &str) {
        match self.misfits.iter().find(|(known, _)| **known == *model) {
            Some((_, counter)) => counter.add(),
            None => {
                let model: Arc<str> = model.into();
                let counter = self.shared.put_up(Kind::Misfit(Arc::clone(&model)));
                self.misfits.extend(counter.map(|counter| (model, counter)));
            }
        }
    }

    /// A rule did something.
    pub fn rule(&mut self, rule: &Arc<str>, role: Role, statuses: Statuses) {
        let key = (rule.as_ptr().addr(), role, statuses);
        match self.rules.get(&key) {
            Some(counter) => counter.add(),
            None => {
                let counter = self.shared.put_up(Kind::Rule(Arc::clone(rule), role, statuses));
                self.rules.extend(counter.map(|counter| (key, counter)));
            }
        }
    }

    /// A rule in shadow mode would have done something.
    pub fn shadow(&mut self, shadow: &Shadow, from: u16) {
        let to = shadow.status.map_or(0, |status| status.as_u16());
        self.rule(&shadow.rule, Role::Shadow, (from, to));
    }
}

impl OfRoute {
    fn new(name: &str) -> OfRoute {
        let (took, upstream) = (Histogram::default(), Histogram::default());
        OfRoute { name: name.into(), took, upstream, counters: Mutex::default() }
    }

    /// A counter for what is counted for the first time, now.
    fn put_up(&self, of: Kind) -> Option<Arc<Counter>> {
        let mut counters = lock(&self.counters);
        let counter = Arc::new(Counter { of, times: AtomicU64::new(1) });
        (counters.len() < COUNTERS_MAX).then(|| {
            counters.push(Arc::clone(&counter));
            counter
        })
    }
}

impl Counter {
    /// Nobody else writes to it, so reading and writing need not be one step.
    fn add(&self) {
        self.times.store(self.times.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

impl Shelf {
    /// Adds what is on it to `counts`.
    pub fn add_to(&self, counts: &mut Counts) {
        for of in lock(&self.routes).iter() {
            let route = || Arc::clone(&of.name);
            for (bucket, times) in of.took.buckets() {
                counts.add(Count::Took { route: route(), bucket }, times);
            }
            for (bucket, times) in of.upstream.buckets() {
                counts.add(Count::Upstream { route: route(), bucket }, times);
            }
            for counter in lock(&of.counters).iter() {
                counts.add(counter.of.clone().of(route()), counter.times.load(Ordering::Relaxed));
            }
        }
    }
}

impl Kind {
    fn of(self, route: Arc<str>) -> Count {
        match self {
            Kind::Exchanges((from, to), verdict) => Count::Exchanges { route, from, to, verdict },
            Kind::Rule(rule, role, (from, to)) => Count::Rule { route, rule, role, from, to },
            Kind::Undecided(reason) => Count::Undecided { route, reason },
            Kind::Misfit(model) => Count::Misfit { route, model },
        }
    }
}
