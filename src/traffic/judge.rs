//! What a configuration makes of a recorded exchange: the same steps as the proxy's, without a network.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::{Recorded, gateway};
use crate::apigateway::execute::Finished;
use crate::engine::exchange::Circumstances;
use crate::engine::mutation::{BodyChange, Mutation};
use crate::engine::outcome::{Outcome, Shadow, Undecided, Verdict};
use crate::engine::route::{Found, NO_METHOD, NO_ROUTE, Route};
use crate::engine::selection::Chosen;
use crate::engine::{self, AnswerHead, Exchange, Inquiry, Progress, RuleSet};
use crate::live::{Deployment, Snapshot};

/// What becomes of an exchange.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The status that the client gets.
    pub status: StatusCode,
    /// Who or what decided so.
    pub reason: Reason,
    /// Rules in shadow mode that would have decided.
    pub shadows: Vec<Shadow>,
    made: Made,
}

/// What the client's answer is made of.
#[derive(Debug, Clone, PartialEq)]
enum Made {
    /// The upstream's, changed so.
    Rewritten(Mutation),
    /// The API's own.
    Whole(HeaderMap, Bytes),
}

/// Who or what decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The engine.
    Verdict(Verdict),
    /// Candor refuses the request itself, and says so.
    Refused(String),
    /// An API; by which integration response or gateway response.
    Api(String),
}

impl Judged {
    /// What becomes of it where there are no rules.
    pub fn untouched(recorded: &Recorded) -> Judged {
        Judged::of(recorded.exchange.answer.head.status, Outcome::pass())
    }

    fn of(upstream: StatusCode, outcome: Outcome) -> Judged {
        let Outcome { verdict, mutation, shadows, .. } = outcome;
        let status = mutation.status.unwrap_or(upstream);
        Judged { status, reason: Reason::Verdict(verdict), shadows, made: Made::Rewritten(mutation) }
    }

    /// What an API makes of it.
    fn by_api(deployment: &Deployment, recorded: &Recorded) -> Judged {
        let Some(Finished { answer, fault, chosen, .. }) = gateway::finished(deployment, recorded) else {
            let verdict = Verdict::Undecided { reason: Undecided::CutShort };
            let outcome = Outcome { verdict, ..Outcome::pass() };
            return Judged::of(recorded.exchange.answer.head.status, outcome);
        };
        let reason = match (fault, chosen) {
            (Some(fault), _) => format!("gateway response {}", fault.kind.name()),
            (None, Some(chosen)) => {
                format!("integration response {}", chosen.pattern.as_deref().unwrap_or("default"))
            }
            (None, None) => "API".to_owned(),
        };
        let made = Made::Whole(HeaderMap::from(&answer.headers), answer.body);
        Judged { status: answer.status, reason: Reason::Api(reason), shadows: Vec::new(), made }
    }

    fn refused(status: StatusCode, why: impl Into<String>) -> Judged {
        Judged {
            status,
            reason: Reason::Refused(why.into()),
            shadows: Vec::new(),
            made: Made::Rewritten(Mutation::default()),
        }
    }

    /// The rule that decided, if one did.
    pub fn rule(&self) -> Option<&str> {
        match &self.reason {
            Reason::Verdict(verdict) => verdict.rule(),
            Reason::Refused(_) | Reason::Api(_) => None,
        }
    }

    /// Who or what decided, in a few words.
    pub fn said(&self) -> Cow<'_, str> {
        match &self.reason {
            Reason::Verdict(Verdict::PassThrough { .. }) => "(passed)".into(),
            Reason::Verdict(Verdict::Rewrite { rule }) => (&**rule).into(),
            Reason::Verdict(Verdict::Undecided { reason }) => format!("(undecided: {reason})").into(),
            Reason::Verdict(Verdict::Failed { rule, .. }) => format!("{rule} (failed)").into(),
            Reason::Refused(why) => format!("({why})").into(),
            Reason::Api(by) => by.into(),
        }
    }

    /// Whether the client gets the same answer from the other.
    pub fn answers_like(&self, other: &Judged, recorded: &Recorded) -> bool {
        if matches!(self.reason, Reason::Refused(_)) || matches!(other.reason, Reason::Refused(_)) {
            return self.reason == other.reason;
        }
        self.made == other.made || self.answer(&recorded.exchange) == other.answer(&recorded.exchange)
    }

    /// Status, headers and body for the client.
    fn answer(&self, exchange: &Exchange) -> (StatusCode, HeaderMap, Bytes) {
        let mutation = match &self.made {
            Made::Rewritten(mutation) => mutation.clone(),
            Made::Whole(headers, body) => return (self.status, headers.clone(), body.clone()),
        };
        let mut head = exchange.answer.head.clone();
        let body = match mutation.apply(&mut head, &exchange.request.method) {
            BodyChange::Keep => exchange.answer.body.clone(),
            BodyChange::Replace(bytes) => bytes,
        };
        (head.status, head.headers, body)
    }
}

