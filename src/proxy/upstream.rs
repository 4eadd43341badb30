//! The upstreams of one worker, each with its pool of kept-alive connections.
//! Sends a request and waits for the head of the answer; knows nothing of rules.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::Instant;

use super::alarm::Alarms;
use super::budget::Budget;
use super::connect::Dialer;
use super::download::{Bounds, Download, Origin};
use super::error::{DownstreamError, ProxyError, UpstreamFault};
use super::h2c::H2c;
use super::headers::{self, accept_encoding};
use super::http1::{Answer, Buffers, Call, Line, Pool, Session, Switched, Wire};
use super::request_body::RequestBody;
use crate::engine::hold::is_endless;
use crate::settings::{self, AcceptEncoding, HostHeader, Limits, Protocol, Timeouts, UpstreamUrl};
use crate::telemetry::meters::{Link, Links, Meter};

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
    dialer: Dialer,
    connections: Connections,
    links: Arc<Links>,
}

/// The connections, by what is spoken on them.
enum Connections {
    Http1(Rc<Pool>, Rc<Buffers>),
    H2c(H2c),
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
}

/// How an upstream takes a request.
pub(super) enum Taken {
    /// It answers.
    Answered(Box<Answer<Download>>),
    /// It goes on in another protocol.
    Switched(Box<Answer<Switched>>),
}

/// Which connection a request goes on, where one carries one exchange at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One that is there, or a new one.
    Any,
    /// A new one.
    Fresh,
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
    pub fn new(upstream: &settings::Upstream, buffers: &Rc<Buffers>, meter: &Meter) -> Upstream {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(upstream.timeouts.connect));
        connector.set_nodelay(true);
        // TLS begins on connections that are opened as all others.
        connector.enforce_http(false);
        let dialer = Dialer::new(connector, upstream);
        let links = meter.links(&upstream.name);
        let connections = match upstream.protocol {
            Protocol::Http1 => Connections::Http1(Rc::default(), Rc::clone(buffers)),
            Protocol::Http2 => Connections::H2c(H2c::new(dialer.clone(), Arc::clone(&links))),
        };
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
            dialer,
            connections,
            links,
        }
    }

    /// What its URL says of its host.
    pub fn authority(&self) -> &Authority {
        &self.url.authority
    }

    /// Makes the headers those of a request to this upstream.
    pub fn address(&self, headers: &mut HeaderMap) {
        if let Some(host) = &self.host {
            headers.insert(header::HOST, host.clone());
        }
        accept_encoding::settle(headers, self.accept_encoding);
    }

    /// Sends the request, its body as it comes, and waits for the head of the answer. Interim ones go to the client.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when no answer comes, and [`ProxyError::Downstream`] when the request's own body
    /// breaks off.
    pub async fn send(
        &self,
        head: RequestHead<'_>,
        body: RequestBody,
        client: Option<&RefCell<Session>>,
        way: Way,
        patience: Patience,
    ) -> Result<Taken, ProxyError> {
        let Patience { head: head_time_max, end } = patience;
        match &self.connections {
            Connections::Http1(pool, buffers) => {
                let mut call = pin!(async {
                    let kept = if way == Way::Any { pool.take() } else { None };
                    let line = match kept {
                        Some(line) => line,
                        None => {
                            let (wire, link) = self.connect().await?;
                            Line::new(wire, link, buffers)
                        }
                    };
                    self.call(line, pool, head, body, client).await
                });
                match self.in_time(head_time_max, end, call.as_mut()).await? {
                    Taken::Answered(mut answer) => {
                        answer.body.hold_to(self.bounds(&answer.headers, end))?;
                        Ok(Taken::Answered(answer))
                    }
                    switched => Ok(switched),
                }
            }
            Connections::H2c(h2c) => {
                let request = over_http_2(head, &self.url, body)?;
                // On the heap, so that exchanges over HTTP/1.1 need no room for it.
                let answer = self.in_time(head_time_max, end, Box::pin(h2c.send(request))).await?;
                self.answered_over_http_2(answer, end)
            }
        }
    }

    /// One exchange on a connection.
    async fn call(
        &self,
        line: Box<Line>,
        pool: &Rc<Pool>,
        head: RequestHead<'_>,
        body: RequestBody,
        client: Option<&RefCell<Session>>,
    ) -> Result<Taken, ProxyError> {
        let bytes_max = self.limits.response_header_bytes;
        let call = Call::begin(line, pool, head, body, &self.url.base_path, bytes_max);
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

    /// An answer over HTTP/2 in the words of the other protocol.
    fn answered_over_http_2(
        &self,
        answer: Response<Incoming>,
        end: Option<Instant>,
    ) -> Result<Taken, ProxyError> {
        let (mut parts, incoming) = answer.into_parts();
        headers::framing(&mut parts.headers)?;
        let mut body = Download::new(Origin::Http2(incoming));
        body.hold_to(self.bounds(&parts.headers, end))?;
        let http::response::Parts { status, version, headers, .. } = parts;
        Ok(Taken::Answered(Box::new(Answer { status, version, phrase: None, headers, body })))
    }

    /// A connection that no exchange uses, and what counts it.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when there is none in `timeouts.connect`.
    pub async fn connect(&self) -> Result<(Wire, Link), ProxyError> {
        Ok((self.dialer.connect().await?, self.links.open()))
    }
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
