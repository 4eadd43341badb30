//! The upstreams of one worker, each with its pool of kept-alive connections.
//! Sends a request and waits for the head of the answer; knows nothing of rules.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::alarm::Alarms;
use super::budget::Budget;
use super::connect::connect;
use super::download::{Bounds, Download};
use super::error::{DownstreamError, ProxyError, UpstreamFault};
use super::h2c::H2c;
use super::headers;
use super::request_body::RequestBody;
use super::upload::{Gate, Upload};
use super::wire::{self, Connector};
use crate::engine::hold::is_endless;
use crate::settings::{self, HostHeader, Limits, Protocol, Timeouts, UpstreamUrl};

/// Below the minute that most backends keep an idle connection: whoever closes first should be the one that
/// could otherwise send into a closing connection.
const IDLE_TIME_MAX: Duration = Duration::from_secs(55);

/// A backend and the connections to it. Belongs to one worker.
pub(super) struct Upstream {
    /// What the configuration calls it.
    pub name: Arc<str>,
    url: UpstreamUrl,
    /// The `Host` to send; `None` leaves the client's.
    host: Option<HeaderValue>,
    /// How long it is waited for.
    pub timeouts: Timeouts,
    limits: Limits,
    /// How many further tries rules may cause.
    pub budget: Budget,
    alarms: Alarms,
    connector: HttpConnector,
    client: AnyClient,
}

/// The connections, by what is spoken on them.
enum AnyClient {
    Http1(Pools),
    H2c(H2c),
}

/// The connections of HTTP/1.1.
struct Pools {
    kept: Client<Connector, Upload>,
    /// Takes a new connection for every request.
    fresh: Client<Connector, Upload>,
}

