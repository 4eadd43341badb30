//! HTTP mode: one request in, one request to the upstream, its answer read, decided about and sent on.
//!
//! [`server::run`] accepts connections and hands them to workers; each worker is a thread with a runtime, its own
//! upstream connections, and no lock. `Worker::handle` is the path of an exchange. All that is decided is
//! decided by [`engine`](crate::engine); all that goes wrong becomes an answer in `error.rs`.

mod alarm;
mod aside;
mod body;
mod budget;
mod busy;
mod capture;
mod changes;
mod circumstances;
mod connect;
mod connections;
mod download;
mod entrance;
mod error;
mod gateway;
mod headers;
mod hold;
mod http1;
mod http2;
mod intake;
mod interest;
mod interims;
mod lease;
mod listener;
mod names;
mod place;
mod preface;
mod probe;
mod proxy_protocol;
mod record;
mod refusal;
mod request_body;
mod retry;
mod select;
pub mod server;
mod several;
mod socket;
mod tls;
mod tunnel;
mod upkeep;
mod upstream;
mod visit;
mod worker;

use std::mem::take;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use tokio::sync::watch;
use tokio::time::sleep;

pub use changes::{Changes, Control, control};
pub(crate) use http2::{Bounds, Ends, Incoming, Responder, serve_connection};
pub use interest::{Interest, Marks, Names};
pub use listener::{Listener, SocketFile, bind};
pub(crate) use preface::taken_over;
pub use probe::answer_probes;
pub use server::{Drained, StopSignal, StopSignals, run};
pub(crate) use socket::Loose;
pub use visit::Visit;

use aside::aside;
use body::Content;
use capture::{Captures, Sample};
use download::Download;
use error::{DownstreamError, ProxyError, UpstreamFault};
use gateway::Turns;
use headers::{Date, Peer, proxy_status, request_id, vary, via};
use hold::Decided;
use http1::{Answer, Buffers, Switched, Terms};
use intake::{Intake, Source};
use interims::Interims;
use place::Means;
use record::Record;
use refusal::Refusal;
use retry::{Prospect, Tries};
use tls::{Failures, Underway};
use tunnel::{End, Offer};
use upstream::{RequestHead, Taken, Upstream};

use crate::engine::mutation::{BodyChange, allows_body};
use crate::engine::outcome::{Outcome, Verdict};
use crate::engine::route::Route;
use crate::engine::selection::Chosen;
use crate::engine::{AnswerHead, Inquiry, RequestSnapshot};
use crate::live::{Endpoints, Holds, Readiness, Snapshot};
use crate::settings::{self, ProxyStatus, Server};
use crate::telemetry::meters::{Meter, Meters};

/// What all workers have in common under one configuration.
#[derive(Debug, Clone)]
struct Shared {
    /// Borrowed by exchanges: counting their uses would have all workers write to one place.
    snapshot: Arc<Snapshot>,
    holds: Arc<Holds>,
    turns: Arc<Turns>,
    meters: Meters,
    captures: Option<Arc<Captures>>,
    readiness: Readiness,
}

/// What one thread needs to carry exchanges under one configuration. An exchange keeps the one that it began with.
struct Worker {
    snapshot: Arc<Snapshot>,
    upstreams: Vec<Rc<Upstream>>,
    holds: Arc<Holds>,
    turns: Arc<Turns>,
    captures: Option<Arc<Captures>>,
    failures: Failures,
    meters: Meters,
    terms: Rc<Terms>,
    own: Own,
}

/// What a thread has under all configurations.
#[derive(Clone)]
struct Own {
    buffers: Rc<Buffers>,
    date: Rc<Date>,
    meter: Rc<Meter>,
    /// Clients with whom TLS is being begun.
    handshakes: Rc<Underway>,
    /// While it says draining, every exchange is the last of its connection.
    readiness: Readiness,
}

/// A client's connection.
struct Downstream {
    peer: Peer,
    /// Says when it is to be closed after the exchange under way.
    stopping: watch::Receiver<()>,
}

/// What came of carrying an exchange.
struct Carried {
    head: AnswerHead,
    /// The reason phrase, where it is not the status's usual one.
    phrase: Option<Bytes>,
    content: Content,
    /// The upstream's end, when the connection becomes a tunnel after the answer.
    tunnel: Option<Box<End>>,
}

/// It, ready for the client.
struct Reply {
    carried: Box<Carried>,
    record: Record,
}

impl Downstream {
    /// A connection from this peer.
    fn new(peer: Peer, stopping: watch::Receiver<()>) -> Downstream {
        Downstream { peer, stopping }
    }

