//! Which headers an exchange may need that somebody else carries. Most rules read none or few, and what nobody reads
//! need not be copied.

use http::header::{self, HeaderName};

use super::headers::request_id::REQUEST_ID;
use crate::engine::RuleSet;
use crate::engine::route::HostPattern;
use crate::live::Snapshot;
use crate::telemetry::traces::{TRACEPARENT, TRACESTATE};

/// Names of requests that matter whatever the rules are: for the log and the spans.
const OF_REQUESTS: [HeaderName; 3] = [REQUEST_ID, TRACEPARENT, TRACESTATE];
/// The same of answers: whether a body is read and how, and which headers are the connection's.
const OF_ANSWERS: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
];

/// What exchanges may need under a configuration.
#[derive(Debug)]
pub struct Interest {
    /// Of requests.
    pub of_requests: Names,
    /// Of answers. What is to change there need not be known.
    pub of_answers: Names,
}

/// Names of headers.
#[derive(Debug)]
pub enum Names {
    /// Whatever there is.
    All,
    /// No others, and their marks.
    These(Vec<HeaderName>, Marks),
}

/// What some names leave of themselves, so that it can soon be told of most others that they are none of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marks(u128);

impl Interest {
    /// What exchanges under this configuration may need.
    pub fn of(snapshot: &Snapshot) -> Interest {
        let selection = snapshot.selection.as_ref();
        let selectable = selection.into_iter().flat_map(|selection| selection.allow.values().flatten());
        let of_routes = snapshot.routes.iter().filter_map(|route| route.rule_set.as_ref());
        let rule_sets: Vec<&RuleSet> = of_routes.chain(selectable).map(AsRef::as_ref).collect();
        let reads_requests = |rules: &&RuleSet| rules.reads_request_headers() || rules.reads_circumstances();
        let of_requests = (!rule_sets.iter().any(reads_requests)).then(|| {
            let selector = selection.map(|selection| &selection.header);
            let routed = snapshot.routes.iter().any(|route| route.host != HostPattern::Any);
            OF_REQUESTS.iter().chain(selector).chain(routed.then_some(&header::HOST)).cloned().collect()
        });
        let read: Option<Vec<&[HeaderName]>> =
            rule_sets.iter().map(|rules| rules.reads_answer_headers()).collect();
        let of_answers = read.map(|read| {
            let selector = selection.and_then(|selection| selection.upstream_header.as_ref());
            OF_ANSWERS.iter().chain(read.into_iter().flatten()).chain(selector).cloned().collect()
        });
        Interest { of_requests: Names::new(of_requests), of_answers: Names::new(of_answers) }
    }
}

impl Names {
    fn new(these: Option<Vec<HeaderName>>) -> Names {
        let Some(mut these) = these else { return Names::All };
        these.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        these.dedup();
        let mut marks = Marks::default();
        these.iter().for_each(|name| marks.insert(name.as_str().as_bytes()));
        Names::These(these, marks)
    }

    /// The name that is written so, in lower case, if it is one of them.
    #[inline]
    pub fn named(&self, name: &[u8]) -> Option<HeaderName> {
        match self {
            Names::All => HeaderName::from_bytes(name).ok(),
            Names::These(these, marks) if marks.may_be_of(name) => among(these, name),
            Names::These(..) => None,
        }
    }
}

fn among(these: &[HeaderName], name: &[u8]) -> Option<HeaderName> {
    these.iter().find(|known| known.as_str().as_bytes() == name).cloned()
}

impl Marks {
    /// Remembers a name.
    #[inline]
    pub fn insert(&mut self, name: &[u8]) {
        self.0 |= Marks::of(name);
    }

    /// Whether it may be one of those that were remembered; if not it is none.
    #[inline]
    pub fn may_be_of(self, name: &[u8]) -> bool {
        self.0 & Marks::of(name) != 0
    }

    /// A bit for each length, first and last letter, by numbers that tell the usual names of answers apart.
    #[inline]
    fn of(name: &[u8]) -> u128 {
        let letter = |letter: Option<&u8>| letter.copied().map(usize::from).unwrap_or_default();
        let sum = name.len() * 9 + letter(name.first()) * 45 + letter(name.last());
        1 << (sum % 128)
    }
}

#[cfg(test)]
mod tests;