impl Upstream {
    /// An upstream without connections yet. Call it inside the worker's runtime.
    pub fn new(upstream: &settings::Upstream) -> Upstream {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(upstream.timeouts.connect));
        connector.set_nodelay(true);
        let client = match upstream.protocol {
            Protocol::Http1 => AnyClient::Http1(Pools::new(&connector, &upstream.limits)),
            Protocol::H2c => AnyClient::H2c(H2c::new(connector.clone(), place(&upstream.url))),
        };
        let host = match upstream.host {
            HostHeader::Preserve => None,
            HostHeader::Upstream => HeaderValue::from_str(upstream.url.authority.as_str()).ok(),
        };
        Upstream {
            name: Arc::clone(&upstream.name),
            url: upstream.url.clone(),
            host,
            timeouts: upstream.timeouts,
            limits: upstream.limits,
            budget: Budget::new(upstream.retry_budget, Instant::now()),
            alarms: Alarms::default(),
            connector,
            client,
        }
    }

    /// Sends the request, its body as it comes, and waits so long for the head of the answer. A body that the
    /// upstream did not ask for stays unread behind the gate, to be dropped when the answer has been sent.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when no answer comes, and [`ProxyError::Downstream`] when the request's own body
    /// breaks off.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
        time_max: Duration,
        end: Option<Instant>,
    ) -> Result<(Response<Download>, Option<Gate>), ProxyError> {
        self.send_on(|pools| &pools.kept, request, time_max, end).await
    }

    /// The same, on a new connection where connections carry one exchange at a time.
    ///
    /// # Errors
    /// The same.
    pub async fn send_afresh(
        &self,
        request: Request<RequestBody>,
        time_max: Duration,
        end: Option<Instant>,
    ) -> Result<(Response<Download>, Option<Gate>), ProxyError> {
        self.send_on(|pools| &pools.fresh, request, time_max, end).await
    }

    async fn send_on(
        &self,
        pool: impl FnOnce(&Pools) -> &Client<Connector, Upload>,
        request: Request<RequestBody>,
        time_max: Duration,
        end: Option<Instant>,
    ) -> Result<(Response<Download>, Option<Gate>), ProxyError> {
        let mut request = request.map(Upload::from);
        self.address(&mut request)?;
        match &self.client {
            AnyClient::Http1(pools) => {
                let gate = Upload::wait_until_wanted(&mut request);
                *request.version_mut() = Version::HTTP_11;
                let answer = self.in_time(time_max, end, pool(pools).request(request)).await?;
                Ok((self.bounded(answer, end)?, gate))
            }
            AnyClient::H2c(h2c) => {
                address_over_http_2(&mut request)?;
                // On the heap, so that exchanges over HTTP/1.1 need no room for it.
                let answer = self.in_time(time_max, end, Box::pin(h2c.send(request))).await?;
                Ok((self.bounded(answer, end)?, None))
            }
        }
    }

    /// The head of the answer, or that it did not come: within `time_max`, and before the exchange's `end`.
    async fn in_time<E: Into<ProxyError>>(
        &self,
        time_max: Duration,
        end: Option<Instant>,
        answered: impl Future<Output = Result<Response<Incoming>, E>>,
    ) -> Result<Response<Incoming>, ProxyError> {
        let silent_at = Instant::now() + time_max;
        let head_at = end.map_or(silent_at, |end| end.min(silent_at));
        match self.alarms.until(head_at, answered).await {
            Some(answer) => answer.map_err(Into::into),
            None if head_at < silent_at => Err(UpstreamFault::Late.into()),
            None => Err(UpstreamFault::Silent.into()),
        }
    }

    /// The answer with its body bounded. One that is over a bound by its head alone, or could be read in two
    /// ways, is let go with its connection.
    fn bounded(
        &self,
        mut answer: Response<Incoming>,
        end: Option<Instant>,
    ) -> Result<Response<Download>, ProxyError> {
        headers::check_framing(answer.headers_mut())?;
        let content_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let bounds = Bounds {
            bytes_left: self.limits.response_body_bytes.unwrap_or(u64::MAX),
            idle_time_max: self.timeouts.body_idle.filter(|_| !content_type.is_some_and(is_endless)),
            end,
        };
        let (parts, incoming) = answer.into_parts();
        Ok(Response::from_parts(parts, Download::new(incoming, bounds)?))
    }

    /// A connection that no exchange uses.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when there is none in `timeouts.connect`.
    pub async fn connect(&self) -> Result<TcpStream, ProxyError> {
        Ok(connect(&self.connector, &place(&self.url)).await?.into_inner())
    }

    /// Turns the client's request into one to this upstream.
    fn address(&self, request: &mut Request<Upload>) -> Result<(), ProxyError> {
        *request.uri_mut() = target(&self.url, request.uri())?;
        if let Some(host) = &self.host {
            request.headers_mut().insert(header::HOST, host.clone());
        }
        // hyper takes a body of unknown length on GET for none, unless it is told.
        if !request.body().is_end_stream() && request.body().size_hint().exact().is_none() {
            request.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        Ok(())
    }
}

impl Pools {
    fn new(connector: &HttpConnector, limits: &Limits) -> Pools {
        let connector = wire::connector(connector.clone());
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE_TIME_MAX).pool_timer(TokioTimer::new());
        client.http1_max_buf_size(limits.response_header_bytes);
        Pools {
            kept: client.build(connector.clone()),
            fresh: client.pool_max_idle_per_host(0).build(connector),
        }
    }
}

/// HTTP/2 has the host in the target, and no headers that speak about the connection (RFC 9113, sections 8.2.2
/// and 8.3.1).
fn address_over_http_2(request: &mut Request<Upload>) -> Result<(), ProxyError> {
    *request.version_mut() = Version::HTTP_2;
    for name in [header::CONNECTION, header::UPGRADE, header::TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
    if let Some(host) = request.headers_mut().remove(header::HOST) {
        let mut parts = request.uri().clone().into_parts();
        parts.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| DownstreamError::Host)?);
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| DownstreamError::Host)?;
    }
    Ok(())
}

/// Where the upstream is: its scheme and authority.
fn place(url: &UpstreamUrl) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(url.authority.clone());
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).unwrap_or_default()
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
    parts.scheme = Some(Scheme::HTTP);
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
