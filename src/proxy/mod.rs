//! HTTP mode: one request in, one request to the upstream, its answer read, decided about and sent on.
//!
//! [`server::run`] accepts connections and hands them to workers; each worker is a thread with a runtime, its own
//! upstream connections, and no lock. `Worker::handle` is the path of an exchange. All that is decided is
//! decided by [`engine`](crate::engine); all that goes wrong becomes an answer in `error.rs`.

mod alarm;
mod body;
mod door;
mod download;
mod error;
mod forwarded;
mod headers;
mod hold;
mod intake;
mod pace;
mod proxy_status;
mod record;
mod refusal;
mod request_id;
mod select;
pub mod server;
mod upstream;
mod vary;
mod worker;

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;

pub use server::{Drained, StopSignals, bind, run};

use body::{Body, Content};
use door::Turn;
use download::Download;
use error::ProxyError;
use forwarded::Peer;
use hold::{Decided, Holds};
use intake::Intake;
use record::Record;
use select::Rules;
use upstream::Upstream;

use crate::engine::mutation::{BodyChange, allows_body};
use crate::engine::outcome::{Outcome, Verdict};
use crate::engine::{AnswerHead, Inquiry, RequestSnapshot};
use crate::live::Snapshot;
use crate::settings::ProxyStatus;

/// What one thread needs to carry exchanges.
struct Worker {
    snapshot: Arc<Snapshot>,
    upstreams: Vec<Upstream>,
    holds: Arc<Holds>,
}

/// An answer that is ready for the client.
struct Reply {
    head: AnswerHead,
    reason: Option<ReasonPhrase>,
    content: Content,
}

impl Worker {
    /// A worker without connections. Call it inside its runtime.
    fn new(snapshot: Arc<Snapshot>, holds: Arc<Holds>) -> Worker {
        let upstreams = snapshot.settings.upstreams.iter().map(Upstream::new).collect();
        Worker { snapshot, upstreams, holds }
    }

    /// Carries one exchange. Whatever happens, the client gets an answer with the exchange's id on it.
    async fn handle(&self, peer: &Peer, mut request: Request<Incoming>, turn: Turn) -> Response<Body> {
        let request_id = request_id::settle(request.headers_mut());
        let mut record = Record::begin(&request_id, peer.ip, &request);
        let (method, version) = (request.method().clone(), request.version());
        let carried = match turn.refusal {
            Some(refusal) => {
                record.unread();
                Err(refusal.into())
            }
            None => self.carry(peer, request, &mut record).await,
        };
        let mut reply = carried.unwrap_or_else(|error| Reply::own(&error, &method, &mut record));
        reply.head.headers.insert(request_id::REQUEST_ID, request_id);
        if version <= Version::HTTP_11 && self.is_last(&turn) {
            reply.head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        record.responded(reply.head.status);
        turn.answered(switches(&method, reply.head.status));
        reply.into_response(record, turn)
    }

    /// Whether the connection has carried as many exchanges as it may.
    fn is_last(&self, turn: &Turn) -> bool {
        let max = self.snapshot.settings.server.limits.requests_per_connection;
        max.is_some_and(|max| turn.number >= max)
    }

    async fn carry(
        &self,
        peer: &Peer,
        mut request: Request<Incoming>,
        record: &mut Record,
    ) -> Result<Reply, ProxyError> {
        let snapshot = &self.snapshot();
        let server = &snapshot.settings.server;
        select::settle_host(&mut request)?;
        let route = select::route(&snapshot.routes, &request)?;
        let upstream = self.upstream(route.upstream)?;
        record.routed(route, &upstream.name);
        let rules = Rules::choose(snapshot.selection.as_ref(), route, request.headers_mut(), peer)?;
        let asked = asked(&request, &rules);

        headers::strip_request(request.headers_mut());
        peer.forward(request.headers_mut(), &server.trusted_proxies);
        let (parts, incoming) = request.into_parts();
        let request = Request::from_parts(parts, Intake::new(incoming, server)?);
        let answer = upstream.send(request).await?;
        record.answered(answer.status());

        let (mut head, phrase, body) = taken_apart(answer);
        headers::strip_answer(&mut head.headers);
        let decided = match rules.settle(&mut head.headers) {
            Some(rule_set) => {
                record.ruled_by(rule_set);
                let limits = &snapshot.limits;
                let inquiry = Inquiry { rule_set, request: &asked, head: &head, limits, explain: false };
                hold::decide(&inquiry, body, &self.holds).await
            }
            None => Decided::by_head(Outcome::pass(), body),
        };

        let told = tells(&server.proxy_status, peer);
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

/// Whether the connection is no longer one of HTTP/1.1 after this answer.
fn switches(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || (method == Method::CONNECT && status.is_success())
}

/// What rules may ask of the request, before anything is done to it.
fn asked(request: &Request<Incoming>, rules: &Rules<'_>) -> RequestSnapshot {
    let headers = if rules.read_request_headers() { request.headers().clone() } else { HeaderMap::new() };
    RequestSnapshot { method: request.method().clone(), uri: request.uri().clone(), headers }
}

/// Head, reason phrase when it is not the status's usual one, and body.
fn taken_apart(answer: Response<Download>) -> (AnswerHead, Option<ReasonPhrase>, Download) {
    let (mut parts, body) = answer.into_parts();
    let phrase = parts.extensions.remove();
    (AnswerHead { status: parts.status, headers: parts.headers }, phrase, body)
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
        (BodyChange::Keep, Some(error)) => return Err(error.into()),
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

    fn into_response(self, record: Record, turn: Turn) -> Response<Body> {
        let mut response = Response::new(Body::new(self.content, record, turn));
        *response.status_mut() = self.head.status;
        *response.headers_mut() = self.head.headers;
        if let Some(reason) = self.reason {
            response.extensions_mut().insert(reason);
        }
        response
    }
}
