//! Chooses the first rule whose condition holds and says what comes of it. Records every comparison in the
//! [`Trace`] when asked; makes no change itself.

use std::mem::take;
use std::sync::Arc;

use http::StatusCode;

use super::action::{Action, turns_into_error};
use super::condition::{Condition, Truth};
use super::envelope::{self, Contract, Envelope, Malformed};
use super::facts::{Body, Facts, Seen};
use super::found::Hindrance;
use super::hold::OnLimit;
use super::index::Candidate;
use super::mutation::{BodyChange, HeaderOp, Mutation};
use super::outcome::{Bypass, Outcome, Shadow, Undecided, Verdict};
use super::problem::{PROBLEM_JSON, Problem};
use super::retry::Retry;
use super::ruleset::{Fallback, Mode, OnError, Rule, RuleKind, RuleSet};
use super::trace::{Check, Step, StepResult};

/// The outcome, or `None` while a rule that comes first waits for more of the body.
pub fn decide(rule_set: &RuleSet, facts: &Facts<'_>, on_limit: OnLimit, explain: bool) -> Option<Outcome> {
    let mut outcome = Outcome::pass();
    let decision = Decision { rule_set, facts, on_limit, explain, outcome: &mut outcome };
    // A trace has every rule, also those that cannot match.
    let settled = if explain {
        decision.run((0..rule_set.rules.len()).map(Candidate::unsure))
    } else {
        decision.run(rule_set.index.candidates(facts))
    };
    settled.then_some(outcome)
}

/// One run through the rules.
struct Decision<'a, 'e> {
    rule_set: &'a RuleSet,
    facts: &'a Facts<'e>,
    on_limit: OnLimit,
    /// Whether the outcome's trace is wanted.
    explain: bool,
    /// Written where it stands: handing on so much from function to function costs more than deciding.
    outcome: &'a mut Outcome,
}

/// What came of looking at one rule.
enum Considered {
    Next,
    Waiting,
    /// The outcome has its verdict and what carries it out.
    Settled,
}

/// What one rule says.
enum Said {
    /// Nothing; why not, for the trace.
    Nothing(Option<String>),
    Unknown,
    /// What the outcome's mutation is now.
    Fires,
    Fails(Failure),
}

/// Why a rule that matched could not be carried out, and a status it insists on answering with.
struct Failure {
    error: String,
    answer: Option<StatusCode>,
}

impl Decision<'_, '_> {
    /// Whether the outcome stands.
    fn run(mut self, candidates: impl Iterator<Item = Candidate>) -> bool {
        let rules = &self.rule_set.rules;
        for Candidate { place, holds } in candidates {
            let Some(rule) = rules.get(place) else { continue };
            match self.consider(rule, holds) {
                Considered::Next => {}
                Considered::Waiting => return false,
                Considered::Settled => {
                    self.not_reached(rules.get(place + 1..).unwrap_or_default());
                    self.allow_retry(rule.retry());
                    return true;
                }
            }
        }
        !matches!(self.fall_back(), Considered::Waiting)
    }

    /// Looks at one rule, of which it may be known that it `holds`.
    fn consider(&mut self, rule: &Rule, holds: bool) -> Considered {
        if rule.mode == Mode::Off {
            self.step(rule, StepResult::Off, Vec::new(), None);
            return Considered::Next;
        }
        let mut checks = self.explain.then(Vec::new);
        let Some(said) = self.ask(rule, holds, &mut checks) else { return Considered::Waiting };
        let checks = checks.unwrap_or_default();
        match (said, rule.mode) {
            (Said::Nothing(note), _) => {
                self.step(rule, StepResult::NotMatched, checks, note);
                Considered::Next
            }
            (Said::Unknown, mode) => self.unknown(rule, mode, checks),
            (Said::Fires, Mode::Shadow) => {
                let status = take(&mut self.outcome.mutation).status.unwrap_or(self.facts.head.status);
                self.would_fire(rule, Some(status), checks, None)
            }
            (Said::Fails(failure), Mode::Shadow) => self.would_fire(rule, None, checks, Some(failure.error)),
            (Said::Fires, _) => {
                self.step(rule, StepResult::Fired, checks, None);
                self.outcome.verdict = Verdict::Rewrite { rule: Arc::clone(&rule.label) };
                Considered::Settled
            }
            (Said::Fails(failure), _) => {
                self.step(rule, StepResult::Failed, checks, Some(failure.error.clone()));
                self.failed(&rule.label, failure)
            }
        }
    }

    /// What the rule says; `None` when the body must go on first.
    fn ask(&mut self, rule: &Rule, holds: bool, checks: &mut Option<Vec<Check>>) -> Option<Said> {
        match &rule.kind {
            RuleKind::Translate { when, then } => {
                match if holds { Truth::True } else { when.truth(self.facts, checks) } {
                    Truth::False => Some(Said::Nothing(None)),
                    Truth::Unknown => self.unless_pending(Said::Unknown),
                    Truth::True => self.carry_out(then, Some(when)),
                }
            }
            RuleKind::Unwrap(contract) => match self.facts.whole() {
                Ok(body) => Some(self.unwrap(body, *contract)),
                Err(Seen::Pending) => None,
                Err(_) => Some(Said::Unknown),
            },
        }
    }

    /// What comes of an action whose turn it is; `None` when the body must go on first.
    fn carry_out(&mut self, action: &Action, when: Option<&Condition>) -> Option<Said> {
        match action.carry_out(when, self.facts) {
            Ok(mutation) => {
                self.outcome.mutation = mutation;
                Some(Said::Fires)
            }
            Err(Hindrance::Pending) => None,
            Err(Hindrance::Unknown) => Some(Said::Unknown),
            Err(Hindrance::Failed(error)) => Some(Said::Fails(Failure { error, answer: None })),
        }
    }

