//! When the configuration is read again without being asked for.

use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;

use super::section::{Section, time};

/// Looking more often would only cost.
const POLL_MIN: Duration = Duration::from_millis(10);

/// Whether and how often files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// Whether a file that has changed has the configuration read again; yes unless set.
    pub watch: bool,
    /// The time between two looks at the files; 1 s unless set.
    pub poll: Duration,
}

impl Default for Reload {
    fn default() -> Reload {
        Reload { watch: true, poll: Duration::from_secs(1) }
    }
}

impl Reload {
    pub(super) fn read(top: Section<'_>, diagnostics: &mut Diagnostics) -> Reload {
        let default = Reload::default();
        let section = top.section("reload", &["watch", "poll"], diagnostics);
        let choices = [("on", true), ("off", false)];
        let watch = |node: &Node, found: &mut Diagnostics| node.word("a choice of `watch`", &choices, found);
        Reload {
            watch: section.read("watch", watch, diagnostics).unwrap_or(default.watch),
            poll: section.read("poll", poll, diagnostics).unwrap_or(default.poll),
        }
    }
}

fn poll(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let poll = time(node, diagnostics)?;
    if poll < POLL_MIN {
        let wrong = Diagnostic::error("files cannot be looked at more than every 10 ms").at(&node.place);
        diagnostics.push(wrong.help("`1s` is often enough; `reload.watch: off` if they should not be"));
        return None;
    }
    Some(poll)
}
