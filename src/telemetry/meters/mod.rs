//! What is counted of all exchanges, and kept of the last: always on, and so cheap that nobody has a reason to switch
//! it off.
//!
//! Every worker has a [`Meter`] of its own and is the only one that writes to it, so that no exchange waits for
//! another. [`Meters`] reads them all and adds up when somebody asks.

mod count;
mod distribution;
mod links;
mod recent;
mod shelf;
pub mod source;
mod under_way;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use super::traces::Traces;
use crate::engine::outcome::{Shadow, Verdict};

pub use count::{Count, Counts, Decision, Door, Durations, Exchanges, Role, Verb, hidden};
pub use distribution::Distribution;
pub use links::{Link, Linked, Links};
pub use recent::{Position, Seen};
pub use source::{Family, Samples, Source};

use recent::{Recent, Rooms};
use shelf::Shelf;
use source::Sources;
use under_way::UnderWay;

/// All that is counted and kept, for those who ask. Clones see the same.
#[derive(Debug, Clone)]
pub struct Meters(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The same moment on two clocks, so that an exchange need not look at the second.
    since: (Instant, SystemTime),
    workers: Mutex<Vec<Arc<Worker>>>,
    sources: Mutex<Sources>,
    tallies: Mutex<Vec<Tally>>,
    traces: OnceLock<Traces>,
}

/// What one worker has counted and kept.
#[derive(Debug, Default)]
struct Worker {
    shelf: Shelf,
    recent: Recent,
    links: Mutex<BTreeMap<Arc<str>, Arc<Links>>>,
    under_way: UnderWay,
}

/// A counter of something rare, and what it is called.
#[derive(Debug)]
struct Tally {
    family: &'static Family,
    labels: Vec<(&'static str, String)>,
    count: Arc<AtomicU64>,
}

/// A worker's end of it.
#[derive(Debug)]
pub struct Meter {
    worker: Arc<Worker>,
    own: RefCell<shelf::Own>,
    rooms: RefCell<Rooms>,
    is_heard: bool,
    since: (Instant, SystemTime),
    traces: Option<Traces>,
}

/// What is counted of an exchange that has ended.
#[derive(Debug)]
pub struct Counted<'a> {
    /// The route, or the resource of an API; empty where none was found.
    pub route: &'a str,
    /// What the upstream said and what the client got; 0 is none.
    pub statuses: (u16, u16),
    /// What was decided.
    pub verdict: Option<&'a Verdict>,
    /// What was asked.
    pub verb: Verb,
    /// How it came in.
    pub door: Door,
    /// Rules in shadow mode that would have decided.
    pub shadows: &'a [Shadow],
    /// The model that the answer does not fit.
    pub misfit: Option<&'a str>,
    /// How much of the body was held, and for how long.
    pub held: Option<(u64, Duration)>,
    /// What there is to count of tries after the first.
    pub retries: &'a [&'static str],
    /// The upstream that gave no whole answer, and the type of its error (RFC 9209, section 2.3).
    pub fault: Option<(&'a str, &'static str)>,
    /// From its begin to its end.
    pub took: Duration,
    /// From its begin to the head of the upstream's answer.
    pub upstream_time: Option<Duration>,
}

/// What there is to tell of an exchange that has ended. No bodies and no query values.
#[derive(Debug)]
pub struct Ended<'a> {
    /// The `X-Request-Id` on it.
    pub request_id: &'a str,
    /// The trace of its `traceparent`.
    pub trace_id: Option<&'a str>,
    /// From then to its end.
    pub took: Duration,
    /// From then to the head of the upstream's answer.
    pub upstream_time: Option<Duration>,
    /// The peer's address.
    pub client: IpAddr,
    /// `None` where the request could not be read.
    pub method: Option<&'a str>,
    /// Without the query.
    pub path: Option<&'a str>,
    /// The route, or the resource of an API.
    pub route: Option<&'a str>,
    /// Who was called.
    pub upstream: Option<&'a str>,
    /// The rules in force.
    pub rule_set: Option<&'a str>,
    /// What the upstream said.
    pub upstream_status: Option<u16>,
    /// What the client got.
    pub status: Option<u16>,
    /// What was decided.
    pub verdict: Option<&'a Verdict>,
    /// Rules in shadow mode that would have decided.
    pub shadows: &'a [Shadow],
    /// How much of the body was held, and for how long.
    pub held: Option<(u64, Duration)>,
    /// Body bytes sent to the client.
    pub sent_bytes: u64,
    /// How often the request was sent.
    pub attempts: u32,
    /// Whether an API has made the answer.
    pub by_api: bool,
    /// The integration response, in an API.
    pub integration_response: Option<&'a str>,
    /// The gateway response, in an API.
    pub gateway_response: Option<&'a str>,
    /// What went wrong.
    pub error: Option<&'a str>,
    /// Whether an operator should see it.
    pub alarming: bool,
}

