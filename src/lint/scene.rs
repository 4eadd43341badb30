//! The rules of one set as the checks see them: compiled, written, and as formulas of one universe.

use http::Method;

use crate::document::Node;
use crate::engine::RuleSet;
use crate::engine::action::Action;
use crate::engine::condition::{Condition, Leaf, Test};
use crate::engine::hold::Inspect;
use crate::engine::route::Selectable;
use crate::engine::ruleset::{Mode, Rule, RuleKind};
use crate::engine::subject::Subject;
use crate::rules::{Rules, WrittenRule, WrittenTest};

use super::logic::formula::Formula;
use super::logic::laws;
use super::logic::solve::{Answer, Model, solve};
use super::logic::universe::{BodyIs, Universe};

/// The rules of one set.
pub struct Scene<'a> {
    /// All parts and tests of the set.
    pub universe: Universe,
    rules: Vec<Ruled<'a>>,
    /// What holds of every body.
    laws: Vec<Formula>,
    /// What holds of every answer whose body is read.
    read: Vec<Formula>,
    /// The methods that routes to these rules take, and that a request has one of them. `None` where a route takes all,
    /// and where no route is known.
    methods: Option<(Vec<Method>, Formula)>,
}

/// A rule of the set itself, or of a flag.
pub struct Ruled<'a> {
    /// As written.
    pub written: &'a WrittenRule<'a>,
    /// As compiled.
    pub rule: &'a Rule,
    /// Its condition.
    pub when: &'a Condition,
    /// What it produces.
    pub then: &'a Action,
    /// That it matches an answer whose body is read, and that it does not.
    known: (Formula, Formula),
    /// The same of an answer whose body is not.
    withheld: (Formula, Formula),
}

impl<'a> Scene<'a> {
    /// The rules of a set that stand in it, and those of flags before them.
    pub fn new(
        set: &'a RuleSet,
        written: &'a [WrittenRule<'a>],
        rules: &Rules,
        inspect: &Inspect,
    ) -> Scene<'a> {
        let mut universe = Universe::default();
        let own = written.iter().filter(|it| it.set.is_none_or(|name| *name == *set.name));
        // Both have the rules of flags first, and then those of the set in its order.
        let mut compiled = set.rules.iter();
        let ruled = own.filter_map(|written| {
            let rule = compiled.find(|rule| *rule.label == *written.label)?;
            let RuleKind::Translate { when, then } = &rule.kind else { return None };
            let mut both = |body| {
                let matches = universe.formula(when, body);
                (matches.clone(), !matches)
            };
            let (known, withheld) = (both(BodyIs::Known), both(BodyIs::Withheld));
            Some(Ruled { written, rule, when, then, known, withheld })
        });
        let ruled = ruled.collect();
        let read = laws::body_is_read(inspect, &mut universe);
        let methods = routed_methods(set, rules).map(|methods| {
            let formula = laws::method_is_one_of(&methods, &mut universe);
            (methods, formula)
        });
        let laws = laws::of_bodies(&universe);
        Scene { universe, rules: ruled, laws, read, methods }
    }

    /// The methods of requests that meet these rules, where not all do.
    pub fn methods(&self) -> Option<&[Method]> {
        self.methods.as_ref().map(|(methods, _)| methods.as_slice())
    }

    /// The indexes of rules that are looked at.
    pub fn own(&self) -> Vec<usize> {
        let looked_at = self.rules.iter().enumerate().filter(|(_, ruled)| ruled.rule.mode != Mode::Off);
        looked_at.map(|(index, _)| index).collect()
    }

    /// The rules before one that decide about answers, with their indexes.
    pub fn before(&self, index: usize) -> impl Iterator<Item = (usize, &Ruled<'a>)> {
        let rules = self.rules.iter().enumerate().take(index);
        rules.filter(|(_, earlier)| earlier.rule.mode == Mode::Enforce)
    }

    /// A rule.
    pub fn rule(&self, index: usize) -> Option<&Ruled<'a>> {
        self.rules.get(index)
    }

    /// What is known where the body is, or is not.
    pub fn world(&self, body: BodyIs) -> impl Iterator<Item = &Formula> {
        let read = if body == BodyIs::Known { self.read.as_slice() } else { &[] };
        read.iter().chain(self.laws(true))
    }

    /// What is known of every answer, its body looked at or not; perhaps only of answers to requests that meet these
    /// rules.
    pub fn laws(&self, routed: bool) -> impl Iterator<Item = &Formula> {
        let methods = self.methods.iter().filter(move |_| routed).map(|(_, formula)| formula);
        self.laws.iter().chain(methods)
    }

    /// Whether the rule can match an answer of which this holds, too.
    pub fn can_match(&mut self, index: usize, also: Option<&Condition>) -> Answer {
        let mut answer = Answer::No;
        for body in [BodyIs::Known, BodyIs::Withheld] {
            let tests = self.universe.tests();
            let also = also.map(|also| self.universe.formula(also, body));
            if self.universe.tests() > tests {
                self.laws = laws::of_bodies(&self.universe);
            }
            let Some(ruled) = self.rules.get(index) else { return Answer::Unknown };
            let rule = ruled.matches(body);
            let musts: Vec<&Formula> = [rule].into_iter().chain(&also).chain(self.world(body)).collect();
            match solve(&self.universe, &musts) {
                Answer::With(model) => return Answer::With(model),
                Answer::Unknown => answer = Answer::Unknown,
                Answer::No => {}
            }
        }
        answer
    }

    /// Values as they are shown: those of the parts that a rule asks of.
    pub fn shown(&self, index: usize, model: &Model) -> String {
        let Some(ruled) = self.rules.get(index) else { return String::new() };
        let asked: Vec<&Subject> = ruled.when.leaves().map(|leaf| &leaf.subject).collect();
        let mut parts: Vec<String> = Vec::new();
        for (part, values) in model.parts() {
            let Some(known) = self.universe.parts().get(part) else { continue };
            if !asked.iter().any(|subject| known.is(subject)) {
                continue;
            }
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            parts.push(match values.as_slice() {
                [] => format!("no {known}"),
                values => format!("{known} {}", values.join(" and ")),
            });
        }
        parts.join(", ")
    }
}

