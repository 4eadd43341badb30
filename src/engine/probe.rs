//! A question of health: what an upstream is asked, which rules its answer meets, and which status is a healthy one.
//! For those who ask Candor and cannot read bodies themselves.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, StatusCode};

use super::pattern::Pattern;
use super::ruleset::RuleSet;

/// One question.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What it is called by those who ask.
    pub name: Arc<str>,
    /// Index of the upstream in the settings.
    pub upstream: usize,
    /// The rules for its answer; `None` leaves it alone.
    pub rule_set: Option<Arc<RuleSet>>,
    /// The method.
    pub method: Method,
    /// The path, with a query if it has one.
    pub path: PathAndQuery,
    /// The `Host`; `None` for the one of the upstream's URL.
    pub host: Option<HeaderValue>,
    /// Which statuses are healthy once the rules are through with the answer.
    pub healthy: Pattern,
    /// How long the answer may take, all of it that rules wait for.
    pub time_max: Duration,
    /// How long an answer is good for others who ask.
    pub fresh_for: Duration,
}

impl Probe {
    /// Whether this status is a healthy one.
    pub fn is_healthy(&self, status: StatusCode) -> bool {
        self.healthy.is_match(status.as_str())
    }
}
