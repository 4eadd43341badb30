//! How much of rules and APIs a run of cases has asked: rules that never decided, conditions that never held or never
//! failed, integration responses that were never chosen.

use std::collections::BTreeMap;

use super::{Case, Decision, Gateway, Played, Setup, Subject};
use crate::apigateway::model::{Method, Verb};
use crate::engine::condition::{Condition, Truth};
use crate::engine::ruleset::{Mode, Rule, RuleKind};
use crate::engine::trace::{StepResult, Trace};
use crate::live::Snapshot;
use crate::rules::presets;

/// What has been asked so far.
#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<Key, Item>);

/// A rule or a method: the file it is in, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    file: String,
    name: String,
}

/// Everything that may come about in a rule or a method, and whether it has.
#[derive(Debug, Default)]
struct Item(Vec<(Point, bool)>);

/// Something that may come about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Point {
    /// A rule decides.
    Decides,
    /// A condition holds.
    Holds(String),
    /// It does not.
    Fails(String),
    /// A method passes its backend's answer on.
    Passes,
    /// An integration response is chosen.
    Chosen(String),
}

/// What is missing of a rule or a method.
#[derive(Debug, PartialEq, Eq)]
pub struct Gap {
    /// The file it is in.
    pub file: String,
    /// The rule, or the method.
    pub name: String,
    /// What never came about, in words.
    pub never: Vec<String>,
}

impl Coverage {
    /// Adds a case that was played.
    pub fn add(&mut self, case: &Case, played: &Played) {
        match (&case.subject, &played.decision) {
            (Subject::Rules { setup, snapshot }, decision) => {
                self.rules(setup, snapshot);
                if let Decision::Made { trace, .. } = decision {
                    self.decided(setup, trace);
                }
            }
            (Subject::Api { gateway, .. }, decision) => self.carried(case, gateway, decision),
        }
    }

    /// The part of all there is that has come about, from 0 to 1.
    pub fn ratio(&self) -> f64 {
        let points = self.0.values().flat_map(|item| &item.0);
        let (mut all, mut reached) = (0_u32, 0_u32);
        for (_, is_reached) in points {
            all += 1;
            reached += u32::from(*is_reached);
        }
        if all == 0 { 1.0 } else { f64::from(reached) / f64::from(all) }
    }

    /// How many rules and methods there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What never came about, by file and name.
    pub fn gaps(&self) -> Vec<Gap> {
        let gap = |(key, item): (&Key, &Item)| {
            let never = item.never();
            (!never.is_empty()).then(|| Gap { file: key.file.clone(), name: key.name.clone(), never })
        };
        self.0.iter().filter_map(gap).collect()
    }

    /// All rules of a configuration that its author wrote.
    fn rules(&mut self, setup: &Setup, snapshot: &Snapshot) {
        let routed = snapshot.routes.iter().filter_map(|route| route.rule_set.as_ref());
        let chosen = snapshot.selection.iter().flat_map(|it| it.allow.values().flatten());
        for rule in routed.chain(chosen).flat_map(|rule_set| &rule_set.rules) {
            if rule.mode != Mode::Off && is_own(setup, &rule.label) {
                self.0.entry(key(setup, &rule.label)).or_insert_with(|| Item::of_rule(rule));
            }
        }
    }

    fn decided(&mut self, setup: &Setup, trace: &Trace) {
        for step in &trace.steps {
            let Some(item) = self.0.get_mut(&key(setup, &step.rule)) else { continue };
            if matches!(step.result, StepResult::Fired | StepResult::WouldFire) {
                item.reach(&Point::Decides);
            }
            for check in &step.checks {
                let test = format!("{} {}", check.subject, check.test);
                match check.truth {
                    Truth::True => item.reach(&Point::Holds(test)),
                    Truth::False => item.reach(&Point::Fails(test)),
                    Truth::Unknown => {}
                }
            }
        }
    }

    fn carried(&mut self, case: &Case, gateway: &Gateway, decision: &Decision) {
        let file = |method: &Method| method.place.source.name.clone();
        for method in &gateway.api.methods {
            let key = Key { file: file(method), name: name(method) };
            self.0.entry(key).or_insert_with(|| Item::of_method(method));
        }
        let request = &case.given.request.snapshot;
        let found = gateway.api.find(&request.method, request.uri.path());
        let (Some((method, _)), Decision::Carried { chosen, fault, .. }) = (found, decision) else { return };
        let Some(item) = self.0.get_mut(&Key { file: file(method), name: name(method) }) else { return };
        match chosen {
            Some(chosen) => item.reach(&Point::Chosen(chosen.to_string())),
            None if fault.is_none() => item.reach(&Point::Passes),
            None => {}
        }
    }
}

fn key(setup: &Setup, label: &str) -> Key {
    Key { file: setup.file().to_owned(), name: label.to_owned() }
}

