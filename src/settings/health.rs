//! How an upstream's endpoints are asked whether they are well. What the answer says is for rules to tell, as with all
//! other answers.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Node, Value};
use crate::engine::pattern::{Extent, Pattern};

use super::section::{Section, patience};

/// The question, and what its answers mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is asked for, with `GET`.
    pub path: PathAndQuery,
    /// From one question to the next, give or take a tenth; 5 s unless set.
    pub interval: Duration,
    /// Until the answer is known; 1 s unless set.
    pub timeout: Duration,
    /// Good answers, one after the other, that make an endpoint healthy; 2 unless set.
    pub healthy: u32,
    /// Bad ones that make it unhealthy; 3 unless set.
    pub unhealthy: u32,
    /// The `Host` that is sent; unless set, that of the upstream's URL.
    pub host: Option<HeaderValue>,
    /// The statuses of good answers, when rules have had their say; every `2..` unless set.
    pub good: Statuses,
    /// The rule set that says what an answer really is.
    pub rules: Option<Arc<str>>,
}

/// Some statuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<u16>);

impl Statuses {
    /// Whether this is one of them.
    pub fn contains(&self, status: StatusCode) -> bool {
        self.0.binary_search(&status.as_u16()).is_ok()
    }

    fn successes() -> Statuses {
        Statuses((200..300).collect())
    }

    /// Those that a pattern fits as a whole.
    fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Statuses> {
        let text = node.text("a pattern for statuses", diagnostics)?;
        let pattern = match Pattern::parse(text, Extent::Whole) {
            Ok(pattern) => pattern,
            Err(error) => {
                diagnostics.error(&node.place, format!("pattern `{text}` {}", error.message));
                return None;
            }
        };
        let statuses: Vec<u16> =
            (100..1000).filter(|status: &u16| pattern.is_match(&status.to_string())).collect();
        if statuses.is_empty() {
            let wrong = Diagnostic::error(format!("no status matches `{text}`")).at(&node.place);
            diagnostics.push(wrong.help(r"the whole of it has to match: `2\d{2}`"));
            return None;
        }
        Some(Statuses(statuses))
    }
}

impl Health {
    /// The keys under `health`.
    pub const KEYS: [&str; 8] =
        ["path", "interval", "timeout", "healthy", "unhealthy", "host", "status", "rules"];

    pub(super) fn read(upstream: Section<'_>, diagnostics: &mut Diagnostics) -> Option<Health> {
        let node = upstream.given("health")?;
        let section = upstream.section("health", &Health::KEYS, diagnostics);
        let path = section.read("path", path, diagnostics);
        if matches!(node.value, Value::Map(_)) && section.given("path").is_none() {
            diagnostics.error(&node.place, "`health` needs `path`");
        }
        let mut count = |key: &str, default: u32| {
            let read =
                |node: &Node, found: &mut Diagnostics| node.integer(&format!("`{key}`"), 1..=1000, found);
            let count = section.read(key, read, diagnostics);
            count.and_then(|count| u32::try_from(count).ok()).unwrap_or(default)
        };
        let (healthy, unhealthy) = (count("healthy", 2), count("unhealthy", 3));
        let interval = section.read("interval", patience, diagnostics).unwrap_or(Duration::from_secs(5));
        let rules =
            section.read("rules", |node, found| node.text("the name of a rule set", found), diagnostics);
        Some(Health {
            interval,
            timeout: section.read("timeout", patience, diagnostics).unwrap_or(Duration::from_secs(1)),
            healthy,
            unhealthy,
            host: section.read("host", host, diagnostics),
            good: section.read("status", Statuses::read, diagnostics).unwrap_or_else(Statuses::successes),
            rules: rules.filter(|rules| *rules != "off").map(Arc::from),
            path: path?,
        })
    }
}

fn path(node: &Node, diagnostics: &mut Diagnostics) -> Option<PathAndQuery> {
    let text = node.text("a path", diagnostics)?;
    let path = text.parse().ok().filter(|_| text.starts_with('/'));
    if path.is_none() {
        let wrong = Diagnostic::error(format!("`{text}` is not a path")).at(&node.place);
        diagnostics.push(wrong.help("it begins with a slash: `/health`"));
    }
    path
}

fn host(node: &Node, diagnostics: &mut Diagnostics) -> Option<HeaderValue> {
    let text = node.text("a host", diagnostics)?;
    let authority =
        text.parse::<http::uri::Authority>().ok().filter(|authority| !authority.as_str().contains('@'));
    let host = authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if host.is_none() {
        diagnostics.error(&node.place, format!("`{text}` is not a host"));
    }
    host
}
