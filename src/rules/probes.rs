//! `probes:` read into [`Probe`]s: questions of health that Candor asks for others.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Entry, Fields, Node};
use crate::engine::RuleSet;
use crate::engine::pattern::{Extent, Pattern};
use crate::engine::probe::Probe;
use crate::engine::route::Routes;

use super::condition::compiled;
use super::routes;
use super::set::{Sets, unknown};

const KEYS: [&str; 9] =
    ["upstream", "route", "rules", "path", "method", "host", "healthy", "timeout", "cache"];

/// A probe whose answer takes longer is of no use to anybody who asks.
const TIME_MAX: Duration = Duration::from_secs(25);
const SECOND: Duration = Duration::from_secs(1);

/// Where answers are asked for, and the rules they meet.
type Way = (usize, Option<Arc<RuleSet>>);

/// Reads the node at `probes:`.
pub fn read(
    node: Option<&Node>,
    upstreams: &[Arc<str>],
    routes: &Routes,
    sets: &mut Sets<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Probe> {
    let entries = node.and_then(|node| node.entries("probes", diagnostics)).unwrap_or_default();
    entries.iter().filter_map(|entry| probe(entry, upstreams, routes, sets, diagnostics)).collect()
}

fn probe(
    entry: &Entry,
    upstreams: &[Arc<str>],
    routes: &Routes,
    sets: &mut Sets<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Probe> {
    let name = name(entry, diagnostics);
    let fields = entry.node.fields("a probe", &KEYS, diagnostics)?;
    let way = match fields.entry("route") {
        Some(route) => by_route(&route.node, &fields, routes, diagnostics),
        None => by_upstream(entry, &fields, upstreams, sets, diagnostics),
    };
    let path = fields.require("path", "a probe", diagnostics).and_then(|node| path(node, diagnostics));
    let method = match fields.get("method") {
        Some(node) => routes::method(node, diagnostics),
        None => Some(Method::GET),
    };
    let host = match fields.get("host") {
        Some(node) => host(node, diagnostics).map(Some),
        None => Some(None),
    };
    let healthy = match fields.get("healthy") {
        Some(node) => {
            node.text("a pattern", diagnostics).and_then(|t| compiled(t, Extent::Whole, node, diagnostics))
        }
        None => Pattern::parse(r"2\d{2}", Extent::Whole).ok(),
    };
    let time_max = fields.get("timeout").map_or(Some(SECOND), |node| time_max(node, diagnostics));
    let fresh_for = fields.get("cache").map_or(Some(SECOND), |node| node.duration(diagnostics));
    // Only now, when all of it has been read and every problem told.
    let (upstream, rule_set) = way?;
    Some(Probe {
        name: name?,
        upstream,
        rule_set,
        method: method?,
        path: path?,
        host: host?,
        healthy: healthy?,
        time_max: time_max?,
        fresh_for: fresh_for?,
    })
}

/// A name that can stand in a URL as it is.
fn name(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    let name = entry.key.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) {
        let wrong = Diagnostic::error(format!("`{name}` is not the name of a probe")).at(&entry.key_place);
        diagnostics.push(wrong.help("letters, digits, `-`, `_` and `.`: it stands in a URL"));
        return None;
    }
    Some(name.into())
}

/// The upstream and the rules of a route.
fn by_route(node: &Node, fields: &Fields<'_>, routes: &Routes, diagnostics: &mut Diagnostics) -> Option<Way> {
    for key in ["upstream", "rules"] {
        if let Some(other) = fields.entry(key) {
            let wrong = Diagnostic::error(format!("`{key}` beside `route`")).at(&other.key_place);
            diagnostics.push(wrong.help("a route has an upstream and rules of its own"));
        }
    }
    let name = node.text("the name of a route", diagnostics)?;
    match routes.iter().find(|route| &*route.name == name) {
        Some(route) => Some((route.upstream, route.rule_set.clone())),
        None => {
            diagnostics.push(unknown("route", name, routes.iter().map(|route| &*route.name)).at(&node.place));
            None
        }
    }
}

fn by_upstream(
    entry: &Entry,
    fields: &Fields<'_>,
    upstreams: &[Arc<str>],
    sets: &mut Sets<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Way> {
    if upstreams.is_empty() {
        diagnostics.error(&entry.key_place, "a probe needs an upstream to ask");
        return None;
    }
    let upstream = routes::upstream(fields, "a probe", upstreams, diagnostics);
    let rule_set = routes::rules(fields, "a probe", sets, diagnostics);
    Some((upstream?, rule_set?))
}

fn path(node: &Node, diagnostics: &mut Diagnostics) -> Option<PathAndQuery> {
    let text = node.text("a path", diagnostics)?;
    let path = text.parse().ok().filter(|_| text.starts_with('/') && !text.contains('#'));
    if path.is_none() {
        let wrong = Diagnostic::error(format!("`{text}` is not a path")).at(&node.place);
        diagnostics.push(wrong.help("it begins with `/` and may have a query: `/health?deep=1`"));
    }
    path
}

fn host(node: &Node, diagnostics: &mut Diagnostics) -> Option<HeaderValue> {
    let text = node.text("a host", diagnostics)?;
    let is_authority = text.parse::<http::uri::Authority>().is_ok_and(|it| !it.as_str().contains('@'));
    let host = HeaderValue::from_str(text).ok().filter(|_| is_authority);
    if host.is_none() {
        diagnostics.error(&node.place, format!("`{text}` is not a host"));
    }
    host
}

fn time_max(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let time = node.duration(diagnostics)?;
    if time.is_zero() || time > TIME_MAX {
        let wrong = Diagnostic::error("a probe's timeout is more than 0 and at most 25s").at(&node.place);
        diagnostics.push(wrong.help("less than whoever asks waits for an answer"));
        return None;
    }
    Some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::rules::{self, Quick, Rules};

    fn read(text: &str) -> (Rules, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let document = crate::document::parse(&Source::new("candor.yaml", text), &mut diagnostics);
        let upstreams = ["app".into(), "other".into()];
        let rules = rules::read(document.as_ref(), Quick::default(), &upstreams, &mut diagnostics);
        let problems = diagnostics.into_sorted().into_iter().map(|problem| problem.message).collect();
        (rules, problems)
    }

    const REST: &str = "
rule_sets: { plain: { rules: [] }, health: { use: status-field } }
routes: [{ name: all, upstream: other, rules: plain }]
";

    fn probe(text: &str) -> Probe {
        let (rules, problems) = read(&format!("probes: {{ it: {text} }}{REST}"));
        assert_eq!(problems, Vec::<String>::new(), "{text}");
        rules.probes.into_iter().next().unwrap()
    }

    #[test]
    fn a_probe_is_a_request_its_rules_and_what_is_healthy() {
        let all = probe(
            "{ upstream: app, rules: health, path: '/h?x=1', method: HEAD, host: 'a:1', healthy: '[23]..', \
             timeout: 250ms, cache: 0s }",
        );
        assert_eq!((&*all.name, all.upstream, all.path.as_str()), ("it", 0, "/h?x=1"));
        assert_eq!((all.method.as_str(), all.host.unwrap().to_str().unwrap()), ("HEAD", "a:1"));
        assert_eq!((all.time_max, all.fresh_for), (Duration::from_millis(250), Duration::ZERO));
        assert_eq!(&*all.rule_set.unwrap().name, "health");
        assert!(all.healthy.is_match("302") && !all.healthy.is_match("404"));

        let by_route = probe("{ route: all, path: / }");
        assert_eq!((by_route.upstream, &*by_route.rule_set.unwrap().name), (1, "plain"));
        assert_eq!((by_route.time_max, by_route.fresh_for, by_route.host), (SECOND, SECOND, None));
        assert!(by_route.healthy.is_match("204") && !by_route.healthy.is_match("304"));
        assert!(probe("{ upstream: app, path: /, rules: off }").rule_set.is_none());
    }

    #[test]
    fn every_wrong_value_is_told() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(read(&format!("probes: {text}{REST}")).1, expected, "{text}");
        };
        check("[]", &["expected probes (a map), found a list"]);
        check("{ 'a/b': { route: all, path: / } }", &["`a/b` is not the name of a probe"]);
        check("{ it: { route: all } }", &["a probe needs `path`"]);
        check("{ it: { route: all, path: health } }", &["`health` is not a path"]);
        check("{ it: { route: al, path: / } }", &["there is no route `al`"]);
        check("{ it: { route: all, rules: plain, path: / } }", &["`rules` beside `route`"]);
        check("{ it: { route: all, path: /, method: get } }", &["`get` is not a method"]);
        check("{ it: { route: all, path: /, host: 'a b' } }", &["`a b` is not a host"]);
        check(
            "{ it: { route: all, path: /, healthy: '2[' } }",
            &["pattern `2[` is not valid: unclosed character class"],
        );
        let timeout = "a probe's timeout is more than 0 and at most 25s";
        check("{ it: { route: all, path: /, timeout: 0s } }", &[timeout]);
        check("{ it: { route: all, path: /, timeout: 30s } }", &[timeout]);
        check("{ it: { route: all, path: /, cache: 1 } }", &["expected a time, found `1`"]);
        check("{ it: { path: /, rules: plain } }", &["a probe needs `upstream` where there are several"]);
        check(
            "{ it: { path: /, upstream: app } }",
            &["a probe needs `rules` where there are several rule sets"],
        );
        check("{ it: { route: all, path: /, pth: / } }", &["unknown key `pth` in a probe"]);
    }
}
