//! The counters of one worker, by route: each a number that the worker alone adds to and others read. What is counted
//! for the first time is put up under a lock; from then on there is none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::count::{Count, Counts, Exchanges, Role};
use super::distribution::Histogram;
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
    hold_time: Histogram,
    hold_bytes: Histogram,
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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Exchanges(Exchanges),
    Rule(Arc<str>, Role, Statuses),
    Misfit(Arc<str>),
    Retries(&'static str),
    Faults(Arc<str>, &'static str),
}

/// The upstream's status and the client's.
pub(super) type Statuses = (u16, u16);

/// A rule's name and its counter.
type OfRule = (Arc<str>, Arc<Counter>);

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
    exchanges: FastMap<Exchanges, Arc<Counter>>,
    /// What the last exchange was, which is often what the next is.
    last: Option<(Exchanges, Arc<Counter>)>,
    /// By the address of the rule's name, which stays what it is as long as it is kept here.
    rules: FastMap<(usize, Role, Statuses), OfRule>,
    /// There are so few of these that looking through them takes no longer than anything else.
    misfits: Vec<(Arc<str>, Arc<Counter>)>,
    retries: Vec<(&'static str, Arc<Counter>)>,
    faults: Vec<(Arc<str>, &'static str, Arc<Counter>)>,
}

impl Own {
    /// The route of this name.
    pub fn route(&mut self, shelf: &Shelf, name: &str) -> Option<&mut Route> {
        if self.routes.get(self.last).is_none_or(|route| *route.shared.name != *name) {
            self.last = self.index(shelf, name);
        }
        self.routes.get_mut(self.last)
    }

    /// Another configuration is in force.
    pub fn forget_rules(&mut self) {
        self.routes.iter_mut().for_each(Route::forget_rules);
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
        let (misfits, retries, faults) = (Vec::new(), Vec::new(), Vec::new());
        let (exchanges, rules) = (FastMap::default(), FastMap::default());
        Route { shared, exchanges, last: None, rules, misfits, retries, faults }
    }

    /// An exchange has ended.
    pub fn exchange(&mut self, of: Exchanges) {
        if let Some((_, counter)) = self.last.as_ref().filter(|(last, _)| *last == of) {
            return counter.add();
        }
        let counter = match self.exchanges.get(&of) {
            Some(counter) => {
                counter.add();
                Some(Arc::clone(counter))
            }
            None => {
                let counter = self.shared.put_up(Kind::Exchanges(of));
                self.exchanges.extend(counter.clone().map(|counter| (of, counter)));
                counter
            }
        };
        self.last = counter.map(|counter| (of, counter));
    }

    /// It took so long, to its end and to the head of the upstream's answer.
    pub fn took(&self, time: Duration, upstream: Option<Duration>) {
        self.shared.took.add_time(time);
        if let Some(time) = upstream {
            self.shared.upstream.add_time(time);
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

    /// The request was sent again, or was not.
    pub fn retry(&mut self, outcome: &'static str) {
        match self.retries.iter().find(|(known, _)| *known == outcome) {
            Some((_, counter)) => counter.add(),
            None => {
                let counter = self.shared.put_up(Kind::Retries(outcome));
                self.retries.extend(counter.map(|counter| (outcome, counter)));
            }
        }
    }

    /// The upstream gave no whole answer.
    pub fn fault(&mut self, upstream: &str, error: &'static str) {
        match self.faults.iter().find(|(name, known, _)| *known == error && **name == *upstream) {
            Some((_, _, counter)) => counter.add(),
            None => {
                let upstream: Arc<str> = upstream.into();
                let counter = self.shared.put_up(Kind::Faults(Arc::clone(&upstream), error));
                self.faults.extend(counter.map(|counter| (upstream, error, counter)));
            }
        }
    }

    /// A rule did something.
    pub fn rule(&mut self, rule: &Arc<str>, role: Role, statuses: Statuses) {
        let key = (rule.as_ptr().addr(), role, statuses);
        match self.rules.get(&key) {
            Some((_, counter)) => counter.add(),
            None => {
                let counter = self.shared.put_up_once(Kind::Rule(Arc::clone(rule), role, statuses));
                self.rules.extend(counter.map(|counter| (key, (Arc::clone(rule), counter))));
            }
        }
    }

    /// Rules of the same names come from another configuration now, and are counted on.
    fn forget_rules(&mut self) {
        self.rules.clear();
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

    /// The counter of something that may have been counted before, under another configuration; it is counted now.
    fn put_up_once(&self, of: Kind) -> Option<Arc<Counter>> {
        let known = lock(&self.counters).iter().find(|counter| counter.of == of).map(Arc::clone);
        match known {
            Some(counter) => {
                counter.add();
                Some(counter)
            }
            None => self.put_up(of),
        }
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
    /// So much of an answer was held for so long.
    pub fn held(&self, bytes: u64, time: Duration) {
        self.hold_bytes.add_bytes(bytes);
        self.hold_time.add_time(time);
    }

    /// Adds what is on it to `counts`.
    pub fn add_to(&self, counts: &mut Counts) {
        self.hold_time.add_to(&mut counts.hold_time);
        self.hold_bytes.add_to(&mut counts.hold_bytes);
        for of in lock(&self.routes).iter() {
            let durations = counts.durations.entry(Arc::clone(&of.name)).or_default();
            of.took.add_to(&mut durations.total);
            of.upstream.add_to(&mut durations.upstream);
            for counter in lock(&of.counters).iter() {
                let count = counter.of.clone().of(Arc::clone(&of.name));
                counts.add(count, counter.times.load(Ordering::Relaxed));
            }
        }
    }
}

impl Kind {
    fn of(self, route: Arc<str>) -> Count {
        match self {
            Kind::Exchanges(of) => Count::Exchanges { route, of },
            Kind::Rule(rule, role, (from, to)) => Count::Rule { route, rule, role, from, to },
            Kind::Misfit(model) => Count::Misfit { route, model },
            Kind::Retries(outcome) => Count::Retries { route, outcome },
            Kind::Faults(upstream, error) => Count::Faults { route, upstream, error },
        }
    }
}
