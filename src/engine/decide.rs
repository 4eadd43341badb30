//! Chooses the first rule whose condition holds and says what comes of it. Records every comparison in the
//! [`Trace`] when asked; makes no change itself.

use std::sync::Arc;

use http::StatusCode;

use super::action::{Action, Hindrance, no_store, turns_into_error};
use super::condition::{Condition, Truth};
use super::envelope::{self, Contract, Envelope, Malformed};
use super::facts::{Body, Facts, Seen};
use super::hold::OnLimit;
use super::index::Candidate;
use super::mutation::{BodyChange, HeaderOp, Mutation};
use super::outcome::{Bypass, Outcome, Shadow, Undecided, Verdict};
use super::problem::{PROBLEM_JSON, Problem};
use super::retry::Retry;
use super::ruleset::{Fallback, Mode, OnError, Rule, RuleKind, RuleSet};
use super::trace::{Check, Step, StepResult, Trace};

/// The outcome, or `None` while a rule that comes first waits for more of the body.
pub fn decide(rule_set: &RuleSet, facts: &Facts<'_>, on_limit: OnLimit, explain: bool) -> Option<Outcome> {
    let decision =
        Decision { rule_set, facts, on_limit, shadows: Vec::new(), trace: explain.then(Trace::default) };
    // A trace has every rule, also those that cannot match.
    if explain {
        decision.run((0..rule_set.rules.len()).map(Candidate::unsure))
    } else {
        decision.run(rule_set.index.candidates(facts))
    }
}

/// One run through the rules.
struct Decision<'a, 'e> {
    rule_set: &'a RuleSet,
    facts: &'a Facts<'e>,
    on_limit: OnLimit,
    shadows: Vec<Shadow>,
    trace: Option<Trace>,
}

/// What came of looking at one rule.
enum Considered {
    Next,
    Waiting,
    Settled(Verdict, Mutation),
}

/// What one rule says.
enum Said {
    /// Nothing; why not, for the trace.
    Nothing(Option<String>),
    Unknown,
    Fires(Result<Mutation, Failure>),
}

/// Why a rule that matched could not be carried out, and a status it insists on answering with.
struct Failure {
    error: String,
    answer: Option<StatusCode>,
}

impl Decision<'_, '_> {
    fn run(mut self, candidates: impl Iterator<Item = Candidate>) -> Option<Outcome> {
        let rules = &self.rule_set.rules;
        for Candidate { place, holds } in candidates {
            let Some(rule) = rules.get(place) else { continue };
            match self.consider(rule, holds) {
                Considered::Next => {}
                Considered::Waiting => return None,
                Considered::Settled(verdict, mutation) => {
                    self.not_reached(rules.get(place + 1..).unwrap_or_default());
                    return Some(self.outcome(verdict, mutation, rule.retry()));
                }
            }
        }
        self.fall_back()
    }

    /// Looks at one rule, of which it may be known that it `holds`.
    fn consider(&mut self, rule: &Rule, holds: bool) -> Considered {
        if rule.mode == Mode::Off {
            self.step(rule, StepResult::Off, Vec::new(), None);
            return Considered::Next;
        }
        let mut checks = self.trace.is_some().then(Vec::new);
        let Some(said) = self.ask(rule, holds, &mut checks) else { return Considered::Waiting };
        let checks = checks.unwrap_or_default();
        match (said, rule.mode) {
            (Said::Nothing(note), _) => {
                self.step(rule, StepResult::NotMatched, checks, note);
                Considered::Next
            }
            (Said::Unknown, mode) => self.unknown(rule, mode, checks),
            (Said::Fires(result), Mode::Shadow) => {
                let status = result.as_ref().ok().map(|m| m.status.unwrap_or(self.facts.head.status));
                self.shadows.push(Shadow { rule: Arc::clone(&rule.label), status });
                self.step(rule, StepResult::WouldFire, checks, result.err().map(|failure| failure.error));
                Considered::Next
            }
            (Said::Fires(Ok(mutation)), _) => {
                self.step(rule, StepResult::Fired, checks, None);
                Considered::Settled(Verdict::Rewrite { rule: Arc::clone(&rule.label) }, mutation)
            }
            (Said::Fires(Err(failure)), _) => {
                self.step(rule, StepResult::Failed, checks, Some(failure.error.clone()));
                self.failed(&rule.label, failure)
            }
        }
    }

