//! A trial written down as a file of one case, with what came of it as what is expected.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::HeaderName;

use super::super::given::About;
use super::super::play::{Decision, Played};
use super::{PARTS, Trial};
use crate::document::{Node, Value, Yaml};
use crate::engine::outcome::Verdict;

/// Headers that tell how a message was sent, and not what is in it.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "date"];

pub(super) fn case_file(trial: &Trial, played: &Played) -> String {
    let mut file = match trial.about {
        About::Rules => configuration(trial),
        About::Api => definition(trial),
    };
    let mut case = vec![("name".to_owned(), Yaml::text(&trial.name))];
    case.extend(trial.parts.iter().map(|part| (part.key.clone(), yaml(&part.node))));
    case.push(("expect".to_owned(), expectation(trial, played)));
    file.push(("cases".to_owned(), Yaml::List(vec![Yaml::Map(case)])));
    Yaml::Map(file).print()
}

fn yaml(node: &Node) -> Yaml {
    Yaml::from(&node.to_json())
}

/// The parts of the configuration that the trial meets.
fn configuration(trial: &Trial) -> Vec<(String, Yaml)> {
    let document = trial.setup.document();
    let parts = PARTS.iter().filter_map(|key| document.entry(key));
    let parts: Vec<_> =
        parts.map(|entry| (entry.key.clone(), part(document, &entry.key, &entry.node))).collect();
    let mut file = Vec::new();
    if !parts.is_empty() {
        file.push(("config".to_owned(), Yaml::Map(parts)));
    }
    let quick = trial.setup.quick().into_iter().filter(|(_, nodes)| !nodes.is_empty());
    file.extend(quick.map(|(key, nodes)| (key.to_owned(), Yaml::List(nodes.iter().map(yaml).collect()))));
    file
}

/// A part of a configuration. Where one rule set holds for everything, those that it does not use are left out.
fn part(document: &Node, key: &str, node: &Node) -> Yaml {
    let only = document.entry("routes").map_or(Some("default"), |routes| match routes.node.list_or_one() {
        [Node { value: Value::Map(entries), .. }] if entries.len() == 1 => {
            entries.iter().find(|entry| entry.key == "rules").and_then(|entry| entry.node.scalar_text())
        }
        _ => None,
    });
    match (&node.value, only) {
        (Value::Map(sets), Some(only)) if key == "rule_sets" && node.entry(only).is_some() => {
            let used = used(node, only);
            let sets = sets.iter().filter(|set| used.contains(set.key.as_str()));
            Yaml::Map(sets.map(|set| (set.key.clone(), yaml(&set.node))).collect())
        }
        _ => yaml(node),
    }
}

/// A rule set and all that it uses.
pub(super) fn used<'n>(sets: &'n Node, name: &'n str) -> BTreeSet<&'n str> {
    let (mut used, mut open) = (BTreeSet::new(), vec![name]);
    while let Some(name) = open.pop() {
        let Some(set) = sets.entry(name).filter(|_| used.insert(name)) else { continue };
        let uses = set.node.entry("use").map(|uses| uses.node.list_or_one()).unwrap_or_default();
        open.extend(uses.iter().filter_map(Node::scalar_text));
    }
    used
}

/// The definition of an API, by its file or with its text.
fn definition(trial: &Trial) -> Vec<(String, Yaml)> {
    let Some(api) = &trial.snapshot.settings.api else { return Vec::new() };
    let text = |text: &Option<String>| text.as_ref().map(Yaml::text);
    let pairs = |pairs: &[(String, String)]| {
        let pairs = pairs.iter().map(|(name, value)| (name.clone(), Yaml::text(value)));
        Some(Yaml::map(pairs)).filter(|map| !map.is_empty())
    };
    let file = || api.definition.as_ref().map(|definition| Yaml::text(&definition.path));
    let definition = match &trial.edited {
        Some(edited) => ("openapi", Some(Yaml::text(&edited.source.text))),
        None => ("definition", file()),
    };
    let entries = [
        definition,
        ("stage", text(&api.stage)),
        ("stage_variables", pairs(&api.stage_variables)),
        ("parameters", pairs(&api.parameters)),
    ];
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn expectation(trial: &Trial, played: &Played) -> Yaml {
    let given = &trial.given.upstream.answer;
    let mut expected = vec![("status".to_owned(), Yaml::number(played.status.as_u16()))];
    let mut say = |key: &str, value: Yaml| expected.push((key.to_owned(), value));
    match &played.decision {
        Decision::Made { verdict, shadows, .. } => {
            say("verdict", Yaml::text(verdict.word()));
            say("rule", Yaml::text(Verdict::rule(verdict).unwrap_or("none")));
            if !shadows.is_empty() {
                say("shadows", Yaml::texts(shadows.iter().map(|shadow| &*shadow.rule)));
            }
            let headers = changed(&given.head.headers, &played.headers);
            if !headers.is_empty() {
                say("headers", Yaml::Map(headers));
            }
        }
        Decision::Carried { fault, .. } => {
            say("fault", Yaml::text(fault.as_ref().map_or("none", |fault| fault.kind.name())));
        }
        Decision::None | Decision::Unseen => {}
    }
    match played.body == given.body {
        true => say("body", Yaml::text("same")),
        false => {
            let (key, value) = body(&played.body);
            say(key, value);
        }
    }
    Yaml::Map(expected)
}

/// The headers that are other than they were.
fn changed(before: &HeaderMap, after: &HeaderMap) -> Vec<(String, Yaml)> {
    let values = |headers: &HeaderMap, name: &HeaderName| -> Option<Vec<String>> {
        headers.get_all(name).iter().map(|value| value.to_str().ok().map(str::to_owned)).collect()
    };
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).map(HeaderName::as_str).collect();
    let names = names.into_iter().filter(|name| !FRAMING.contains(name));
    let changed = names.filter_map(|name| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let (was, is) = (values(before, &name), values(after, &name)?);
        if was.as_ref() == Some(&is) {
            return None;
        }
        let value = match is.as_slice() {
            [] => Yaml::Plain("null".to_owned()),
            [one] => Yaml::text(one),
            several => Yaml::texts(several),
        };
        Some((name.to_string(), value))
    });
    changed.collect()
}

/// A body in the way that is easiest to read and says all of it.
fn body(bytes: &[u8]) -> (&'static str, Yaml) {
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes)
        && (json.is_object() || json.is_array())
    {
        return ("json", Yaml::from(&json));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text != "same" => ("body", Yaml::text(text)),
        _ => ("base64", Yaml::text(STANDARD.encode(bytes))),
    }
}