/// Whether the author of the configuration wrote the rule: those of presets are not theirs to test.
fn is_own(setup: &Setup, label: &str) -> bool {
    let set = label.split('/').next().unwrap_or_default();
    setup.has_rule_set(set) || presets::names().all(|preset| preset != set)
}

fn name(method: &Method) -> String {
    let verb = match &method.verb {
        Verb::Any => "ANY",
        Verb::Only(method) => method.as_str(),
    };
    format!("{verb} {}", method.resource)
}

impl Item {
    fn of_rule(rule: &Rule) -> Item {
        let mut points = vec![(Point::Decides, false)];
        if let RuleKind::Translate { when, .. } = &rule.kind {
            for leaf in Condition::leaves(when) {
                let test = format!("{} {}", leaf.subject, leaf.test);
                points.push((Point::Holds(test.clone()), false));
                points.push((Point::Fails(test), false));
            }
        }
        Item(points)
    }

    fn of_method(method: &Method) -> Item {
        let integration = &method.integration;
        if integration.backend.is_proxy() {
            return Item(vec![(Point::Passes, false)]);
        }
        let responses = &integration.responses;
        let selected =
            responses.selected.iter().map(|(selection, response)| (&*selection.text, response.status));
        let default = responses.default.as_ref().map(|response| ("default", response.status));
        let point = |(pattern, status): (&str, http::StatusCode)| {
            (Point::Chosen(format!("{pattern} -> {}", status.as_u16())), false)
        };
        Item(selected.chain(default).map(point).collect())
    }

    fn reach(&mut self, point: &Point) {
        self.0.iter_mut().filter(|(known, _)| known == point).for_each(|(_, reached)| *reached = true);
    }

    /// A rule that never decided is told as that alone, unless its conditions say more.
    fn never(&self) -> Vec<String> {
        let missing = |(point, reached): &(Point, bool)| (!reached).then(|| point.to_string());
        self.0.iter().filter_map(missing).collect()
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Point::Decides => f.write_str("never decided"),
            Point::Holds(test) => write!(f, "never true: {test}"),
            Point::Fails(test) => write!(f, "never false: {test}"),
            Point::Passes => f.write_str("never passed an answer on"),
            Point::Chosen(response) => write!(f, "never chosen: {response}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, Source};

    #[track_caller]
    fn check(text: &str, percent: u32, gaps: &[(&str, &[&str])]) {
        let file = super::super::read(&Source::new("cases.yaml", text), &mut Diagnostics::default()).unwrap();
        let mut coverage = Coverage::default();
        file.cases.iter().for_each(|case| coverage.add(case, &case.evaluate()));
        let found = coverage.gaps();
        let found: Vec<_> = found.iter().map(|gap| (&*gap.name, gap.never.as_slice())).collect();
        let expected: Vec<(&str, Vec<String>)> = gaps
            .iter()
            .map(|(name, never)| (*name, never.iter().map(|it| (*it).to_owned()).collect()))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(name, never)| (*name, never.as_slice())).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!((coverage.ratio() * 100.0).round() as u32, percent);
    }

    #[test]
    fn rules_are_covered_when_they_decide_and_their_conditions_go_both_ways() {
        let rules = "
config:
  rule_sets:
    a:
      use: [status-field]
      rules:
        - { name: r, when: { status: 200, json: $.code, matches: '4\\d{2}' }, then: { status: 400 } }
        - { name: 'off', mode: off, when: { status: 200 }, then: { status: 400 } }
";
        let hit = "  - { name: hit, upstream: { json: { code: 404 } }, expect: { status: 400 } }\n";
        let miss = "  - { name: miss, upstream: { json: { code: 1 } }, expect: { status: 200 } }\n";
        let other = "  - { name: other, upstream: { status: 500 }, expect: { status: 500 } }\n";
        check(
            &format!("{rules}cases:\n{miss}"),
            40,
            &[(
                "a/r",
                &[
                    "never decided",
                    "never false: status matches `200`",
                    "never true: $.code matches `4\\d{2}`",
                ],
            )],
        );
        check(&format!("{rules}cases:\n{hit}{miss}{other}"), 100, &[]);
    }

    #[test]
    fn methods_are_covered_when_all_their_responses_were_chosen() {
        let api = "
openapi:
  paths:
    /a:
      get:
        responses: { '200': {}, '400': {} }
        x-amazon-apigateway-integration:
          { type: http, httpMethod: GET, uri: 'http://a/', responses: { default: { statusCode: 200 }, '4..': { statusCode: 400 } } }
    /b:
      get:
        x-amazon-apigateway-integration: { type: http_proxy, httpMethod: GET, uri: 'http://b/' }
cases:
  - { name: one, request: { path: /a }, upstream: { status: 404 }, expect: { status: 400 } }
";
        let gaps: &[(&str, &[&str])] =
            &[("GET /a", &["never chosen: default -> 200"]), ("GET /b", &["never passed an answer on"])];
        check(api, 33, gaps);
    }
}
