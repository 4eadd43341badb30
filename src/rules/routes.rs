//! `routes:` read into [`Routes`]. Without them, everything goes to the only upstream.

use std::sync::Arc;

use http::Method;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Fields, Node};
use crate::engine::RuleSet;
use crate::engine::route::{HostPattern, PathPattern, Route, Routes, Selectable};

use super::set::{Sets, unknown};

/// Keys of a route.
pub const ROUTE_KEYS: &[&str] = &["name", "match", "upstream", "rules", "selector"];
/// Keys of `match:`.
pub const MATCH_KEYS: &[&str] = &["host", "path", "methods"];

/// Reads the node at `routes:`.
pub fn read(
    node: Option<&Node>,
    upstreams: &[Arc<str>],
    sets: &mut Sets<'_>,
    diagnostics: &mut Diagnostics,
) -> Routes {
    let Some(node) = node else { return Routes::new(catch_all(upstreams, sets, diagnostics)) };
    let nodes = node.list("routes", diagnostics).unwrap_or_default();
    let mut routes: Vec<(Route, &Place)> = Vec::new();
    for node in nodes {
        let Some(route) = route(node, upstreams, sets, diagnostics) else { continue };
        if let Some((_, first)) = routes.iter().find(|(earlier, _)| covers(earlier, &route)) {
            diagnostics.push(
                Diagnostic::error(format!("route `{}` can never match", route.name))
                    .at(&node.place)
                    .help(format!("the route on line {} takes the same requests first", first.line)),
            );
        }
        routes.push((route, &node.place));
    }
    if nodes.is_empty() {
        diagnostics.error(&node.place, "`routes` is empty: every request would be answered 404");
    }
    Routes::new(routes.into_iter().map(|(route, _)| route).collect())
}

fn covers(earlier: &Route, later: &Route) -> bool {
    earlier.host == later.host
        && earlier.path.same_as(&later.path)
        && (earlier.methods.is_empty()
            || (!later.methods.is_empty()
                && later.methods.iter().all(|method| earlier.methods.contains(method))))
}

/// One route for everything, as flags alone mean it.
fn catch_all(upstreams: &[Arc<str>], sets: &mut Sets<'_>, diagnostics: &mut Diagnostics) -> Vec<Route> {
    let upstream = match upstreams {
        // No upstream at all is the settings' problem to tell.
        [] => 0,
        [_] => 0,
        several => match several.iter().position(|name| &**name == "default") {
            Some(index) => index,
            None => {
                diagnostics.push(
                    Diagnostic::error("several upstreams and no `routes` to choose between them")
                        .help("add `routes:`, or name one upstream `default`"),
                );
                0
            }
        },
    };
    let rule_set = sets.of_no_name(diagnostics);
    if rule_set.is_none() {
        diagnostics.push(
            Diagnostic::error("several rule sets and no `routes` to choose between them")
                .help("add `routes:`, or name one rule set `default`"),
        );
    }
    let path = PathPattern::everything();
    vec![Route {
        name: path.to_string().into(),
        host: HostPattern::Any,
        path,
        methods: Vec::new(),
        upstream,
        rule_set,
        selectable: Selectable::All,
    }]
}