    fn unwrap(&mut self, body: &[u8], contract: Contract) -> Said {
        match (envelope::read(body, contract), contract) {
            (Ok(envelope), _) => {
                self.outcome.mutation = unwrapped(envelope, self.facts.head.status);
                Said::Fires
            }
            (Err(Malformed { reason, .. }), Contract::Auto) => Said::Nothing(Some(reason)),
            (Err(Malformed { reason, answer }), Contract::Required) => {
                Said::Fails(Failure { error: reason, answer: Some(answer) })
            }
        }
    }

    fn unless_pending(&self, said: Said) -> Option<Said> {
        (!matches!(self.facts.body, Body::Pending)).then_some(said)
    }

    /// A rule in shadow mode matches, and would have sent this status unless it failed.
    fn would_fire(
        &mut self,
        rule: &Rule,
        status: Option<StatusCode>,
        checks: Vec<Check>,
        error: Option<String>,
    ) -> Considered {
        self.outcome.shadows.push(Shadow { rule: Arc::clone(&rule.label), status });
        self.step(rule, StepResult::WouldFire, checks, error);
        Considered::Next
    }

    /// A rule that cannot be known. A body that is never looked at rules it out; any other withheld body leaves
    /// open whether it would have come first, so nothing after it may decide. A shadow rule never stops anything.
    fn unknown(&mut self, rule: &Rule, mode: Mode, checks: Vec<Check>) -> Considered {
        let facts = self.facts;
        let reason = match (&facts.body, mode) {
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

    fn undecided(&mut self, reason: &Undecided) -> Considered {
        self.outcome.verdict = Verdict::Undecided { reason: reason.clone() };
        if self.on_limit == OnLimit::Fail {
            let detail = format!("the upstream's answer could not be checked: {reason}");
            self.outcome.mutation = refused(StatusCode::BAD_GATEWAY, detail);
        }
        Considered::Settled
    }

    fn failed(&mut self, label: &Arc<str>, failure: Failure) -> Considered {
        match (failure.answer, self.rule_set.on_error) {
            (Some(status), _) => {
                self.outcome.mutation = refused(status, "the upstream's answer is malformed");
            }
            (None, OnError::Fail) => {
                let detail = "the upstream's answer could not be translated";
                self.outcome.mutation = refused(StatusCode::BAD_GATEWAY, detail);
            }
            (None, OnError::Pass) => {}
        }
        self.outcome.verdict = Verdict::Failed { rule: Arc::clone(label), error: failure.error };
        Considered::Settled
    }

    /// No rule matched.
    fn fall_back(&mut self) -> Considered {
        let bypass = self.bypass();
        let (label, action) = match &self.rule_set.default {
            // A default is for answers that were looked at; a body that is never looked at is passed on.
            Fallback::Produce(label, action) if bypass.is_none() => (label, action),
            Fallback::Pass | Fallback::Produce(..) => {
                self.outcome.verdict = Verdict::PassThrough { bypass };
                return Considered::Settled;
            }
        };
        let facts = self.facts;
        match (self.carry_out(action, None), &facts.body) {
            (Some(Said::Fires), _) => {
                self.outcome.verdict = Verdict::Rewrite { rule: Arc::clone(label) };
                self.allow_retry(action.retry.as_ref());
                Considered::Settled
            }
            (Some(Said::Fails(failure)), _) => self.failed(label, failure),
            (Some(Said::Unknown), Body::Unknown(reason)) => self.undecided(reason),
            (Some(Said::Unknown | Said::Nothing(_)) | None, _) => Considered::Waiting,
        }
    }

    fn bypass(&self) -> Option<Bypass> {
        match self.facts.body {
            Body::Bypassed(bypass) if self.rule_set.reads_body() => Some(bypass),
            _ => None,
        }
    }

    fn step(&mut self, rule: &Rule, result: StepResult, checks: Vec<Check>, note: Option<String>) {
        if self.explain {
            let rule = Arc::clone(&rule.label);
            self.outcome.trace.steps.push(Step { rule, result, checks, note });
        }
    }

    fn not_reached(&mut self, rules: &[Rule]) {
        for rule in rules {
            self.step(rule, StepResult::NotReached, Vec::new(), None);
        }
    }

    /// A retry is part of what a rule produces, so there is none where nothing could be produced.
    fn allow_retry(&mut self, retry: Option<&Arc<Retry>>) {
        if matches!(self.outcome.verdict, Verdict::Rewrite { .. }) {
            self.outcome.retry = retry.cloned();
        }
    }
}

/// The envelope's status, headers and body in place of the upstream's. Upstream headers that the envelope does
/// not name stay, except those that described the envelope's own bytes.
fn unwrapped(envelope: Envelope, before: StatusCode) -> Mutation {
    let mut headers = Vec::new();
    for name in envelope.headers.keys() {
        headers.push(HeaderOp::Remove(name.clone()));
        headers
            .extend(envelope.headers.get_all(name).iter().map(|v| HeaderOp::Append(name.clone(), v.clone())));
    }
    Mutation {
        status: Some(envelope.status),
        reason: None,
        uncacheable: turns_into_error(before, envelope.status),
        headers,
        body: BodyChange::Replace(envelope.body),
    }
}

/// Candor's own answer in place of one that cannot be passed on.
fn refused(status: StatusCode, detail: impl Into<String>) -> Mutation {
    let problem_json = http::HeaderValue::from_static(PROBLEM_JSON);
    Mutation {
        status: Some(status),
        reason: None,
        uncacheable: true,
        headers: vec![HeaderOp::Set(http::header::CONTENT_TYPE, problem_json)],
        body: BodyChange::Replace(Problem::detail(detail).to_json(status)),
    }
}