    /// Whether the exchange under way is its last. Who says so says it by letting go of the other end.
    fn is_leaving(&self) -> bool {
        self.stopping.has_changed().is_err()
    }
}

impl Shared {
    /// Nothing is under way yet.
    fn new(
        snapshot: Arc<Snapshot>,
        meters: Meters,
        captures: Option<Arc<Captures>>,
        readiness: Readiness,
    ) -> Shared {
        let holds = Arc::clone(&snapshot.holds);
        let turns = Arc::new(Turns::new(snapshot.deployment.as_deref()));
        Shared { snapshot, holds, turns, meters, captures, readiness }
    }

    /// The same under another configuration: who waits for a turn goes on waiting where nothing has changed.
    fn after(&self, snapshot: Arc<Snapshot>, captures: Option<Arc<Captures>>) -> Shared {
        let holds = Arc::clone(&snapshot.holds);
        let before = (&*self.turns, self.snapshot.deployment.as_deref());
        let turns = Arc::new(Turns::after(before, snapshot.deployment.as_deref()));
        let (meters, readiness) = (self.meters.clone(), self.readiness.clone());
        Shared { snapshot, holds, turns, meters, captures, readiness }
    }
}

impl Worker {
    /// A worker without connections. Call it inside its runtime.
    fn new(shared: Shared) -> Worker {
        let (meter, readiness) = (Rc::new(shared.meters.meter()), shared.readiness.clone());
        let (buffers, date, handshakes) = (Rc::default(), Rc::default(), Rc::default());
        let own = Own { buffers, date, meter, handshakes, readiness };
        Worker::with(shared, own, |_| None)
    }

    /// The same thread's worker under another configuration. Upstreams that stay as they are keep their connections.
    fn after(&self, shared: Shared) -> Worker {
        let known = &self.snapshot.settings.upstreams;
        self.own.meter.forget_rules();
        Worker::with(shared, self.own.clone(), |wanted| {
            let index = known.iter().position(|upstream| upstream == wanted)?;
            self.upstreams.get(index).map(Rc::clone)
        })
    }

    fn with(shared: Shared, own: Own, kept: impl Fn(&settings::Upstream) -> Option<Rc<Upstream>>) -> Worker {
        let Shared { snapshot, holds, turns, captures, meters, .. } = shared;
        let failures = Failures::told_with(&meters);
        let new = |(index, endpoints): (usize, &Arc<Endpoints>)| {
            let credential = snapshot.credentials.upstreams.get(index).cloned().flatten();
            let links = own.meter.links(&endpoints.settings.name);
            let means = Means {
                buffers: Rc::clone(&own.buffers),
                links,
                credential,
                failures: failures.clone(),
                is_traffic: true,
            };
            Rc::new(Upstream::new(endpoints, &means))
        };
        let upstreams = snapshot.endpoints.iter().enumerate();
        let upstreams = upstreams.map(|it| kept(&it.1.settings).unwrap_or_else(|| new(it))).collect();
        let terms = Rc::new(Terms::new(&snapshot));
        Worker { snapshot, upstreams, holds, turns, captures, failures, meters, terms, own }
    }

    /// Carries one exchange, the connection's `number`th. Whatever happens, the client gets an answer with the
    /// exchange's id on it.
    async fn handle(
        &self,
        downstream: &Downstream,
        interims: Interims<'_>,
        request: &mut Request<Source>,
        number: u64,
    ) -> Reply {
        let request_id = request_id::settle(request.headers_mut());
        let mut record = Record::begin(&self.own.meter, request_id.clone(), downstream.peer.ip, request);
        record.sampled(self.snapshot.settings.log.sample_millionths);
        record.came_over(downstream.peer.scheme());
        let (method, is_last) = (request.method().clone(), self.is_last(request, number));
        let carried = self.carry(downstream, interims, request, &mut record).await;
        let mut carried = carried.unwrap_or_else(|error| {
            let error = self.settled(error);
            Box::new(Carried::own(&error, &method, &mut record))
        });
        if is_last {
            http1::write_close(&mut carried.head.headers);
        }
        carried.identify(request_id, &mut record);
        Reply { carried, record }
    }

    /// The answer to a request that is not fit to be carried.
    fn refuse(&self, downstream: &Downstream, method: &Method, refusal: Refusal) -> Reply {
        let mut unread = Request::new(());
        let request_id = request_id::settle(unread.headers_mut());
        let mut record = Record::begin(&self.own.meter, request_id.clone(), downstream.peer.ip, &unread);
        record.unread();
        let mut carried = Box::new(Carried::own(&refusal.into(), method, &mut record));
        carried.identify(request_id, &mut record);
        Reply { carried, record }
    }