    /// What the rule says; `None` when the body must go on first.
    fn ask(&self, rule: &Rule, holds: bool, checks: &mut Option<Vec<Check>>) -> Option<Said> {
        match &rule.kind {
            RuleKind::Translate { when, then } => {
                match if holds { Truth::True } else { when.truth(self.facts, checks) } {
                    Truth::False => Some(Said::Nothing(None)),
                    Truth::Unknown => self.unless_pending(Said::Unknown),
                    Truth::True => carried_out(then, Some(when), self.facts),
                }
            }
            RuleKind::Unwrap(contract) => match self.facts.whole() {
                Ok(body) => Some(self.unwrap(body, *contract)),
                Err(Seen::Pending) => None,
                Err(_) => Some(Said::Unknown),
            },
        }
    }

    fn unwrap(&self, body: &[u8], contract: Contract) -> Said {
        match (envelope::read(body, contract), contract) {
            (Ok(envelope), _) => Said::Fires(Ok(unwrapped(envelope, self.facts.head.status))),
            (Err(Malformed { reason, .. }), Contract::Auto) => Said::Nothing(Some(reason)),
            (Err(Malformed { reason, answer }), Contract::Required) => {
                Said::Fires(Err(Failure { error: reason, answer: Some(answer) }))
            }
        }
    }

    fn unless_pending(&self, said: Said) -> Option<Said> {
        (!matches!(self.facts.body, Body::Pending)).then_some(said)
    }

    /// A rule that cannot be known. A body that is never looked at rules it out; any other withheld body leaves
    /// open whether it would have come first, so nothing after it may decide. A shadow rule never stops anything.
    fn unknown(&mut self, rule: &Rule, mode: Mode, checks: Vec<Check>) -> Considered {
        let reason = match (&self.facts.body, mode) {
            (Body::Unknown(reason), Mode::Enforce) => reason,
            (body, _) => {
                let note = match body {
                    Body::Bypassed(bypass) => Some(format!("body not looked at: {bypass}")),
                    Body::Unknown(reason) => Some(reason.to_string()),
                    Body::Pending | Body::Whole(_) => None,
                };
                self.step(rule, StepResult::NotMatched, checks, note);
                return Considered::Next;
            }
        };
        self.step(rule, StepResult::Undecided, checks, Some(reason.to_string()));
        self.undecided(reason)
    }

    fn undecided(&self, reason: &Undecided) -> Considered {
        let mutation = match self.on_limit {
            OnLimit::Pass => Mutation::default(),
            OnLimit::Fail => refused(
                StatusCode::BAD_GATEWAY,
                format!("the upstream's answer could not be checked: {reason}"),
            ),
        };
        Considered::Settled(Verdict::Undecided { reason: reason.clone() }, mutation)
    }

    fn failed(&self, label: &Arc<str>, failure: Failure) -> Considered {
        let mutation = match (failure.answer, self.rule_set.on_error) {
            (Some(status), _) => refused(status, "the upstream's answer is malformed"),
            (None, OnError::Fail) => {
                refused(StatusCode::BAD_GATEWAY, "the upstream's answer could not be translated")
            }
            (None, OnError::Pass) => Mutation::default(),
        };
        Considered::Settled(Verdict::Failed { rule: Arc::clone(label), error: failure.error }, mutation)
    }

