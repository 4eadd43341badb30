//! Where an upstream's requests go when there is more than one place for them, which of them one goes to, and when a
//! place that fails is left alone.

use std::time::Duration;

use http::uri::Scheme;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Node, Value};

use super::section::{Section, list, patience};
use super::upstream::UpstreamUrl;

/// Where an upstream is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Places {
    /// Where its URL says. A name is looked up for each connection.
    #[default]
    Url,
    /// At each of these, in the order written.
    Listed(Vec<UpstreamUrl>),
    /// At every address that the URL's name has, which is asked for again and again.
    Resolved {
        /// From one answer to the next question.
        every: Duration,
    },
}

/// Which endpoint a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Balance {
    /// Of two that are drawn, the one with fewer requests under way.
    #[default]
    LeastRequests,
    /// One after the other.
    RoundRobin,
}

/// When an endpoint is left alone because of what its answers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ejection {
    /// Failures one after the other; 5 unless set, `None` if they are not counted.
    pub consecutive: Option<u32>,
    /// Thousandths of the requests in a window that fail; 500 unless set, written `0.5`.
    pub ratio_thousandths: Option<u32>,
    /// Requests in a window before the ratio means anything; 20 unless set.
    pub min_requests: u64,
    /// How long failures are added up; 10 s unless set.
    pub window: Duration,
    /// How long the first time, and twice as long each further time; 10 s unless set.
    pub base_time: Duration,
    /// How long at most; 5 min unless set.
    pub max_time: Duration,
    /// Thousandths of the endpoints that may be out at one time; 500 unless set. One may always, and never the last.
    pub max_share_thousandths: u32,
}

impl Default for Ejection {
    fn default() -> Ejection {
        Ejection {
            consecutive: Some(5),
            ratio_thousandths: Some(500),
            min_requests: 20,
            window: Duration::from_secs(10),
            base_time: Duration::from_secs(10),
            max_time: Duration::from_secs(300),
            max_share_thousandths: 500,
        }
    }
}

impl Places {
    /// Whether requests may have a choice.
    pub fn are_several(&self) -> bool {
        !matches!(self, Places::Url)
    }

    /// `endpoints` or `resolve`.
    pub(super) fn read(
        upstream: Section<'_>,
        url: Option<&UpstreamUrl>,
        diagnostics: &mut Diagnostics,
    ) -> Places {
        let every = upstream.read("resolve", patience, diagnostics);
        if let Some(node) = upstream.given("resolve").filter(|_| url.is_some_and(|url| url.socket.is_some()))
        {
            diagnostics.error(&node.place, "`resolve` for a socket in the file system");
        }
        let Some(node) = upstream.given("endpoints") else {
            return every.map_or(Places::Url, |every| Places::Resolved { every });
        };
        if let Some(resolve) = upstream.given("resolve") {
            let wrong = Diagnostic::error("`resolve` beside `endpoints`").at(&resolve.place);
            diagnostics.push(wrong.help("`resolve` is for the one name of `url`; keep one of the two"));
        }
        let read = |node: &Node, found: &mut Diagnostics| {
            endpoint(node, url, found).map(|url| (url, node.place.clone()))
        };
        let Some(endpoints) = list(node, read, diagnostics) else { return Places::Url };
        if endpoints.is_empty() {
            diagnostics.error(&node.place, "`endpoints` is empty: requests would have nowhere to go");
        }
        let mut known: Vec<UpstreamUrl> = Vec::with_capacity(endpoints.len());
        for (url, place) in endpoints {
            let alike = known
                .first()
                .is_none_or(|first| first.scheme == url.scheme && first.base_path == url.base_path);
            if !alike {
                let wrong =
                    Diagnostic::error("endpoints of one upstream with different schemes or paths").at(&place);
                diagnostics.push(wrong.help("what differs in more than its place is another upstream"));
            } else if known.contains(&url) {
                diagnostics.error(&place, "the same endpoint twice");
            }
            known.push(url);
        }
        Places::Listed(known)
    }
}