impl Meters {
    /// Nothing yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "when exchanges began is told to people; nothing is decided by it"
    )]
    pub fn start() -> Meters {
        Meters::since_moment((Instant::now(), SystemTime::now()))
    }

    fn since_moment(since: (Instant, SystemTime)) -> Meters {
        Meters(Arc::new(Shared {
            since,
            workers: Mutex::default(),
            sources: Mutex::default(),
            tallies: Mutex::default(),
            traces: OnceLock::new(),
        }))
    }

    /// The end of a new worker. What it counts is kept for as long as the sidecar runs, so a thread has one for good.
    pub fn meter(&self) -> Meter {
        let worker = Arc::new(Worker::default());
        lock(&self.0.workers).push(Arc::clone(&worker));
        let traces = self.0.traces.get().cloned();
        let (own, rooms) = (RefCell::default(), RefCell::default());
        Meter { worker, own, rooms, is_heard: true, since: self.0.since, traces }
    }

    /// Spans of exchanges go there, of workers that begin from now on.
    pub(super) fn trace_to(&self, traces: Traces) {
        // A sidecar starts its traces once; who came first is as good as who came later.
        let _ = self.0.traces.set(traces);
    }

    /// Asks this one, too, when metrics are asked for, from now on.
    pub fn listen_to(&self, source: Arc<dyn Source>) {
        lock(&self.0.sources).add(source);
    }

    /// The same for what does not live as long as the sidecar, such as what belongs to one configuration.
    pub fn listen_while_it_lives(&self, source: Weak<dyn Source>) {
        lock(&self.0.sources).add_mortal(source);
    }

    /// A counter of something that is too rare to be counted by each worker for itself. Who asks for the same gets the
    /// same, also after a change of the configuration.
    pub fn tally(&self, family: &'static Family, labels: &[(&'static str, &str)]) -> Arc<AtomicU64> {
        let mut tallies = lock(&self.0.tallies);
        let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        if let Some(known) = tallies.iter().find(|tally| tally.family == family && tally.labels == labels) {
            return Arc::clone(&known.count);
        }
        let count = Arc::default();
        tallies.push(Tally { family, labels, count: Arc::clone(&count) });
        count
    }

    /// What everybody who was listened to has to say, and the tallies.
    pub fn tell(&self, samples: &mut Samples) {
        let sources = lock(&self.0.sources).living();
        sources.iter().for_each(|source| source.tell(samples));
        for Tally { family, labels, count } in lock(&self.0.tallies).iter() {
            let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            samples.add(family, &labels, count.load(Relaxed) as f64);
        }
    }

    /// Since when it is counted.
    pub fn since(&self) -> SystemTime {
        self.0.since.1
    }

    /// What all workers have counted.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for worker in lock(&self.0.workers).iter() {
            worker.shelf.add_to(&mut counts);
            for (upstream, links) in lock(&worker.links).iter() {
                let linked = counts.links.entry(Arc::clone(upstream)).or_default();
                *linked = linked.and(links.now());
            }
        }
        counts
    }

    /// The exchanges that are kept and come after `position`, the newest last, and the position after them.
    pub fn recent(&self, position: &Position) -> (Vec<Arc<Seen>>, Position) {
        let mut seen = Vec::new();
        let workers = lock(&self.0.workers);
        let after = workers
            .iter()
            .enumerate()
            .map(|(index, worker)| worker.recent.after(position.of(index), &mut seen));
        let after = Position::new(after.collect());
        seen.sort_by_key(|seen| seen.at);
        (seen, after)
    }

    /// The last kept exchange with this id.
    pub fn find(&self, request_id: &str) -> Option<Arc<Seen>> {
        let (seen, _) = self.recent(&Position::default());
        seen.into_iter().rev().find(|seen| seen.request_id == request_id)
    }

    /// Exchanges that have begun and not ended.
    pub fn under_way(&self) -> usize {
        lock(&self.0.workers).iter().map(|worker| worker.under_way.now()).sum()
    }

    /// Exchanges that were counted and not kept, because there were too many in a second.
    pub fn not_kept(&self) -> u64 {
        lock(&self.0.workers).iter().map(|worker| worker.recent.not_kept()).sum()
    }
}