    /// What an error comes to at this point of the sidecar's life.
    fn settled(&self, error: ProxyError) -> ProxyError {
        if self.own.readiness.is_draining() { error.while_draining() } else { error }
    }

    /// Whether the connection has carried as many exchanges as it may. One over HTTP/2 is not bounded so.
    fn is_last<B>(&self, request: &Request<B>, number: u64) -> bool {
        let max = self.snapshot.settings.server.limits.requests_per_connection;
        request.version() <= Version::HTTP_11 && max.is_some_and(|max| number >= max)
    }

    async fn carry(
        &self,
        downstream: &Downstream,
        interims: Interims<'_>,
        request: &mut Request<Source>,
        record: &mut Record,
    ) -> Result<Box<Carried>, ProxyError> {
        let snapshot = &self.snapshot;
        let server = &snapshot.settings.server;
        let peer = &downstream.peer;
        select::admit(request, server.connect)?;
        select::settle_host(request)?;
        let route = match (select::route(&snapshot.routes, request), &snapshot.deployment) {
            (Ok(route), _) => route,
            (Err(DownstreamError::NoRoute), Some(deployment)) => {
                return aside(self.carry_through_api(deployment, downstream, request, record)).await;
            }
            (Err(error), _) => return Err(error.into()),
        };
        let upstream = self.upstream(route.upstream)?;
        record.routed(route);
        record.called(&upstream.name);
        if request.method() == Method::CONNECT {
            return aside(tunnelled(upstream, record)).await.map(Box::new);
        }
        if request.version() == Version::HTTP_2 {
            headers::join_cookies(request.headers_mut());
        }
        let captures = self.captures.as_ref();
        let sample = captures.and_then(|captures| captures.sample(request, &route.name, peer.ip));
        let rules = Chosen::by_request(snapshot.selection.as_ref(), route, request.headers_mut(), peer.ip)?;
        let offer = Offer::of(request);
        let asked = asked(request, route, &rules, peer);
        prepare(request, peer, server, offer.as_ref());
        record.leave_caller(request.headers_mut());
        upstream.address(request.headers_mut());
        let prospect = Prospect {
            may_retry: rules.may_retry(&asked.method, request.headers()),
            body_bytes_max: server.retry_body_bytes,
        };
        let intake = Intake::new(take(request.body_mut()), server)?;
        let head = RequestHead {
            method: &asked.method,
            uri: &asked.uri,
            version: request.version(),
            headers: request.headers(),
            trace: None,
        };
        let (mut body, mut tries) = Tries::begin(upstream, head, intake, prospect);
        let (head, phrase, version, decided) = loop {
            let answer = match tries.send(body, interims, record).await? {
                Taken::Answered(answer) => answer,
                Taken::Switched(answer) => {
                    return Carried::switched(*answer, offer.as_ref(), record).map(Box::new);
                }
            };
            record.answered(answer.status);
            record.spoke(answer.version);
            let Answer { status, version, phrase, mut headers, body: download } = *answer;
            headers::strip_answer(&mut headers);
            let mut head = AnswerHead { status, headers };
            let decided = self.decide(&rules, &asked, &mut head, download, sample.as_ref(), record).await;
            tries.judge(&decided, status);
            let draining = self.own.readiness.is_draining();
            let Some((again, pause)) = tries.again(&decided.outcome, draining, record) else {
                break (head, phrase, version, decided);
            };
            decided.content.discard();
            sleep(pause).await;
            body = again;
        };

        let told = tells(&server.proxy_status, peer.ip);
        let mut carried = rewritten(head, phrase, decided, &asked.method, told, record)?;
        if let Some(header) = rules.vary() {
            vary::add(&mut carried.head.headers, &asked.method, header);
        }
        if server.via {
            via::append(&mut carried.head.headers, version);
        }
        Ok(carried)
    }

    /// What the rules make of the answer.
    async fn decide(
        &self,
        rules: &Chosen<'_>,
        asked: &RequestSnapshot,
        head: &mut AnswerHead,
        mut body: Download,
        sample: Option<&Sample>,
        record: &mut Record,
    ) -> Decided {
        if let Some(sample) = sample {
            sample.answered(head);
            body.recorded_in(sample.clone());
        }
        let rule_set = rules.settle(&mut head.headers);
        let decided = match rule_set {
            None => Decided::by_head(Outcome::pass(), body),
            Some(rule_set) => {
                record.ruled_by(rule_set);
                let limits = &self.snapshot.limits;
                let inquiry = Inquiry { rule_set, request: asked, head, limits, explain: false };
                hold::decide(&inquiry, body, &self.holds).await
            }
        };
        if let Some(sample) = sample {
            sample.decided(rule_set.map(AsRef::as_ref), &decided.outcome);
        }
        decided
    }

