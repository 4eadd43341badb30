//! The settings of the engine's [`Hold`] and [`Inspect`].

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;
use crate::engine::hold::{Hold, Inspect, MediaRange, OnLimit, is_endless};

use super::Settings;
use super::section::{Section, list, time};

const KEYS: [&str; 4] = ["max_bytes", "max_time", "on_limit", "total_bytes"];

pub(super) fn read_hold(top: Section<'_>, diagnostics: &mut Diagnostics) -> Hold {
    let default = Hold::default();
    let section = top.section("hold", &KEYS, diagnostics);
    let outcomes = [("pass", OnLimit::Pass), ("fail", OnLimit::Fail)];
    let outcome =
        |node: &Node, found: &mut Diagnostics| node.word("a choice of `on_limit`", &outcomes, found);
    Hold {
        max_bytes: section.read("max_bytes", Node::bytes, diagnostics).unwrap_or(default.max_bytes),
        max_time: section.read("max_time", time, diagnostics).unwrap_or(default.max_time),
        on_limit: section.read("on_limit", outcome, diagnostics).unwrap_or(default.on_limit),
    }
}

/// The bound of all holds together. The section was read before: its keys are told of only once.
pub(super) fn read_total(top: Section<'_>, diagnostics: &mut Diagnostics) -> u64 {
    let section = top.section("hold", &KEYS, &mut Diagnostics::default());
    section.read("total_bytes", Node::bytes, diagnostics).unwrap_or(Settings::HOLD_TOTAL_BYTES)
}

pub(super) fn read_inspect(top: Section<'_>, diagnostics: &mut Diagnostics) -> Inspect {
    let section = top.section("inspect", &["content_types"], diagnostics);
    let content_types = |node: &Node, found: &mut Diagnostics| list(node, media_range, found);
    match section.read("content_types", content_types, diagnostics) {
        Some(content_types) => Inspect { content_types },
        None => Inspect::default(),
    }
}

fn media_range(node: &Node, diagnostics: &mut Diagnostics) -> Option<MediaRange> {
    let text = node.text("a content type", diagnostics)?;
    if is_endless(text) {
        let message = format!("`{text}` is never inspected: its answers have no end to wait for");
        diagnostics.push(Diagnostic::warning(message).at(&node.place));
    }
    let range = MediaRange::parse(text);
    if let Err(error) = &range {
        let help = "without parameters: `application/json`, `text/*`, `application/*+json`, `*/*`";
        diagnostics.push(Diagnostic::error(error.to_string()).at(&node.place).help(help));
    }
    range.ok()
}
