//! HTTP mode: one request in, one request to the upstream, its answer read, decided about and sent on.
//!
//! [`server::run`] accepts connections and hands them to workers; each worker is a thread with a runtime, its own
//! upstream connections, and no lock. `Worker::handle` is the path of an exchange. All that is decided is
//! decided by [`engine`](crate::engine); all that goes wrong becomes an answer in `error.rs`.

mod body;
mod budget;
mod error;
mod forwarded;
mod headers;
mod hold;
mod proxy_status;
mod record;
mod request_body;
mod request_id;
mod retry;
mod select;
pub mod server;
mod upstream;
mod vary;
mod wire;
mod worker;

use std::cell::Cell;
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use tokio::time::sleep;

pub use server::{Drained, StopSignals, bind, run};

use body::{Body, Content};
use error::ProxyError;
use forwarded::Peer;
use hold::Decided;
use record::Record;
use retry::{Prospect, Tries};
use select::Rules;
use upstream::Upstream;

use crate::engine::mutation::{BodyChange, allows_body};
use crate::engine::outcome::{Outcome, Verdict};
use crate::engine::{AnswerHead, Inquiry, Limits, RequestSnapshot};
use crate::live::Snapshot;
use crate::settings::ProxyStatus;

/// What one thread needs to carry exchanges.
struct Worker {
    snapshot: Arc<Snapshot>,
    upstreams: Vec<Upstream>,
    /// Whether exchanges in flight are the last.
    draining: Cell<bool>,
}

/// An answer that is ready for the client.
struct Reply {
    head: AnswerHead,
    reason: Option<ReasonPhrase>,
    content: Content,
}

impl Worker {
    /// A worker without connections. Call it inside its runtime.
    fn new(snapshot: Arc<Snapshot>) -> Worker {
        let upstreams = snapshot.settings.upstreams.iter().map(Upstream::new).collect();
        Worker { snapshot, upstreams, draining: Cell::new(false) }
    }

    /// Carries one exchange. Whatever happens, the client gets an answer with the exchange's id on it.
    async fn handle(&self, peer: &Peer, mut request: Request<Incoming>) -> Response<Body> {
        let request_id = request_id::settle(request.headers_mut());
        let mut record = Record::begin(&request_id, peer.ip, &request);
        let method = request.method().clone();
        let mut reply = match self.carry(peer, request, &mut record).await {
            Ok(reply) => reply,
            Err(error) => Reply::own(&error, &method, &mut record),
        };
        reply.head.headers.insert(request_id::REQUEST_ID, request_id);
        record.responded(reply.head.status);
        reply.into_response(record)
    }

    async fn carry(
        &self,
        peer: &Peer,
        mut request: Request<Incoming>,
        record: &mut Record,
    ) -> Result<Reply, ProxyError> {
        let snapshot = &self.snapshot();
        select::settle_host(&mut request)?;
        let route = select::route(&snapshot.routes, &request)?;
        let upstream = self.upstream(route.upstream)?;
        record.routed(route, &upstream.name);
        let rules = Rules::choose(snapshot.selection.as_ref(), route, request.headers_mut(), peer)?;
        let asked = asked(&request, &rules);

        headers::strip_request(request.headers_mut());
        peer.forward(request.headers_mut(), &snapshot.settings.server.trusted_proxies);
        let prospect = Prospect {
            may_retry: rules.may_retry(request.method(), request.headers()),
            body_bytes_max: snapshot.settings.server.retry_body_bytes,
        };
        let (mut request, mut tries) = Tries::begin(upstream, request, prospect);
        let (head, phrase, decided) = loop {
            let answer = tries.send(request, record).await?;
            record.answered(answer.status());
            let (mut head, phrase, body) = taken_apart(answer);
            headers::strip_answer(&mut head.headers);
            let decided = decide(&rules, &snapshot.limits, &asked, &mut head, body, record).await;
            let Some((again, pause)) = tries.again(&decided.outcome, self.draining.get(), record) else {
                break (head, phrase, decided);
            };
            decided.content.discard();
            sleep(pause).await;
            request = again;
        };

        let told = tells(&snapshot.settings.server.proxy_status, peer);
        let mut reply = rewritten(head, phrase, decided, &asked.method, told, record)?;
        if let Some(header) = rules.vary() {
            vary::add(&mut reply.head.headers, &asked.method, header);
        }
        Ok(reply)
    }