    fn upstream(&self, index: usize) -> Result<&Upstream, ProxyError> {
        self.upstreams
            .get(index)
            .map(|upstream| &**upstream)
            .ok_or(ProxyError::Internal("the route's upstream does not exist"))
    }
}

/// Opens the tunnel that a CONNECT asks for. It leads to the route's upstream and nowhere else, so that nobody can
/// reach through the sidecar what they could not reach otherwise.
async fn tunnelled(upstream: &Upstream, record: &mut Record) -> Result<Carried, ProxyError> {
    let (wire, lease) = upstream.connect().await?;
    let end = End::new(Bytes::new(), wire, lease);
    record.tunnelled();
    Ok(Carried::tunnel(AnswerHead { status: StatusCode::OK, headers: HeaderMap::new() }, None, end))
}

/// Makes the client's headers those of a request to the upstream.
fn prepare(request: &mut Request<Source>, peer: &Peer, server: &Server, offer: Option<&Offer>) {
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

/// What rules may ask of the request, before anything is done to it. It takes method and target over.
fn asked(request: &mut Request<Source>, route: &Route, rules: &Chosen<'_>, peer: &Peer) -> RequestSnapshot {
    let headers = if rules.reads_request_headers() { request.headers().clone() } else { HeaderMap::new() };
    #[expect(clippy::disallowed_methods, reason = "a time for templates to print; nothing is decided by it")]
    let circumstances = rules
        .reads_circumstances()
        .then(|| Box::new(circumstances::of(request, route, peer.ip, SystemTime::now())));
    RequestSnapshot {
        method: take(request.method_mut()),
        uri: take(request.uri_mut()),
        headers,
        circumstances,
    }
}

/// Carries the decision out.
fn rewritten(
    mut head: AnswerHead,
    phrase: Option<Bytes>,
    decided: Decided,
    method: &Method,
    told: bool,
    record: &mut Record,
) -> Result<Box<Carried>, ProxyError> {
    let Decided { outcome: Outcome { verdict, mut mutation, shadows, .. }, content, held_bytes, broken } =
        decided;
    let received = head.status;
    let reason = mutation.reason.take().map(Bytes::from);
    let change = mutation.apply(&mut head, method);
    if told && let Some(details) = details(&verdict) {
        head.headers.append(proxy_status::PROXY_STATUS, proxy_status::received(received, &details));
    }
    let phrase = reason.or(phrase.filter(|_| head.status == received));
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
    Ok(Box::new(Carried { head, phrase, content, tunnel: None }))
}

/// Whether this peer is told what the upstream said.
fn tells(proxy_status: &ProxyStatus, peer: IpAddr) -> bool {
    match proxy_status {
        ProxyStatus::Off => false,
        ProxyStatus::Always => true,
        ProxyStatus::Peers(networks) => headers::is_among(peer, networks),
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

impl Carried {
    /// The upstream's agreement to another protocol, one that was offered to it.
    fn switched(
        answer: Answer<Switched>,
        offer: Option<&Offer>,
        record: &mut Record,
    ) -> Result<Carried, ProxyError> {
        let Answer { status, phrase, mut headers, body: Switched { stream, lease, first }, .. } = answer;
        record.answered(status);
        if !offer.is_some_and(|offer| offer.covers(&headers)) {
            return Err(UpstreamFault::Switched.into());
        }
        record.tunnelled();
        let chosen = headers.get(header::UPGRADE).cloned();
        headers::strip_answer(&mut headers);
        if let Some(chosen) = chosen {
            tunnel::write_upgrade(&mut headers, chosen);
        }
        Ok(Carried::tunnel(AnswerHead { status, headers }, phrase, End::new(first, stream, lease)))
    }

    fn tunnel(head: AnswerHead, phrase: Option<Bytes>, end: End) -> Carried {
        Carried { head, phrase, content: Content::Empty, tunnel: Some(Box::new(end)) }
    }

    /// Candor's own answer.
    fn own(error: &ProxyError, method: &Method, record: &mut Record) -> Carried {
        record.failed(error);
        let (head, body) = error.answer();
        let content = if method == Method::HEAD { Content::Empty } else { Content::from(body) };
        Carried { head, phrase: None, content, tunnel: None }
    }

    /// Puts the exchange's id on it.
    fn identify(&mut self, request_id: HeaderValue, record: &mut Record) {
        self.head.headers.insert(request_id::REQUEST_ID, request_id);
        record.responded(self.head.status);
    }
}
