//! A named, ordered list of rules and what holds when none of them matches.

use std::sync::Arc;

use http::{HeaderMap, Method};

use super::action::Action;
use super::condition::Condition;
use super::envelope::Contract;
use super::hold::HoldChange;
use super::index::Index;
use super::retry::Retry;
use super::subject::Subjects;

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
    /// What the rule says about sending the request again.
    pub fn retry(&self) -> Option<&Arc<Retry>> {
        match &self.kind {
            RuleKind::Translate { then, .. } => then.retry.as_ref(),
            RuleKind::Unwrap(_) => None,
        }
    }
}

impl RuleSet {
    /// Whether some rule looks at the body.
    pub fn reads_body(&self) -> bool {
        self.subjects.body
    }

    /// Whether some rule looks at the request's headers.
    pub fn reads_request_headers(&self) -> bool {
        self.subjects.request_headers
    }

    /// Whether some rule might have a request with this method and these headers sent again.
    pub fn may_retry(&self, method: &Method, headers: &HeaderMap) -> bool {
        self.retries.iter().any(|retry| retry.repeatable.allows(method, headers))
    }
}