    /// No rule matched.
    fn fall_back(self) -> Option<Outcome> {
        let bypass = self.bypass();
        let (label, action) = match &self.rule_set.default {
            // A default is for answers that were looked at; a body that is never looked at is passed on.
            Fallback::Produce(label, action) if bypass.is_none() => (label, action),
            Fallback::Pass | Fallback::Produce(..) => {
                return Some(self.outcome(Verdict::PassThrough { bypass }, Mutation::default(), None));
            }
        };
        let considered = match (carried_out(action, None, self.facts)?, &self.facts.body) {
            (Said::Fires(Ok(mutation)), _) => {
                Considered::Settled(Verdict::Rewrite { rule: Arc::clone(label) }, mutation)
            }
            (Said::Fires(Err(failure)), _) => self.failed(label, failure),
            (Said::Unknown, Body::Unknown(reason)) => self.undecided(reason),
            (Said::Unknown | Said::Nothing(_), _) => return None,
        };
        let Considered::Settled(verdict, mutation) = considered else { return None };
        Some(self.outcome(verdict, mutation, action.retry.as_ref()))
    }

    fn bypass(&self) -> Option<Bypass> {
        match self.facts.body {
            Body::Bypassed(bypass) if self.rule_set.reads_body() => Some(bypass),
            _ => None,
        }
    }

    fn step(&mut self, rule: &Rule, result: StepResult, checks: Vec<Check>, note: Option<String>) {
        if let Some(trace) = &mut self.trace {
            trace.steps.push(Step { rule: Arc::clone(&rule.label), result, checks, note });
        }
    }

    fn not_reached(&mut self, rules: &[Rule]) {
        for rule in rules {
            self.step(rule, StepResult::NotReached, Vec::new(), None);
        }
    }

    /// A retry is part of what a rule produces, so there is none where nothing could be produced.
    fn outcome(self, verdict: Verdict, mutation: Mutation, retry: Option<&Arc<Retry>>) -> Outcome {
        let retry = retry.filter(|_| matches!(verdict, Verdict::Rewrite { .. })).cloned();
        Outcome { verdict, mutation, retry, shadows: self.shadows, trace: self.trace.unwrap_or_default() }
    }
}

/// What comes of an action whose turn it is; `None` when the body must go on first.
fn carried_out(action: &Action, when: Option<&Condition>, facts: &Facts<'_>) -> Option<Said> {
    match action.carry_out(when, facts) {
        Ok(mutation) => Some(Said::Fires(Ok(mutation))),
        Err(Hindrance::Pending) => None,
        Err(Hindrance::Unknown) => Some(Said::Unknown),
        Err(Hindrance::Failed(error)) => Some(Said::Fires(Err(Failure { error, answer: None }))),
    }
}

/// The envelope's status, headers and body in place of the upstream's. Upstream headers that the envelope does
/// not name stay, except those that described the envelope's own bytes.
fn unwrapped(envelope: Envelope, before: StatusCode) -> Mutation {
    let mut headers = Vec::new();
    if turns_into_error(before, envelope.status) {
        headers.extend(no_store());
    }
    for name in envelope.headers.keys() {
        headers.push(HeaderOp::Remove(name.clone()));
        headers
            .extend(envelope.headers.get_all(name).iter().map(|v| HeaderOp::Append(name.clone(), v.clone())));
    }
    Mutation {
        status: Some(envelope.status),
        reason: None,
        headers,
        body: BodyChange::Replace(envelope.body),
    }
}

/// Candor's own answer in place of one that cannot be passed on.
fn refused(status: StatusCode, detail: impl Into<String>) -> Mutation {
    use http::header::{CACHE_CONTROL, CONTENT_TYPE};
    let set = |name, value| HeaderOp::Set(name, http::HeaderValue::from_static(value));
    Mutation {
        status: Some(status),
        reason: None,
        headers: vec![set(CONTENT_TYPE, PROBLEM_JSON), set(CACHE_CONTROL, "no-store")],
        body: BodyChange::Replace(Problem::detail(detail).to_json(status)),
    }
}
