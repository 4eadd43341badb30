//! What is counted, each with all that it is counted by. Whoever wants fewer columns adds up.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use super::distribution::Distribution;
use super::links::Linked;
use crate::engine::outcome::{Bypass, Verdict};

/// Something that is counted. A status of 0 is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Exchanges.
    Exchanges {
        /// The route; empty where none was found.
        route: Arc<str>,
        /// What they were.
        of: Exchanges,
    },
    /// What rules did.
    Rule {
        /// The route.
        route: Arc<str>,
        /// `rule-set/rule`.
        rule: Arc<str>,
        /// What it did.
        role: Role,
        /// The upstream's status.
        from: u16,
        /// The client's status, or the one that a rule in shadow mode would have sent.
        to: u16,
    },
    /// Answers of an API that do not fit the model that their method declares.
    Misfit {
        /// The route.
        route: Arc<str>,
        /// The model.
        model: Arc<str>,
    },
    /// Requests that were sent again, or were not although a rule wanted it.
    Retries {
        /// The route.
        route: Arc<str>,
        /// Why, or why not.
        outcome: &'static str,
    },
    /// Exchanges that an upstream gave no whole answer to.
    Faults {
        /// The route.
        route: Arc<str>,
        /// The upstream.
        upstream: Arc<str>,
        /// The type of the error in RFC 9209, section 2.3.
        error: &'static str,
    },
}

/// Exchanges that have all of this in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exchanges {
    /// The upstream's status.
    pub from: u16,
    /// The client's status.
    pub to: u16,
    /// What was decided.
    pub decision: Decision,
    /// What was asked.
    pub verb: Verb,
    /// How they came in.
    pub door: Door,
}

/// A verdict without its names and numbers, of which there are only so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Nothing was decided: no answer came.
    None,
    /// The answer passed.
    Pass,
    /// It passed, and its body was not looked at although a rule would have.
    Bypass(Bypass),
    /// A rule changed it.
    Rewrite,
    /// No rule could be decided, for this reason.
    Undecided(&'static str),
    /// The rule that decided could not be carried out.
    Failed,
}

/// A method, as far as it is one that everybody knows (RFC 9110, section 9, and PATCH of RFC 5789): a client may make up
/// as many as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// The request could not be read.
    None,
    /// DELETE.
    Delete,
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
    /// PATCH.
    Patch,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// CONNECT.
    Connect,
    /// TRACE.
    Trace,
    /// Any other.
    Other,
}

/// How an exchange came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// Over HTTP, carried by Candor.
    Proxy,
    /// Carried by an Envoy that asks over gRPC.
    ExtProc,
    /// Carried by an Envoy that has Candor inside.
    EnvoyModule,
}

/// What a rule did with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It decided.
    Decided,
    /// It would have decided, in shadow mode.
    Shadow,
    /// It decided and could not be carried out.
    Failed,
}

/// Everything that was counted, of all workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often what happened.
    pub times: BTreeMap<Count, u64>,
    /// How long exchanges took, by route.
    pub durations: BTreeMap<Arc<str>, Durations>,
    /// Time that answers were held: buckets in microseconds, the sum in nanoseconds.
    pub hold_time: Distribution,
    /// Bytes of an answer that were held.
    pub hold_bytes: Distribution,
    /// Connections, by upstream.
    pub links: BTreeMap<Arc<str>, Linked>,
}

/// How long exchanges of a route took: buckets in microseconds, sums in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    /// To their end.
    pub total: Distribution,
    /// To the head of the upstream's answer.
    pub upstream: Distribution,
}

impl Decision {
    /// What a verdict comes to.
    pub fn of(verdict: Option<&Verdict>) -> Decision {
        match verdict {
            None => Decision::None,
            Some(Verdict::PassThrough { bypass: None }) => Decision::Pass,
            Some(Verdict::PassThrough { bypass: Some(bypass) }) => Decision::Bypass(*bypass),
            Some(Verdict::Rewrite { .. }) => Decision::Rewrite,
            Some(Verdict::Undecided { reason }) => Decision::Undecided(reason.kind()),
            Some(Verdict::Failed { .. }) => Decision::Failed,
        }
    }

    /// As logs have it, where a bypass passes; empty for [`Decision::None`].
    pub fn word(self) -> &'static str {
        match self {
            Decision::None => "",
            Decision::Pass | Decision::Bypass(_) => "pass",
            Decision::Rewrite => "rewrite",
            Decision::Undecided(_) => "undecided",
            Decision::Failed => "failed",
        }
    }
}

/// Whether an error came to light: the upstream called it fine, and the client was told otherwise.
pub fn hidden(from: u16, to: u16) -> bool {
    (200..400).contains(&from) && to >= 400
}

impl From<&Method> for Verb {
    fn from(method: &Method) -> Verb {
        match *method {
            Method::DELETE => Verb::Delete,
            Method::GET => Verb::Get,
            Method::HEAD => Verb::Head,
            Method::OPTIONS => Verb::Options,
            Method::PATCH => Verb::Patch,
            Method::POST => Verb::Post,
            Method::PUT => Verb::Put,
            Method::CONNECT => Verb::Connect,
            Method::TRACE => Verb::Trace,
            _ => Verb::Other,
        }
    }
}

impl Verb {
    /// As requests have it; `none` and `other` are none's.
    pub fn text(self) -> &'static str {
        match self {
            Verb::None => "none",
            Verb::Delete => "DELETE",
            Verb::Get => "GET",
            Verb::Head => "HEAD",
            Verb::Options => "OPTIONS",
            Verb::Patch => "PATCH",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Connect => "CONNECT",
            Verb::Trace => "TRACE",
            Verb::Other => "other",
        }
    }
}

impl Door {
    /// As metrics have it, and logs, which do not say where Candor carries the exchange itself.
    pub fn text(self) -> &'static str {
        match self {
            Door::Proxy => "proxy",
            Door::ExtProc => "ext_proc",
            Door::EnvoyModule => "envoy_module",
        }
    }
}

impl Durations {
    /// Adds the exchanges of another.
    pub fn merge(&mut self, other: &Durations) {
        self.total.merge(&other.total);
        self.upstream.merge(&other.upstream);
    }
}

impl Counts {
    /// Adds to one of them.
    pub(super) fn add(&mut self, count: Count, times: u64) {
        *self.times.entry(count).or_default() += times;
    }

    /// All that was counted one by one, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Count, u64)> {
        self.times.iter().map(|(count, times)| (count, *times))
    }
}