fn route(
    node: &Node,
    upstreams: &[Arc<str>],
    sets: &mut Sets<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Route> {
    let fields = node.fields("a route", ROUTE_KEYS, diagnostics)?;
    let matching = match fields.get("match") {
        Some(node) => matching(node, diagnostics),
        None => Some((HostPattern::Any, PathPattern::everything(), Vec::new())),
    };
    let upstream = upstream(&fields, "a route", upstreams, diagnostics);
    let rule_set = rules(&fields, "a route", sets, diagnostics);
    let selectable = fields.get("selector").map_or(Some(Selectable::All), |n| selectable(n, diagnostics));
    // Only now, when all of it has been read and every problem told.
    let (host, path, methods) = matching?;
    let (upstream, rule_set, selectable) = (upstream?, rule_set?, selectable?);
    let name = fields.get("name").and_then(|node| node.text("a name", diagnostics)).map(str::to_owned);
    Some(Route {
        name: name.unwrap_or_else(|| path.to_string()).into(),
        host,
        path,
        methods,
        upstream,
        rule_set,
        selectable,
    })
}

fn matching(node: &Node, diagnostics: &mut Diagnostics) -> Option<(HostPattern, PathPattern, Vec<Method>)> {
    let fields = node.fields("`match`", MATCH_KEYS, diagnostics)?;
    let host = parsed(&fields, "host", HostPattern::parse, diagnostics)?.unwrap_or(HostPattern::Any);
    let path =
        parsed(&fields, "path", PathPattern::parse, diagnostics)?.unwrap_or_else(PathPattern::everything);
    let mut methods = Vec::new();
    for node in fields.get("methods").map(Node::list_or_one).unwrap_or_default() {
        if matches!(node.scalar_text(), Some("ANY" | "*")) {
            return Some((host, path, Vec::new()));
        }
        methods.push(method(node, diagnostics)?);
    }
    Some((host, path, methods))
}

/// Reads a method.
pub fn method(node: &Node, diagnostics: &mut Diagnostics) -> Option<Method> {
    let text = node.text("a method", diagnostics)?;
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| text == text.to_ascii_uppercase());
    if method.is_none() {
        diagnostics.push(
            Diagnostic::error(format!("`{text}` is not a method"))
                .at(&node.place)
                .help("methods are written in capitals: `GET`, `POST`"),
        );
    }
    method
}

/// `Some(None)` when the key is absent, `None` when its value is wrong.
fn parsed<T>(
    fields: &Fields<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, String>,
    diagnostics: &mut Diagnostics,
) -> Option<Option<T>> {
    let Some(node) = fields.get(key) else { return Some(None) };
    match parse(node.text(&format!("a {key}"), diagnostics)?) {
        Ok(value) => Some(Some(value)),
        Err(message) => {
            diagnostics.error(&node.place, message);
            None
        }
    }
}

/// The upstream that `what` names, or the only one there is.
pub fn upstream(
    fields: &Fields<'_>,
    what: &str,
    upstreams: &[Arc<str>],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let Some(node) = fields.get("upstream") else {
        if upstreams.len() > 1 {
            diagnostics.error(fields.place(), format!("{what} needs `upstream` where there are several"));
            return None;
        }
        return Some(0);
    };
    let name = node.text("the name of an upstream", diagnostics)?;
    let index = upstreams.iter().position(|upstream| &**upstream == name);
    if index.is_none() {
        diagnostics.push(unknown("upstream", name, upstreams.iter().map(|name| &**name)).at(&node.place));
    }
    index
}

/// The rules that `what` names, or those of no name: `Some(None)` for `rules: off`, `None` when the name is wrong.
pub fn rules(
    fields: &Fields<'_>,
    what: &str,
    sets: &mut Sets<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Option<Arc<RuleSet>>> {
    match fields.get("rules") {
        Some(node) if node.scalar_text() == Some("off") => Some(None),
        Some(node) => sets.named(node, diagnostics).map(Some),
        None => match sets.of_no_name(diagnostics) {
            Some(set) => Some(Some(set)),
            None => {
                diagnostics.push(
                    Diagnostic::error(format!("{what} needs `rules` where there are several rule sets"))
                        .at(fields.place())
                        .help("name a rule set, or write `rules: off`"),
                );
                None
            }
        },
    }
}

fn selectable(node: &Node, diagnostics: &mut Diagnostics) -> Option<Selectable> {
    if node.scalar_text() == Some("off") {
        return Some(Selectable::Off);
    }
    let names: Option<Vec<String>> = node
        .list("names of rule sets, or `off`", diagnostics)?
        .iter()
        .map(|node| node.text("the name of a rule set", diagnostics).map(str::to_owned))
        .collect();
    names.map(Selectable::Only)
}