/// What this configuration makes of the exchange.
pub fn judge(snapshot: &Snapshot, recorded: &Recorded) -> Judged {
    let request = &recorded.exchange.request;
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match snapshot.routes.find(host.or(request.uri.host()), &request.method, request.uri.path()) {
        Found::Route(route) => on_route(snapshot, route, recorded),
        Found::MethodNotAllowed { .. } => Judged::refused(StatusCode::METHOD_NOT_ALLOWED, NO_METHOD),
        Found::NotFound => match &snapshot.deployment {
            Some(deployment) => Judged::by_api(deployment, recorded),
            None => Judged::refused(StatusCode::NOT_FOUND, NO_ROUTE),
        },
    }
}

fn on_route(snapshot: &Snapshot, route: &Route, recorded: &Recorded) -> Judged {
    let client = recorded.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let selection = snapshot.selection.as_ref();
    let mut exchange = Cow::Borrowed(&recorded.exchange);
    // Only what chooses is taken off the heads.
    let (mut asked, mut answered) = match selection {
        Some(_) => (exchange.request.headers.clone(), exchange.answer.head.headers.clone()),
        None => (HeaderMap::new(), HeaderMap::new()),
    };
    let chosen = match Chosen::by_request(selection, route, &mut asked, client) {
        Ok(chosen) => chosen,
        Err(rejected) => return Judged::refused(StatusCode::BAD_REQUEST, rejected.detail),
    };
    let rule_set = chosen.settle(&mut answered);
    if selection.is_some() {
        let exchange = exchange.to_mut();
        exchange.request.headers = asked;
        exchange.answer.head.headers = answered;
    }
    let Some(rule_set) = rule_set else { return Judged::untouched(recorded) };
    if rule_set.reads_circumstances() {
        exchange.to_mut().request.circumstances = Some(Box::new(circumstances(route, recorded, client)));
    }
    let outcome = outcome(snapshot, rule_set, &exchange, recorded.is_cut);
    Judged::of(exchange.answer.head.status, outcome)
}

fn outcome(snapshot: &Snapshot, rule_set: &RuleSet, exchange: &Exchange, is_cut: bool) -> Outcome {
    let limits = &snapshot.limits;
    if !is_cut {
        return engine::evaluate(rule_set, exchange, limits, false);
    }
    let head: &AnswerHead = &exchange.answer.head;
    let inquiry = Inquiry { rule_set, request: &exchange.request, head, limits, explain: false };
    match inquiry.begin() {
        Progress::Settled(outcome) => *outcome,
        Progress::Waiting(mut evaluation) => match evaluation.feed(&inquiry, &exchange.answer.body) {
            Some(outcome) => outcome,
            None => evaluation.give_up(&inquiry, Undecided::CutShort),
        },
    }
}

/// How the request came, as far as the recording knows.
fn circumstances(route: &Route, recorded: &Recorded, client: IpAddr) -> Circumstances {
    let request = &recorded.exchange.request;
    let request_id = request.headers.get("x-request-id").and_then(|value| value.to_str().ok());
    Circumstances {
        resource_path: route.path.to_string(),
        path_parameters: route.path.parameters(request.uri.path()),
        request_id: request_id.unwrap_or_default().to_owned(),
        source_ip: client.to_string(),
        protocol: "HTTP/1.1",
        ..Circumstances::default()
    }
}
