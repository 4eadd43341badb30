//! An upstream as one worker knows it: where it is, or its several endpoints, and how it is spoken to.
//! Sends a request and waits for the head of the answer; knows nothing of rules.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, Uri, Version};
use tokio::time::Instant;

use super::alarm::Alarms;
use super::aside::aside;
use super::budget::Budget;
use super::download::{Bounds, Download, Origin};
use super::error::{DownstreamError, ProxyError, UpstreamFault};
use super::headers::{self, accept_encoding};
use super::http1::{Answer, Call, Line, Pool, Switched, Wire};
use super::http2::{Connection, Http2, Incoming, NoAnswer};
use super::interims::Interims;
use super::lease::Lease;
use super::place::{Connections, Means, Place, Way};
use super::request_body::RequestBody;
use super::several::{Choice, Several};
use crate::engine::hold::is_endless;
use crate::live::Endpoints;
use crate::settings::{AcceptEncoding, HostHeader, Limits, Timeouts, UpstreamUrl};
use crate::telemetry::traces::TRACEPARENT;

/// A backend and the connections to it. Belongs to one worker.
pub(super) struct Upstream {
    /// What the configuration calls it.
    pub name: Arc<str>,
    url: UpstreamUrl,
    /// The `Host` to send; `None` leaves the client's.
    host: Option<HeaderValue>,
    accept_encoding: AcceptEncoding,
    /// How long it is waited for.
    pub timeouts: Timeouts,
    limits: Limits,
    /// How many further tries rules may cause.
    pub budget: Budget,
    alarms: Alarms,
    /// Where its URL says.
    place: Place,
    /// Where else it may be.
    several: Option<Box<Several>>,
}

/// The head of a request to an upstream, whose headers are ready to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestHead<'a> {
    pub method: &'a Method,
    /// As the client gave it; the path and query go on.
    pub uri: &'a Uri,
    /// What the client speaks.
    pub version: Version,
    pub headers: &'a HeaderMap,
    /// The `traceparent` of this try, where the headers have none.
    pub trace: Option<&'a HeaderValue>,
}

/// How an upstream takes a request.
pub(super) enum Taken {
    /// It answers.
    Answered(Box<Answer<Download>>),
    /// It goes on in another protocol.
    Switched(Box<Answer<Switched>>),
}

/// How long an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until its head is there.
    pub head: Duration,
    /// Until the exchange has to be over.
    pub end: Option<Instant>,
}

impl Upstream {
    /// An upstream without connections yet. Call it inside the worker's runtime.
    pub fn new(endpoints: &Arc<Endpoints>, means: &Means) -> Upstream {
        let upstream = &endpoints.settings;
        let several = upstream.places.are_several();
        let several = several.then(|| Box::new(Several::new(endpoints, means)));
        let place = Place::new(upstream, endpoints, means);
        let host = match upstream.host {
            HostHeader::Preserve => None,
            HostHeader::Upstream => HeaderValue::from_str(upstream.url.authority.as_str()).ok(),
        };
        Upstream {
            name: Arc::clone(&upstream.name),
            url: upstream.url.clone(),
            host,
            accept_encoding: upstream.accept_encoding,
            timeouts: upstream.timeouts,
            limits: upstream.limits,
            budget: Budget::new(upstream.retry_budget, Instant::now()),
            alarms: Alarms::default(),
            place,
            several,
        }
    }

    /// Where a try goes.
    pub fn url<'p>(&'p self, choice: Option<&'p Rc<Choice>>) -> &'p UpstreamUrl {
        choice.map_or(&self.url, |choice| choice.url())
    }

    /// Makes the headers those of a request to this upstream.
    pub fn address(&self, headers: &mut HeaderMap) {
        if let Some(host) = &self.host {
            headers.insert(header::HOST, host.clone());
        }
        accept_encoding::settle(headers, self.accept_encoding);
    }

    /// Which endpoint a try goes to, where there is a choice: another than before, if there is another.
    pub fn choose(&self, before: Option<&Choice>) -> Option<Rc<Choice>> {
        self.several.as_ref()?.choose(before)
    }

    /// Whether there is a choice.
    pub fn has_several(&self) -> bool {
        self.several.is_some()
    }