impl Meter {
    /// One that counts nothing, where nobody could ask for it.
    pub fn unheard() -> Meter {
        Meter { is_heard: false, ..Meters::start().meter() }
    }

    /// Where spans of the worker's exchanges go, if anywhere.
    pub fn traces(&self) -> Option<&Traces> {
        self.traces.as_ref()
    }

    /// Another configuration is in force: rules are counted on by their names.
    pub fn forget_rules(&self) {
        self.own.borrow_mut().forget_rules();
    }

    /// An exchange begins, whose end is told by [`end`](Self::end).
    pub fn begin(&self) {
        self.worker.under_way.begin();
    }

    /// One that has begun is over.
    pub fn end(&self) {
        self.worker.under_way.end();
    }

    /// Counts an exchange.
    pub fn count(&self, counted: &Counted<'_>) {
        if !self.is_heard {
            return;
        }
        let mut own = self.own.borrow_mut();
        let Some(route) = own.route(&self.worker.shelf, counted.route) else { return };
        let statuses @ (from, to) = counted.statuses;
        let Counted { verb, door, .. } = *counted;
        route.exchange(Exchanges { from, to, decision: Decision::of(counted.verdict), verb, door });
        route.took(counted.took, counted.upstream_time);
        match counted.verdict {
            Some(Verdict::Rewrite { rule }) => route.rule(rule, Role::Decided, statuses),
            Some(Verdict::Failed { rule, .. }) => route.rule(rule, Role::Failed, statuses),
            Some(Verdict::PassThrough { .. } | Verdict::Undecided { .. }) | None => {}
        }
        for shadow in counted.shadows {
            route.shadow(shadow, from);
        }
        if let Some(model) = counted.misfit {
            route.misfit(model);
        }
        for outcome in counted.retries {
            route.retry(outcome);
        }
        if let Some((upstream, error)) = counted.fault {
            route.fault(upstream, error);
        }
        if let Some((bytes, time)) = counted.held {
            self.worker.shelf.held(bytes, time);
        }
    }

    /// Where the worker's connections to this upstream are counted.
    pub fn links(&self, upstream: &Arc<str>) -> Arc<Links> {
        Arc::clone(lock(&self.worker.links).entry(Arc::clone(upstream)).or_default())
    }

    /// Keeps what there is to tell of an exchange that began and took so, unless there are too many in a second.
    pub fn keep<'e>(
        &self,
        is_notable: bool,
        began: Instant,
        took: Duration,
        told: impl FnOnce() -> Ended<'e>,
    ) {
        if !self.is_heard {
            return;
        }
        let since_start = began.saturating_duration_since(self.since.0);
        let second = (since_start + took).as_secs();
        if self.rooms.borrow_mut().has_room(is_notable, second) {
            self.worker.recent.keep(&told(), is_notable, self.since.1 + since_start);
        } else {
            self.worker.recent.count_not_kept();
        }
    }
}

/// Somebody who panicked has left nothing half done: everything under these locks is one push.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Fast = foldhash::fast::RandomState;
type FastMap<K, V> = HashMap<K, V, Fast>;

#[cfg(test)]
mod tests;
