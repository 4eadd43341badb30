//! The rules of one set as the checks see them: compiled, written, and as formulas of one universe.

use crate::document::Node;
use crate::engine::RuleSet;
use crate::engine::action::Action;
use crate::engine::condition::{Condition, Leaf, Test};
use crate::engine::hold::Inspect;
use crate::engine::ruleset::{Mode, Rule, RuleKind};
use crate::engine::subject::Subject;
use crate::rules::{WrittenRule, WrittenTest};

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
    pub fn new(set: &'a RuleSet, written: &'a [WrittenRule<'a>], inspect: &Inspect) -> Scene<'a> {
        let mut universe = Universe::default();
        let own = written.iter().filter(|it| it.set.is_none_or(|name| *name == *set.name));
        // Both have the rules of flags first, and then those of the set in its order.
        let mut compiled = set.rules.iter();
        let rules = own.filter_map(|written| {
            let rule = compiled.find(|rule| *rule.label == *written.label)?;
            let RuleKind::Translate { when, then } = &rule.kind else { return None };
            let mut both = |body| {
                let matches = universe.formula(when, body);
                (matches.clone(), matches.not())
            };
            let (known, withheld) = (both(BodyIs::Known), both(BodyIs::Withheld));
            Some(Ruled { written, rule, when, then, known, withheld })
        });
        let rules = rules.collect();
        let read = laws::body_is_read(inspect, &mut universe);
        let laws = laws::of_bodies(&universe);
        Scene { universe, rules, laws, read }
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
        read.iter().chain(&self.laws)
    }

    /// What is known of every body, looked at or not.
    pub fn laws(&self) -> impl Iterator<Item = &Formula> {
        self.laws.iter()
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

/// A test of a part, as a condition of its own.
pub fn condition(subject: Subject, test: Test) -> Condition {
    Condition::Leaf(Leaf { subject, test, sought: None })
}
