//! HTTP mode: one request in, one request to the upstream, its answer read, decided about and sent on.
//!
//! [`server::run`] accepts connections and hands them to workers; each worker is a thread with a runtime, its own
//! upstream connections, and no lock. `Worker::handle` is the path of an exchange. All that is decided is
//! decided by [`engine`](crate::engine); all that goes wrong becomes an answer in `error.rs`.

mod alarm;
mod body;
mod budget;
mod connect;
mod door;
mod download;
mod error;
mod forwarded;
mod h2c;
mod headers;
mod hold;
mod intake;
mod local;
mod pace;
mod preface;
mod proxy_status;
mod record;
mod refusal;
mod request_body;
mod request_id;
mod retry;
mod select;
pub mod server;
mod trace_id;
mod tunnel;
mod upload;
mod upstream;
mod vary;
mod via;
mod wire;
mod worker;

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::upgrade;
use tokio::time::sleep;

pub use server::{Drained, StopSignals, bind, run};

use body::{Body, Content};
use door::Turn;
use download::Download;
use error::{ProxyError, UpstreamFault};
use forwarded::Peer;
use hold::{Decided, Holds};
use intake::Intake;
use record::Record;
use retry::{Prospect, Tries};
use tunnel::{Ends, Offer, Tunnel};
use upload::Gate;
use upstream::Upstream;

use crate::engine::mutation::{BodyChange, allows_body};
use crate::engine::outcome::{Outcome, Verdict};
use crate::engine::selection::Chosen;
use crate::engine::{AnswerHead, Inquiry, RequestSnapshot};
use crate::live::Snapshot;
use crate::settings::{ProxyStatus, Server};

/// What one thread needs to carry exchanges.
struct Worker {
    snapshot: Arc<Snapshot>,
    upstreams: Vec<Upstream>,
    holds: Arc<Holds>,
    /// Whether exchanges in flight are the last.
    draining: Cell<bool>,
}

/// A client's connection.
struct Downstream {
    peer: Peer,
    /// What the connection becomes when it has ended as one of HTTP. Only HTTP/1.1 ends for that.
    tunnel: Cell<Option<Tunnel>>,
}

/// An answer that is ready for the client.
struct Reply {
    head: AnswerHead,
    reason: Option<ReasonPhrase>,
    content: Content,
    /// Before the request's body, when the answer came without it.
    gate: Option<Gate>,
    /// What the connection becomes after the answer.
    tunnel: Option<Box<Ends>>,
}

impl Downstream {
    /// A connection from this peer.
    fn new(peer: IpAddr) -> Downstream {
        Downstream { peer: Peer::new(peer), tunnel: Cell::new(None) }
    }
}

impl Worker {
    /// A worker without connections. Call it inside its runtime.
    fn new(snapshot: Arc<Snapshot>, holds: Arc<Holds>) -> Worker {
        let upstreams = snapshot.settings.upstreams.iter().map(Upstream::new).collect();
        Worker { snapshot, upstreams, holds, draining: Cell::new(false) }
    }

    /// Carries one exchange. Whatever happens, the client gets an answer with the exchange's id on it. On HTTP/1.1
    /// the exchange has a turn on its connection.
    async fn handle(
        &self,
        downstream: &Downstream,
        mut request: Request<Incoming>,
        turn: Option<Turn>,
    ) -> Response<Body> {
        let request_id = request_id::settle(request.headers_mut());
        let mut record = Record::begin(&request_id, downstream.peer.ip, &request);
        let (method, version) = (request.method().clone(), request.version());
        let carried = match turn.as_ref().and_then(|turn| turn.refusal) {
            Some(refusal) => {
                record.unread();
                Err(refusal.into())
            }
            None => self.carry(&downstream.peer, request, &mut record).await,
        };
        let mut reply = carried.unwrap_or_else(|error| Reply::own(&error, &method, &mut record));
        reply.head.headers.insert(request_id::REQUEST_ID, request_id);
        if version <= Version::HTTP_11 && turn.as_ref().is_some_and(|turn| self.is_last(turn)) {
            reply.head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        record.responded(reply.head.status);
        if let Some(turn) = &turn {
            turn.answered(reply.tunnel.is_some());
        }
        reply.into_response(record, downstream, turn)
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
        select::admit(&request, server.connect)?;
        select::settle_host(&mut request)?;
        let route = select::route(&snapshot.routes, &request)?;
        let upstream = self.upstream(route.upstream)?;
        record.routed(route, &upstream.name);
        if request.method() == Method::CONNECT {
            return Box::pin(tunnelled(upstream, request, record)).await;
        }
        if request.version() == Version::HTTP_2 {
            headers::join_cookies(request.headers_mut());
        }
        let rules = Chosen::by_request(snapshot.selection.as_ref(), route, request.headers_mut(), peer.ip)?;
        let asked = asked(&request, &rules);

        let offer = Offer::take(&mut request);
        prepare(&mut request, peer, server, offer.as_ref());
        let prospect = Prospect {
            may_retry: rules.may_retry(request.method(), request.headers()),
            body_bytes_max: server.retry_body_bytes,
        };
        let (parts, incoming) = request.into_parts();
        let request = Request::from_parts(parts, Intake::new(incoming, server)?);
        let (mut request, mut tries) = Tries::begin(upstream, request, prospect);
        let (head, phrase, version, decided, gate) = loop {
            let (mut answer, gate) = tries.send(request, record).await?;
            record.answered(answer.status());
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                let ends = offer.ok_or(UpstreamFault::Switched)?.accept(&mut answer)?;
                return Ok(Reply::switched(answer, ends, record));
            }
            let version = answer.version();
            let (mut head, phrase, body) = taken_apart(answer);
            headers::strip_answer(&mut head.headers);
            let decided = self.decide(&rules, &asked, &mut head, body, record).await;
            let Some((again, pause)) = tries.again(&decided.outcome, self.draining.get(), record) else {
                break (head, phrase, version, decided, gate);
            };
            decided.content.discard();
            drop(gate);
            sleep(pause).await;
            request = again;
        };

        let told = tells(&server.proxy_status, peer);
        let mut reply = rewritten(head, phrase, decided, &asked.method, told, record)?;
        reply.gate = gate;
        if let Some(header) = rules.vary() {
            vary::add(&mut reply.head.headers, &asked.method, header);
        }
        if server.via {
            via::append(&mut reply.head.headers, version);
        }
        Ok(reply)
    }