/// `host:port`, with the rest as the upstream's URL has it, or a whole URL.
fn endpoint(node: &Node, url: Option<&UpstreamUrl>, diagnostics: &mut Diagnostics) -> Option<UpstreamUrl> {
    let text = node.text("an endpoint, `host:port`", diagnostics)?;
    if text.contains("://") || text.starts_with("unix:") {
        let read = UpstreamUrl::read(node, diagnostics)?;
        if let Some(url) = url.filter(|url| url.scheme != read.scheme || url.base_path != read.base_path) {
            let base = format!("{}://…{}", url.scheme, url.base_path);
            let wrong = Diagnostic::error(format!("an endpoint unlike the upstream's `url`, `{base}`"));
            diagnostics.push(wrong.at(&node.place).help("write `host:port` alone"));
            return None;
        }
        return Some(read);
    }
    let scheme = url.map_or(&Scheme::HTTP, |url| &url.scheme);
    let base_path = url.map_or("", |url| &url.base_path);
    let parsed = UpstreamUrl::parse(&format!("{scheme}://{text}{base_path}"));
    let parsed = parsed.ok().filter(|_| !text.contains(['/', '?', '#']));
    if parsed.is_none() {
        let wrong = Diagnostic::error(format!("`{text}` is not an endpoint")).at(&node.place);
        diagnostics.push(wrong.help("write `host:port`, or a URL"));
    }
    parsed
}

impl Balance {
    pub(super) fn read(upstream: Section<'_>, diagnostics: &mut Diagnostics) -> Option<Balance> {
        let words = [("least_requests", Balance::LeastRequests), ("round_robin", Balance::RoundRobin)];
        upstream.read("balance", |node, found| node.word("a choice of `balance`", &words, found), diagnostics)
    }
}

impl Ejection {
    /// `None` where it is `off`.
    pub(super) fn read(upstream: Section<'_>, diagnostics: &mut Diagnostics) -> Option<Ejection> {
        let default = Ejection::default();
        if upstream.given("ejection").and_then(Node::scalar_text) == Some("off") {
            return None;
        }
        let keys = ["consecutive", "ratio", "min_requests", "window", "base_time", "max_time", "max_share"];
        let section = upstream.section("ejection", &keys, diagnostics);
        let count = |key: &'static str| {
            move |node: &Node, found: &mut Diagnostics| {
                node.integer(&format!("`{key}`"), 1..=1_000_000, found)
            }
        };
        let share = |key: &'static str| move |node: &Node, found: &mut Diagnostics| share(key, node, found);
        let consecutive = section.read_or_off(
            "consecutive",
            default.consecutive.map(u64::from),
            count("consecutive"),
            diagnostics,
        );
        let base_time = section.read("base_time", patience, diagnostics).unwrap_or(default.base_time);
        let max_time = section.read("max_time", patience, diagnostics);
        if let Some(node) = section.given("max_time").filter(|_| max_time.is_some_and(|max| max < base_time))
        {
            diagnostics.error(&node.place, "`max_time` is shorter than `base_time`");
        }
        Some(Ejection {
            consecutive: consecutive.and_then(|count| u32::try_from(count).ok()),
            ratio_thousandths: section.read_or_off(
                "ratio",
                default.ratio_thousandths,
                share("ratio"),
                diagnostics,
            ),
            min_requests: section
                .read("min_requests", count("min_requests"), diagnostics)
                .unwrap_or(default.min_requests),
            window: section.read("window", patience, diagnostics).unwrap_or(default.window),
            base_time,
            max_time: max_time.unwrap_or(default.max_time.max(base_time)),
            max_share_thousandths: section
                .read("max_share", share("max_share"), diagnostics)
                .unwrap_or(default.max_share_thousandths),
        })
    }
}

/// A part of the whole, more than nothing, to the thousandth.
fn share(key: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<u32> {
    let text = node.text(&format!("`{key}`"), diagnostics)?;
    let share = text.parse::<f64>().ok().filter(|share| (0.001..=1.0).contains(share));
    if share.is_none() {
        let wrong = Diagnostic::error(format!("`{text}` is not a share")).at(&node.place);
        diagnostics.push(wrong.help("more than 0, and 1 at most: `0.5` is half"));
    }
    share.map(|share| (share * 1000.0).round() as u32)
}

/// Tells of settings that make a choice where there is none.
pub(super) fn check_choice(upstream: Section<'_>, places: &Places, diagnostics: &mut Diagnostics) {
    if places.are_several() {
        return;
    }
    for key in ["balance", "ejection"] {
        let Some(node) =
            upstream.given(key).filter(|node| matches!(node.value, Value::Map(_)) || key == "balance")
        else {
            continue;
        };
        let wrong = Diagnostic::error(format!("`{key}` for an upstream with one endpoint")).at(&node.place);
        diagnostics.push(wrong.help("list its `endpoints`, or have its name looked up again with `resolve`"));
    }
}
