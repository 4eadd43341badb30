//! The upstreams of one worker, each with its pool of kept-alive connections.
//! Sends a request and waits for the head of the answer; knows nothing of rules.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::download::{Bounds, Download};
use super::error::{ProxyError, UpstreamFault};
use super::headers;
use super::intake::Intake;
use super::pace::{self, Connector};
use crate::engine::hold::is_endless;
use crate::settings::{self, HostHeader, Limits, Timeouts, UpstreamUrl};

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
    timeouts: Timeouts,
    limits: Limits,
    client: Client<Connector, Intake>,
}

impl Upstream {
    /// An upstream without connections yet. Call it inside the worker's runtime.
    pub fn new(upstream: &settings::Upstream) -> Upstream {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(upstream.timeouts.connect));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIME_MAX)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(upstream.limits.response_header_bytes)
            .build(pace::connector(connector));
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
            client,
        }
    }

    /// Sends the request, its body as it comes, and waits for the head of the answer.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when no answer comes, and [`ProxyError::Downstream`] when the request's own body
    /// breaks off.
    pub async fn send(&self, mut request: Request<Intake>) -> Result<Response<Download>, ProxyError> {
        self.address(&mut request)?;
        let now = Instant::now();
        let end = self.timeouts.total.map(|time| now + time);
        let silent_at = now + self.timeouts.response;
        let head_at = end.map_or(silent_at, |end| end.min(silent_at));
        match timeout_at(head_at, self.client.request(request)).await {
            Ok(Ok(answer)) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Err(UpstreamFault::Switched.into())
            }
            Ok(answer) => self.take(answer?, end),
            Err(_elapsed) if head_at < silent_at => Err(UpstreamFault::Late.into()),
            Err(_elapsed) => Err(UpstreamFault::Silent.into()),
        }
    }

    /// The answer with its body bounded. One that is over a bound by its head alone, or could be read in two
    /// ways, is let go with its connection.
    fn take(
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

    /// Turns the client's request into one to this upstream.
    fn address(&self, request: &mut Request<Intake>) -> Result<(), ProxyError> {
        *request.uri_mut() = target(&self.url, request.uri())?;
        *request.version_mut() = Version::HTTP_11;
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