    /// The configuration this exchange sees from its first byte to its last.
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    fn upstream(&self, index: usize) -> Result<&Upstream, ProxyError> {
        self.upstreams.get(index).ok_or(ProxyError::Internal("the route's upstream does not exist"))
    }
}

/// What rules may ask of the request, before anything is done to it.
fn asked(request: &Request<Incoming>, rules: &Rules<'_>) -> RequestSnapshot {
    let headers = if rules.read_request_headers() { request.headers().clone() } else { HeaderMap::new() };
    RequestSnapshot { method: request.method().clone(), uri: request.uri().clone(), headers }
}

/// Head, reason phrase when it is not the status's usual one, and body.
fn taken_apart(answer: Response<Incoming>) -> (AnswerHead, Option<ReasonPhrase>, Incoming) {
    let (mut parts, body) = answer.into_parts();
    let phrase = parts.extensions.remove();
    (AnswerHead { status: parts.status, headers: parts.headers }, phrase, body)
}

/// What the rules in force make of an answer.
async fn decide(
    rules: &Rules<'_>,
    limits: &Limits,
    asked: &RequestSnapshot,
    head: &mut AnswerHead,
    body: Incoming,
    record: &mut Record,
) -> Decided {
    let Some(rule_set) = rules.settle(&mut head.headers) else {
        return Decided::by_head(Outcome::pass(), body);
    };
    record.ruled_by(rule_set);
    hold::decide(&Inquiry { rule_set, request: asked, head, limits, explain: false }, body).await
}

/// Carries the decision out.
fn rewritten(
    mut head: AnswerHead,
    phrase: Option<ReasonPhrase>,
    decided: Decided,
    method: &Method,
    told: bool,
    record: &mut Record,
) -> Result<Reply, ProxyError> {
    let Decided { outcome: Outcome { verdict, mut mutation, shadows, .. }, content, held_bytes, broken } =
        decided;
    let received = head.status;
    let reason = mutation.reason.take().and_then(|reason| ReasonPhrase::try_from(reason).ok());
    let change = mutation.apply(&mut head, method);
    if told && let Some(details) = details(&verdict) {
        head.headers.append(proxy_status::PROXY_STATUS, proxy_status::received(received, &details));
    }
    let reason = reason.or(phrase.filter(|_| head.status == received));
    record.decided(verdict, shadows, held_bytes);
    let content = match (change, broken) {
        (BodyChange::Keep, Some(error)) => return Err(ProxyError::cut_short(error)),
        (BodyChange::Keep, None) if method != Method::HEAD && allows_body(head.status) => content,
        (BodyChange::Keep, _) => {
            content.discard();
            Content::Empty
        }
        (BodyChange::Replace(bytes), _) => {
            content.discard();
            Content::from(bytes)
        }
    };
    Ok(Reply { head, reason, content })
}

/// Whether this peer is told what the upstream said.
fn tells(proxy_status: &ProxyStatus, peer: &Peer) -> bool {
    match proxy_status {
        ProxyStatus::Off => false,
        ProxyStatus::Always => true,
        ProxyStatus::Peers(networks) => peer.is_in(networks),
    }
}

/// What was made of the answer, for `Proxy-Status`; `None` when nothing was, and nothing had to be.
fn details(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::PassThrough { .. } => None,
        Verdict::Rewrite { rule } => Some(format!("rule={rule}")),
        Verdict::Failed { rule, .. } => Some(format!("rule={rule} failed")),
        Verdict::Undecided { reason } => Some(format!("undecided: {reason}")),
    }
}

impl Reply {
    /// Candor's own answer.
    fn own(error: &ProxyError, method: &Method, record: &mut Record) -> Reply {
        record.failed(error);
        let (head, body) = error.answer();
        let content = if method == Method::HEAD { Content::Empty } else { Content::from(body) };
        Reply { head, reason: None, content }
    }

    fn into_response(self, record: Record) -> Response<Body> {
        let mut response = Response::new(Body::new(self.content, record));
        *response.status_mut() = self.head.status;
        *response.headers_mut() = self.head.headers;
        if let Some(reason) = self.reason {
            response.extensions_mut().insert(reason);
        }
        response
    }
}
