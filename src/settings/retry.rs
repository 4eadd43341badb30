//! The settings of sending requests again: what rules may cost an upstream, and how much of a body is kept for it.
//! Which requests are sent again, and how often, rules say.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;

use super::section::Section;

/// How many further tries rules may cause on one upstream. Each worker counts for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// Thousandths of a further try that each request earns; 200 unless set, written `0.2`.
    pub ratio_thousandths: u32,
    /// Further tries a second that are allowed however few requests there are; 10 unless set.
    pub min_per_second: u32,
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget { ratio_thousandths: 200, min_per_second: 10 }
    }
}

impl RetryBudget {
    pub(super) fn read(upstream: Section<'_>, diagnostics: &mut Diagnostics) -> RetryBudget {
        let default = RetryBudget::default();
        let section = upstream.section("retry_budget", &["ratio", "min_per_second"], diagnostics);
        let per_second = |node: &Node, found: &mut Diagnostics| {
            node.integer("`min_per_second`", 0..=100_000, found).and_then(|count| u32::try_from(count).ok())
        };
        RetryBudget {
            ratio_thousandths: section
                .read("ratio", thousandths, diagnostics)
                .unwrap_or(default.ratio_thousandths),
            min_per_second: section
                .read("min_per_second", per_second, diagnostics)
                .unwrap_or(default.min_per_second),
        }
    }
}

/// A number from 0 to 10, to the thousandth.
fn thousandths(node: &Node, diagnostics: &mut Diagnostics) -> Option<u32> {
    let text = node.text("a ratio", diagnostics)?;
    let ratio = text.parse::<f64>().ok().filter(|ratio| (0.0..=10.0).contains(ratio));
    if ratio.is_none() {
        let message = format!("`{text}` is not a ratio from 0 to 10");
        let help = "further tries a request: `0.2` is one to every five requests";
        diagnostics.push(Diagnostic::error(message).at(&node.place).help(help));
    }
    ratio.map(|ratio| (ratio * 1000.0).round() as u32)
}

/// How much of a request's body is kept while the request may have to be sent again, in bytes; 64 KiB unless set.
pub(super) fn read_body_bytes(server: Section<'_>, diagnostics: &mut Diagnostics) -> u64 {
    let section = server.section("retry", &["body_bytes"], diagnostics);
    section.read("body_bytes", Node::bytes, diagnostics).unwrap_or(BODY_BYTES)
}

pub(super) const BODY_BYTES: u64 = 64 << 10;