    /// Whether it can say of a request that it has done nothing about it.
    pub fn may_give_back(&self) -> bool {
        matches!(self.place.connections, Connections::Http2(_))
    }

    fn place<'p>(&'p self, choice: Option<&'p Rc<Choice>>) -> &'p Place {
        choice.map_or(&self.place, |choice| &choice.place)
    }

    /// Sends the request, its body as it comes, and waits for the head of the answer. Interim ones go to the client.
    /// The body is taken when there is a connection for it.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when no answer comes, and [`ProxyError::Downstream`] when the request's own body
    /// breaks off.
    pub async fn send(
        &self,
        choice: Option<&Rc<Choice>>,
        head: RequestHead<'_>,
        body: &mut Option<RequestBody>,
        client: Option<Interims<'_>>,
        way: Way,
        patience: Patience,
    ) -> Result<Taken, ProxyError> {
        let Patience { head: head_time_max, end } = patience;
        let place = self.place(choice);
        let room = match place.requests_gate() {
            None => None,
            Some(gate) => Some(self.in_time(head_time_max, end, aside(place.room(gate))).await?),
        };
        let mut taken = match &place.connections {
            Connections::Http1(pool, buffers) => {
                let mut call = pin!(async {
                    let kept = if way == Way::Any { pool.take() } else { None };
                    let line = match kept {
                        Some(line) => line,
                        None => aside(place.line(pool, buffers, way)).await?,
                    };
                    self.call(line, pool, head, body, client).await
                });
                self.in_time(head_time_max, end, call.as_mut()).await?
            }
            Connections::Http2(http2) => {
                let call = aside(self.agree_and_call(http2, head, body, client, way));
                self.in_time(head_time_max, end, call).await?
            }
        };
        match &mut taken {
            Taken::Answered(answer) => {
                answer.body.hold_to(self.bounds(&answer.headers, end))?;
                answer.body.occupy(choice.map(Rc::clone), room);
            }
            Taken::Switched(answer) => answer.body.lease.occupy(choice.map(Rc::clone), room),
        }
        Ok(taken)
    }

    /// One exchange on a connection that speaks HTTP/2, or what the upstream would rather have. A request that a
    /// closing connection gave back unsent goes on another, once.
    async fn agree_and_call(
        &self,
        http2: &Http2,
        head: RequestHead<'_>,
        body: &mut Option<RequestBody>,
        client: Option<Interims<'_>>,
        way: Way,
    ) -> Result<Taken, ProxyError> {
        let leaves_http = head.headers.contains_key(header::UPGRADE);
        let mut was_unsent = false;
        loop {
            let trunk = match http2.connection(way, leaves_http).await? {
                Connection::Trunk(trunk) => trunk,
                Connection::Line(line, pool) => return self.call(line, &pool, head, body, client).await,
            };
            let request = over_http_2(head, &self.url, taken(body))?;
            match trunk.send(request, client, self.timeouts.response).await {
                Ok(answer) => return answered_over_http_2(answer).map(Taken::Answered),
                Err(NoAnswer::Unsent(unsent, _)) if !was_unsent => *body = Some(unsent),
                Err(NoAnswer::Unsent(_, error) | NoAnswer::Failed(error)) => return Err(error),
            }
            was_unsent = true;
        }
    }

    /// One exchange on a connection.
    async fn call(
        &self,
        line: Box<Line>,
        pool: &Rc<Pool>,
        head: RequestHead<'_>,
        body: &mut Option<RequestBody>,
        client: Option<Interims<'_>>,
    ) -> Result<Taken, ProxyError> {
        let bytes_max = self.limits.response_header_bytes;
        let call = Call::begin(line, pool, head, taken(body), &self.url.base_path, bytes_max);
        Ok(match call.answer(client).await? {
            Ok(answer) => Taken::Answered(Box::new(answer.map(|body| Download::new(Origin::Http1(body))))),
            Err(switched) => Taken::Switched(Box::new(switched)),
        })
    }