    /// What the rules make of the answer.
    async fn decide(
        &self,
        rules: &Chosen<'_>,
        asked: &RequestSnapshot,
        head: &mut AnswerHead,
        body: Download,
        record: &mut Record,
    ) -> Decided {
        let Some(rule_set) = rules.settle(&mut head.headers) else {
            return Decided::by_head(Outcome::pass(), body);
        };
        record.ruled_by(rule_set);
        let limits = &self.snapshot.limits;
        let inquiry = Inquiry { rule_set, request: asked, head, limits, explain: false };
        hold::decide(&inquiry, body, &self.holds).await
    }

    /// The configuration this exchange sees from its first byte to its last.
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    fn upstream(&self, index: usize) -> Result<&Upstream, ProxyError> {
        self.upstreams.get(index).ok_or(ProxyError::Internal("the route's upstream does not exist"))
    }
}

/// Opens the tunnel that a CONNECT asks for. It leads to the route's upstream and nowhere else, so that nobody can
/// reach through the sidecar what they could not reach otherwise.
async fn tunnelled(
    upstream: &Upstream,
    request: Request<Incoming>,
    record: &mut Record,
) -> Result<Reply, ProxyError> {
    let ends = Ends::connected(upgrade::on(request), upstream.connect().await?);
    record.tunnelled();
    Ok(Reply::tunnel(AnswerHead { status: StatusCode::OK, headers: HeaderMap::new() }, ends))
}

/// Makes the client's headers those of a request to the upstream.
fn prepare(request: &mut Request<Incoming>, peer: &Peer, server: &Server, offer: Option<&Offer>) {
    let version = request.version();
    let headers = request.headers_mut();
    headers::strip_request(headers);
    peer.forward(headers, &server.trusted_proxies);
    if server.forwarded {
        peer.forward_standard(headers);
    }
    if server.via {
        via::append(headers, version);
    }
    if let Some(offer) = offer {
        offer.write(headers);
    }
}

/// What rules may ask of the request, before anything is done to it.
fn asked(request: &Request<Incoming>, rules: &Chosen<'_>) -> RequestSnapshot {
    let headers = if rules.reads_request_headers() { request.headers().clone() } else { HeaderMap::new() };
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
    Ok(Reply { head, reason, content, gate: None, tunnel: None })
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
        Reply { head, reason: None, content, gate: None, tunnel: None }
    }

    /// The upstream's agreement to another protocol.
    fn switched(answer: Response<Download>, ends: Ends, record: &mut Record) -> Reply {
        record.tunnelled();
        let (mut head, phrase, _) = taken_apart(answer);
        let chosen = head.headers.get(header::UPGRADE).cloned();
        headers::strip_answer(&mut head.headers);
        if let Some(chosen) = chosen {
            tunnel::write_upgrade(&mut head.headers, chosen);
        }
        Reply { reason: phrase, ..Reply::tunnel(head, ends) }
    }

    fn tunnel(head: AnswerHead, ends: Ends) -> Reply {
        Reply { head, reason: None, content: Content::Empty, gate: None, tunnel: Some(Box::new(ends)) }
    }

    /// The answer for hyper. With a tunnel it is not the end of the exchange, whose record goes with the tunnel.
    fn into_response(self, record: Record, downstream: &Downstream, turn: Option<Turn>) -> Response<Body> {
        let record = match self.tunnel {
            Some(ends) => {
                downstream.tunnel.set(Some(ends.recorded(record)));
                Record::default()
            }
            None => record,
        };
        let mut response = Response::new(Body::new(self.content, record, self.gate, turn));
        *response.status_mut() = self.head.status;
        *response.headers_mut() = self.head.headers;
        if let Some(reason) = self.reason {
            response.extensions_mut().insert(reason);
        }
        response
    }
}
