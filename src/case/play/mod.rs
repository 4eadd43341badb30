//! A case played without a socket, and what any door tells of how a case came out.

mod api;
mod rules;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::given::About;
use super::{Case, Given, Subject};
use crate::apigateway::execute::{self, Chosen, Fault, Headers, Misfit};
use crate::apigateway::model::Api;
use crate::engine::outcome::{Shadow, Verdict};
use crate::engine::trace::Trace;
use crate::live::{Deployment, Snapshot};

/// What the client gets, and what the door tells of how that came about.
#[derive(Debug)]
pub struct Played {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase on HTTP/1.1; empty for a status that has none.
    pub reason: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What went to the upstream.
    pub sent: Sent,
    /// How it was decided.
    pub decision: Decision,
}

/// What a door tells of the decision behind an answer.
#[derive(Debug)]
pub enum Decision {
    /// All that rules decided.
    Made {
        /// What was decided.
        verdict: Verdict,
        /// Rules in shadow mode that would have decided.
        shadows: Vec<Shadow>,
        /// Why.
        trace: Trace,
    },
    /// All that an API decided.
    Carried {
        /// The integration response; none for proxy integrations and where a request went no further.
        chosen: Option<Chosen>,
        /// Why the answer is a gateway response, where it is one.
        fault: Option<Fault>,
        /// Where the answer differs from the model that its method declares.
        misfits: Vec<Misfit>,
        /// What happened on the way.
        trace: Option<Box<execute::Trace>>,
    },
    /// There was none to make: the answer is Candor's own.
    None,
    /// Nothing: the door shows the answer as a client sees it.
    Unseen,
}

/// What a door tells of what went to the upstream.
#[derive(Debug)]
pub enum Sent {
    /// Nothing is told.
    Unseen,
    /// Nothing went there.
    Nothing,
    /// This went there.
    Request(Box<SentRequest>),
}

/// A request that went to an upstream.
#[derive(Debug)]
pub struct SentRequest {
    /// Its method.
    pub method: Method,
    /// Whom it went to.
    pub target: SentTo,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

/// Whom a request went to.
#[derive(Debug)]
pub enum SentTo {
    /// The backend at a URL.
    Url(String),
    /// A function, with its alias where it has one: `orders:live`.
    Function(String),
    /// A service of AWS.
    Service {
        /// Its name.
        name: String,
        /// The path, with the query.
        path: String,
    },
    /// Whoever answers to this path; the door does not tell who is meant.
    Path(String),
}

impl Case {
    /// Plays the case without a socket.
    pub fn evaluate(&self) -> Played {
        match &self.subject {
            Subject::Rules { snapshot, .. } => rules::play(snapshot, &self.given),
            Subject::Api { gateway, .. } => api::play(&gateway.api, &gateway.settings, &self.given),
        }
    }
}

/// Plays what is given through a configuration, as the proxy carries it: by its routes, else through its API.
pub(super) fn through(snapshot: &Snapshot, about: About, given: &Given) -> Played {
    match (&snapshot.deployment, about) {
        (Some(deployment), About::Api) => api::play(&deployment.api, &deployment.settings, given),
        _ => rules::play(snapshot, given),
    }
}

/// Plays what is given through an API that is carried out as the one in force.
pub(super) fn through_api(api: &Api, settings: &execute::Settings, given: &Given) -> Played {
    api::play(api, settings, given)
}

/// Plays what an API has carried before: the key it came with was a good one, and need not be known any more.
pub(super) fn once_more(deployment: &Deployment, given: &Given) -> Played {
    api::play(&deployment.api, &deployment.settings.without_keys(), given)
}

impl Decision {
    /// Why it was decided so, in words, if there is anything to say; `None` where the door does not tell.
    pub(super) fn reason(&self) -> Option<Option<String>> {
        match self {
            Decision::Made { verdict, .. } => Some(verdict.reason().map(|reason| reason.to_string())),
            Decision::Carried { fault, .. } => Some(fault.as_ref().map(|fault| fault.cause.clone())),
            Decision::None => Some(None),
            Decision::Unseen => None,
        }
    }
}

impl SentRequest {
    /// A part of it by its key in `sent`: `Some(None)` where it has no such part, `None` where the door does not tell.
    pub(super) fn part(&self, key: &str) -> Option<Option<String>> {
        let part = match (key, &self.target) {
            ("method", _) => Some(self.method.to_string()),
            ("url", SentTo::Url(url)) => Some(url.clone()),
            ("path", SentTo::Url(url)) => Some(path_of(url).to_owned()),
            ("path", SentTo::Service { path, .. } | SentTo::Path(path)) => Some(path.clone()),
            ("service", SentTo::Service { name, .. }) => Some(name.clone()),
            ("function", SentTo::Function(name)) => Some(name.clone()),
            (_, SentTo::Path(_)) => return None,
            _ => None,
        };
        Some(part)
    }
}

impl fmt::Display for SentTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SentTo::Url(text) | SentTo::Path(text) => write!(f, "a request to `{text}`"),
            SentTo::Function(name) => write!(f, "an event for the function `{name}`"),
            SentTo::Service { name, path } => write!(f, "a request to `{name}` at `{path}`"),
        }
    }
}

/// Path and query of a URL.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/")
}

fn usual_reason(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().to_owned()
}
