//! A named, ordered list of rules and what holds when none of them matches.

use std::sync::Arc;

use http::header::HeaderName;
use http::{HeaderMap, Method};

use super::action::Action;
use super::condition::{Condition, Leaf, Truth};
use super::envelope::Contract;
use super::facts::Facts;
use super::hold::HoldChange;
use super::index::Index;
use super::retry::Retry;
use super::subject::{Subject, Subjects};
use super::text::TextSet;

/// Compiled rules, ready for any number of exchanges.
#[derive(Debug)]
pub struct RuleSet {
    /// The name the user gave.
    pub name: Arc<str>,
    /// Tried from first to last; what `use:` names comes after the set's own rules.
    pub rules: Vec<Rule>,
    /// Which of them can match an answer.
    pub index: Index,
    /// Everything the rules look at in a body.
    pub subjects: Subjects,
    /// Tests of the body's text that are decided while it goes by: see [`RuleSet::with_texts`].
    pub texts: TextSet,
    /// The rules with such tests, by their index.
    pub text_rules: Vec<usize>,
    /// When no rule matches.
    pub default: Fallback,
    /// When a rule that matched cannot be carried out.
    pub on_error: OnError,
    /// This set's own bounds on holding a body.
    pub hold: HoldChange,
    /// What the rules that act say about sending requests again; empty for most sets.
    pub retries: Vec<Arc<Retry>>,
}

/// A condition and what to produce.
#[derive(Debug)]
pub struct Rule {
    /// `rule-set/rule`, the name in logs, metrics and traces.
    pub label: Arc<str>,
    /// Whether it acts.
    pub mode: Mode,
    /// What it does.
    pub kind: RuleKind,
}

/// What a rule does.
#[derive(Debug)]
pub enum RuleKind {
    /// Translates answers that fit a condition.
    Translate {
        /// The condition.
        when: Condition,
        /// What to produce.
        then: Box<Action>,
    },
    /// Unwraps an envelope that describes the real answer.
    Unwrap(Contract),
}

/// Whether a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Decides and changes the answer.
    #[default]
    Enforce,
    /// Decides, is logged and counted, and changes nothing.
    Shadow,
    /// Is not looked at.
    Off,
}

/// What holds when no rule matches.
#[derive(Debug, Default)]
pub enum Fallback {
    /// The upstream's answer is passed on.
    #[default]
    Pass,
    /// This is produced.
    Produce(Arc<str>, Box<Action>),
}

/// What holds when a rule cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The upstream's answer is passed on.
    #[default]
    Pass,
    /// 502.
    Fail,
}

impl Rule {
    /// The condition, where the rule has one and is looked at.
    fn asked(&self) -> Option<&Condition> {
        match &self.kind {
            RuleKind::Translate { when, .. } if self.mode != Mode::Off => Some(when),
            _ => None,
        }
    }

    /// The tests of the body's text.
    fn text_tests(&mut self) -> impl Iterator<Item = &mut Leaf> {
        let when = match &mut self.kind {
            RuleKind::Translate { when, .. } if self.mode != Mode::Off => Some(when),
            _ => None,
        };
        let leaves = when.into_iter().flat_map(Condition::leaves_mut);
        leaves.filter(|leaf| matches!(leaf.subject, Subject::Body))
    }

    /// What the rule says about sending the request again.
    pub fn retry(&self) -> Option<&Arc<Retry>> {
        match &self.kind {
            RuleKind::Translate { then, .. } => then.retry.as_ref(),
            RuleKind::Unwrap(_) => None,
        }
    }
}

impl RuleSet {
    /// Prepares the tests of the body's text to be decided while it goes by; without that they wait for its end.
    pub fn with_texts(mut self) -> RuleSet {
        let rules = self.rules.iter_mut().enumerate();
        let tests = rules.flat_map(|(index, rule)| rule.text_tests().map(move |leaf| (index, leaf)));
        let mut tests: Vec<(usize, &mut Leaf)> = tests.collect();
        let (texts, sought) = TextSet::new(tests.iter().map(|(_, leaf)| &leaf.test));
        for ((_, leaf), sought) in tests.iter_mut().zip(sought) {
            leaf.sought = sought;
        }
        let mut text_rules: Vec<usize> = tests.into_iter().map(|(index, _)| index).collect();
        text_rules.dedup();
        RuleSet { texts, text_rules, ..self }
    }

    /// Whether some rule still waits for the body's text or for what it is as XML.
    pub fn awaits_text(&self, facts: &Facts<'_>) -> bool {
        let waits =
            |rule: &Rule| rule.asked().is_some_and(|when| when.truth(facts, &mut None) == Truth::Unknown);
        let mut text_rules = self.text_rules.iter().filter_map(|index| self.rules.get(*index));
        if !self.subjects.elements.is_empty() {
            return true;
        }
        // Some rule waits for the body; where all of them read its text there is no need to ask which.
        !self.texts.is_empty() && (self.text_rules.len() == self.rules.len() || text_rules.any(waits))
    }

    /// Whether no head can settle anything: the first rule that is looked at asks for nothing but the body.
    pub fn waits_for_body(&self) -> bool {
        let first = self.rules.iter().find(|rule| rule.mode != Mode::Off);
        first.is_some_and(|rule| match &rule.kind {
            RuleKind::Translate { when, .. } => when.waits_for_body(),
            RuleKind::Unwrap(_) => true,
        })
    }

    /// Whether some rule looks at the body.
    pub fn reads_body(&self) -> bool {
        self.subjects.body
    }

    /// Whether some template asks how the request came.
    pub fn reads_circumstances(&self) -> bool {
        self.subjects.circumstances
    }

    /// Whether some rule looks at the request's headers.
    pub fn reads_request_headers(&self) -> bool {
        self.subjects.request_headers
    }

    /// The headers of answers that some rule looks at by their names; `None` where it may be any.
    pub fn reads_answer_headers(&self) -> Option<&[HeaderName]> {
        (!self.subjects.all_answer_headers).then_some(&self.subjects.answer_headers)
    }

    /// Whether some rule might have a request with this method and these headers sent again.
    pub fn may_retry(&self, method: &Method, headers: &HeaderMap) -> bool {
        self.retries.iter().any(|retry| retry.repeatable.allows(method, headers))
    }
}