impl<'a> Ruled<'a> {
    /// That it matches.
    pub fn matches(&self, body: BodyIs) -> &Formula {
        &self.both(body).0
    }

    /// That it does not.
    pub fn passes_over(&self, body: BodyIs) -> &Formula {
        &self.both(body).1
    }

    fn both(&self, body: BodyIs) -> &(Formula, Formula) {
        match body {
            BodyIs::Known => &self.known,
            BodyIs::Withheld => &self.withheld,
        }
    }

    /// Each test with how it is written.
    pub fn tests(&self) -> impl Iterator<Item = (&'a Leaf, &'a WrittenTest)> {
        self.when.leaves().zip(&self.written.tests)
    }

    /// The label between backticks.
    pub fn name(&self) -> String {
        format!("`{}`", self.rule.label)
    }

    /// The value of a key of what it produces, `path` leading to it.
    pub fn then(&self, path: &[&str]) -> Option<&'a Node> {
        path.iter().try_fold(self.written.then?, |node, key| node.entry(key).map(|entry| &entry.node))
    }
}

/// The methods of routes whose answers may meet a set, because they name it or one that uses it, or because a header
/// can choose it there.
fn routed_methods(set: &RuleSet, rules: &Rules) -> Option<Vec<Method>> {
    let has = |other: &RuleSet| {
        other.name == set.name
            || set.rules.iter().all(|own| other.rules.iter().any(|rule| rule.label == own.label))
    };
    let chosen = rules.selection.as_ref().is_some_and(|it| it.allow.values().flatten().any(|it| has(it)));
    let mut methods = Vec::new();
    for route in rules.routes.iter() {
        let can_be_chosen = chosen && route.selectable != Selectable::Off;
        if !can_be_chosen && !route.rule_set.as_ref().is_some_and(|it| has(it)) {
            continue;
        }
        if route.methods.is_empty() {
            return None;
        }
        methods.extend(route.methods.iter().cloned());
    }
    methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    methods.dedup();
    (!methods.is_empty()).then_some(methods)
}

/// A test of a part, as a condition of its own.
pub fn condition(subject: Subject, test: Test) -> Condition {
    Condition::Leaf(Leaf { subject, test, sought: None })
}
