//! The last exchanges of one worker, told one by one. Of answers that were changed, could not be decided or have
//! something to tell an operator more are kept than of those that passed, and of neither too many in a second: nobody
//! could read them, and a busy worker has better things to do.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Ended, lock};

/// How many are kept of those that are worth a look, and how many of them from one second.
const NOTABLE: Bounds = Bounds { kept: 400, per_second: 100 };

/// The same of those that just passed.
const PASSED: Bounds = Bounds { kept: 100, per_second: 25 };

struct Bounds {
    kept: usize,
    per_second: u32,
}

/// How much room there is in the second that is going on, for either kind. Only the worker knows.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    /// Since the start.
    second: u64,
    notable: u32,
    passed: u32,
}

impl Rooms {
    /// Takes some of it, if there is any.
    pub fn has_room(&mut self, is_notable: bool, second: u64) -> bool {
        if self.second != second {
            *self = Rooms { second, notable: 0, passed: 0 };
        }
        let (taken, bounds) = match is_notable {
            true => (&mut self.notable, NOTABLE),
            false => (&mut self.passed, PASSED),
        };
        let has_room = *taken < bounds.per_second;
        *taken += u32::from(has_room);
        has_room
    }
}

/// An exchange as it is told. No bodies and no query values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// When it began, in milliseconds since 1970.
    pub at: u64,
    /// The `X-Request-Id` on it.
    pub request_id: String,
    /// The trace of its `traceparent`.
    pub trace_id: Option<String>,
    /// The peer's address.
    pub client: String,
    /// The method; `None` where the request could not be read.
    pub method: Option<String>,
    /// The path, without the query.
    pub path: Option<String>,
    /// The route, or the resource of an API.
    pub route: Option<String>,
    /// Who was called.
    pub upstream: Option<String>,
    /// What the upstream said.
    pub upstream_status: Option<u16>,
    /// What the client got.
    pub status: Option<u16>,
    /// The rules in force.
    pub rule_set: Option<String>,
    /// `pass`, `rewrite`, `undecided`, `failed`.
    pub verdict: Option<&'static str>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why the body was bypassed, why nothing was decided, or what failed.
    pub reason: Option<String>,
    /// Rules in shadow mode that would have decided.
    pub shadows: Vec<SeenShadow>,
    /// How much of the body was held.
    pub held_bytes: Option<u64>,
    /// For how long.
    pub held_ms: Option<f64>,
    /// Until the head of the upstream's answer.
    pub upstream_ms: Option<f64>,
    /// Until the end.
    pub total_ms: f64,
    /// Body bytes sent to the client.
    pub sent_bytes: u64,
    /// How often the request was sent.
    pub attempts: u32,
    /// Whether an API has made the answer, and no rule was asked.
    pub by_api: bool,
    /// The integration response, in an API.
    pub integration_response: Option<String>,
    /// The gateway response, in an API.
    pub gateway_response: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether an operator should see it.
    pub alarming: bool,
    #[serde(skip)]
    number: u64,
}

impl Seen {
    /// What became of it in one word: the verdict, or what in an API comes to the same; `none` where there was no
    /// answer to decide about.
    pub fn word(&self) -> &'static str {
        match self.verdict {
            Some(verdict) => verdict,
            None if !self.by_api => "none",
            None if self.gateway_response.is_some() => "failed",
            // A mock answers by itself.
            None if self.upstream_status.is_none() || self.upstream_status == self.status => "pass",
            None => "rewrite",
        }
    }
}

/// What a rule in shadow mode would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenShadow {
    /// `rule-set/rule`.
    pub rule: String,
    /// The status it would have sent; `None` when it would have failed.
    pub status: Option<u16>,
}

/// How far somebody has read, worker by worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position(Vec<u64>);

impl Position {
    pub(super) fn new(of_workers: Vec<u64>) -> Position {
        Position(of_workers)
    }

    pub(super) fn of(&self, worker: usize) -> u64 {
        self.0.get(worker).copied().unwrap_or(0)
    }
}

/// The last exchanges of one worker.
#[derive(Debug, Default)]
pub(super) struct Recent {
    kept: Mutex<Kept>,
    not_kept: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    /// How many there have been.
    count: u64,
    notable: VecDeque<Arc<Seen>>,
    passed: VecDeque<Arc<Seen>>,
}

impl Recent {
    /// Keeps it, unless somebody is reading just now: the worker does not wait.
    pub fn keep(&self, ended: &Ended<'_>, is_notable: bool, at: SystemTime) {
        match self.kept.try_lock() {
            Ok(mut kept) => kept.keep(ended, is_notable, at),
            Err(_) => self.count_not_kept(),
        }
    }

    /// One more was not kept. Only the worker counts, so reading and writing need not be one step.
    pub fn count_not_kept(&self) {
        self.not_kept.store(self.not_kept.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Adds to `seen` what came after this number; says which the last number is.
    pub fn after(&self, number: u64, seen: &mut Vec<Arc<Seen>>) -> u64 {
        let kept = lock(&self.kept);
        let all = kept.notable.iter().chain(&kept.passed);
        seen.extend(all.filter(|seen| seen.number > number).cloned());
        kept.count
    }

    pub fn not_kept(&self) -> u64 {
        self.not_kept.load(Ordering::Relaxed)
    }
}

impl Kept {
    fn keep(&mut self, ended: &Ended<'_>, is_notable: bool, at: SystemTime) {
        let (ring, bounds) = match is_notable {
            true => (&mut self.notable, NOTABLE),
            false => (&mut self.passed, PASSED),
        };
        if ring.len() >= bounds.kept {
            ring.pop_front();
        }
        self.count += 1;
        ring.push_back(Arc::new(Seen::new(ended, at, self.count)));
    }
}

impl Seen {
    fn new(ended: &Ended<'_>, at: SystemTime, number: u64) -> Seen {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let shadows = ended.shadows.iter().map(|shadow| SeenShadow {
            rule: shadow.rule.to_string(),
            status: shadow.status.map(|status| status.as_u16()),
        });
        let since_1970 = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Seen {
            at: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
            request_id: ended.request_id.to_owned(),
            trace_id: own(ended.trace_id),
            client: ended.client.to_string(),
            method: own(ended.method),
            path: own(ended.path),
            route: own(ended.route),
            upstream: own(ended.upstream),
            upstream_status: ended.upstream_status,
            status: ended.status,
            rule_set: own(ended.rule_set),
            verdict: ended.verdict.map(|verdict| verdict.word()),
            rule: own(ended.verdict.and_then(|verdict| verdict.rule())),
            reason: ended.verdict.and_then(|verdict| verdict.reason()),
            shadows: shadows.collect(),
            held_bytes: ended.held.map(|(bytes, _)| bytes),
            held_ms: ended.held.map(|(_, time)| milliseconds(time)),
            upstream_ms: ended.upstream_time.map(milliseconds),
            total_ms: milliseconds(ended.took),
            sent_bytes: ended.sent_bytes,
            attempts: ended.attempts,
            by_api: ended.by_api,
            integration_response: own(ended.integration_response),
            gateway_response: own(ended.gateway_response),
            error: own(ended.error),
            alarming: ended.alarming,
            number,
        }
    }
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}