    /// The head of the answer, or that it did not come: within `time_max`, and before the exchange's `end`.
    async fn in_time<T>(
        &self,
        time_max: Duration,
        end: Option<Instant>,
        answered: impl Future<Output = Result<T, ProxyError>> + Unpin,
    ) -> Result<T, ProxyError> {
        let silent_at = Instant::now() + time_max;
        let head_at = end.map_or(silent_at, |end| end.min(silent_at));
        match self.alarms.until(head_at, answered).await {
            Some(answer) => answer,
            None if head_at < silent_at => Err(UpstreamFault::Late.into()),
            None => Err(UpstreamFault::Silent.into()),
        }
    }

    /// What the body of an answer with these headers is held to.
    fn bounds(&self, headers: &HeaderMap, end: Option<Instant>) -> Bounds {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Bounds {
            bytes_left: self.limits.response_body_bytes.unwrap_or(u64::MAX),
            idle_time_max: self.timeouts.body_idle.filter(|_| !content_type.is_some_and(is_endless)),
            end,
        }
    }

    /// A connection that no exchange uses, and what goes with it.
    ///
    /// # Errors
    /// As [`Place::connect`].
    pub async fn connect(&self) -> Result<(Wire, Lease), ProxyError> {
        let room = match self.place.requests_gate() {
            None => None,
            Some(gate) => Some(self.place.room(gate).await?),
        };
        let mut choice = self.choose(None);
        let mut connected = self.place(choice.as_ref()).connect().await;
        if let (Some(before), Err(error)) = (&choice, &connected) {
            before.failed(error);
            choice = self.choose(Some(before));
            connected = self.place(choice.as_ref()).connect().await;
        }
        let (wire, mut lease) = connected?;
        lease.occupy(choice, room);
        Ok((wire, lease))
    }
}

/// The body, which is taken once.
fn taken(body: &mut Option<RequestBody>) -> RequestBody {
    body.take().unwrap_or(RequestBody::Empty)
}

/// The request over HTTP/2, which has the host in the target, and no headers that speak about the connection
/// (RFC 9113, sections 8.2.2 and 8.3.1).
fn over_http_2(
    head: RequestHead<'_>,
    url: &UpstreamUrl,
    body: RequestBody,
) -> Result<Request<RequestBody>, ProxyError> {
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = head.headers.clone();
    if let Some(trace) = head.trace {
        request.headers_mut().insert(TRACEPARENT, trace.clone());
    }
    for name in [header::CONNECTION, header::UPGRADE, header::TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
    let mut parts = target(url, head.uri)?.into_parts();
    if let Some(host) = request.headers_mut().remove(header::HOST) {
        parts.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| DownstreamError::Host)?);
    }
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| DownstreamError::Host)?;
    Ok(request)
}

/// An answer over HTTP/2 in the words of the other protocol.
fn answered_over_http_2(answer: Response<Incoming>) -> Result<Box<Answer<Download>>, ProxyError> {
    let (http::response::Parts { status, version, mut headers, .. }, incoming) = answer.into_parts();
    headers::framing(&mut headers)?;
    let body = Download::new(Origin::Http2(incoming));
    Ok(Box::new(Answer { status, version, phrase: None, headers, body }))
}

/// The upstream's URL with the path and query of the request, byte for byte.
fn target(url: &UpstreamUrl, requested: &Uri) -> Result<Uri, ProxyError> {
    let asked = requested.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let path_and_query = match url.base_path.as_str() {
        "" => asked,
        base => PathAndQuery::try_from(format!("{base}{asked}"))
            .map_err(|_| ProxyError::Internal("the path does not fit under the upstream's"))?,
    };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(url.scheme.clone());
    parts.authority = Some(url.authority.clone());
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).map_err(|_| ProxyError::Internal("the target is not a URI"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_sent_as_they_came() {
        let check = |url: &str, requested: &str, expected: &str| {
            let target = target(&UpstreamUrl::parse(url).unwrap(), &requested.parse().unwrap()).unwrap();
            assert_eq!(target.to_string(), expected);
        };
        check("http://app:9000", "/", "http://app:9000/");
        check("http://app:9000", "/a%2Fb/../c?x=%20&y", "http://app:9000/a%2Fb/../c?x=%20&y");
        check("http://app:9000", "http://other.example/a?b", "http://app:9000/a?b");
        check("http://app:9000/api", "/a?b", "http://app:9000/api/a?b");
        check("http://app:9000", "http://other.example", "http://app:9000/");
    }
}
