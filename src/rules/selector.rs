//! `selector:` read into a [`Selection`].

use std::collections::HashMap;

use http::header::HeaderName;
use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;
use crate::engine::selection::{Refusal, Selection};

use super::set::Sets;
use super::source;

/// Keys of `selector:`.
pub const KEYS: &[&str] = &["header", "upstream_header", "allow", "from", "unknown", "forbidden"];
/// The header that chooses, unless another is named.
const HEADER: HeaderName = HeaderName::from_static("x-candor-rules");

/// Reads the node at `selector:`.
pub fn read(node: &Node, sets: &mut Sets<'_>, diagnostics: &mut Diagnostics) -> Option<Selection> {
    let fields = node.fields("`selector`", KEYS, diagnostics)?;
    let header = |key: &str, diagnostics: &mut Diagnostics| {
        let node = fields.get(key)?;
        source::header_name(node.text("a header name", diagnostics)?, &node.place, diagnostics)
    };
    let chosen = header("header", diagnostics).unwrap_or(HEADER);
    let upstream_header = header("upstream_header", diagnostics);
    let allow =
        fields.require("allow", "`selector`", diagnostics).map(|node| allowed(node, sets, diagnostics));
    let from = fields.require("from", "`selector`", diagnostics).map(|node| networks(node, diagnostics));
    let refusals = [("reject", Refusal::Reject), ("default", Refusal::Default), ("pass", Refusal::Pass)];
    let mut refusal = |key: &str| {
        fields.get(key).and_then(|node| node.word(&format!("an `{key}` choice"), &refusals, diagnostics))
    };
    let unknown = refusal("unknown").unwrap_or(Refusal::Reject);
    let forbidden = refusal("forbidden").unwrap_or(unknown);
    Some(Selection { header: chosen, upstream_header, allow: allow?, from: from?, unknown, forbidden })
}

fn allowed(
    node: &Node,
    sets: &mut Sets<'_>,
    diagnostics: &mut Diagnostics,
) -> HashMap<String, Option<std::sync::Arc<crate::engine::RuleSet>>> {
    let mut allowed = HashMap::new();
    for node in node.list("names of rule sets", diagnostics).unwrap_or_default() {
        match node.scalar_text() {
            Some("off") => {
                allowed.insert("off".to_owned(), None);
            }
            _ => {
                if let Some(set) = sets.named(node, diagnostics) {
                    allowed.insert(set.name.to_string(), Some(set));
                }
            }
        }
    }
    allowed
}

fn networks(node: &Node, diagnostics: &mut Diagnostics) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for node in node.list("networks", diagnostics).unwrap_or_default() {
        let Some(text) = node.text("a network", diagnostics) else { continue };
        let parsed =
            text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        match parsed {
            Some(network) => networks.push(network),
            None => diagnostics.push(
                Diagnostic::error(format!("`{text}` is not a network"))
                    .at(&node.place)
                    .help("an address with a prefix length: `10.0.0.0/8`, `::1/128`"),
            ),
        }
    }
    networks
}
