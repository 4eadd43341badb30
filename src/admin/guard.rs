//! Who may ask the console's API.
//!
//! Over loopback everybody on this machine may, or in this pod, but not a web page from elsewhere whose name was made to
//! point here (DNS rebinding): the request must name an address or `localhost`. By another address nobody may, and
//! wherever a token is set, it must be shown, which no such page has. A page of another origin may not in any case.

use std::net::IpAddr;

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::IncomingStream;
use tokio::net::TcpListener;

use super::problem;
use crate::case::Playground;
use crate::live::InForce;
use crate::settings::Token;

/// What is guarded: the API at this address, under the configuration in force.
#[derive(Debug, Clone)]
pub(super) struct Guarded {
    pub address: IpAddr,
    pub playground: InForce<Playground>,
}

/// Who may ask.
#[derive(Debug)]
enum Guard {
    /// Who comes over loopback; the address is the listener's, for a connection of which no more is known.
    Local(IpAddr),
    /// Who shows this token.
    Holders(Token),
}

/// Whether both ends of a connection are on loopback: then it comes from this machine, wherever the listener is.
///
/// The client's end alone would not do, as the proxy of a mesh passes on what comes from elsewhere as from `127.0.0.6`;
/// nor would ours, as a node may be told to route packets to its own loopback (`route_localnet`).
#[derive(Debug, Clone, Copy)]
pub struct OverLoopback(bool);

impl Connected<IncomingStream<'_, TcpListener>> for OverLoopback {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> OverLoopback {
        let ends = [Some(*stream.remote_addr()), stream.io().local_addr().ok()];
        OverLoopback(ends.iter().all(|end| end.is_some_and(|end| end.ip().to_canonical().is_loopback())))
    }
}

impl Guard {
    fn new(address: IpAddr, token: Option<Token>) -> Guard {
        match token {
            Some(token) => Guard::Holders(token),
            None => Guard::Local(address),
        }
    }

    /// Why these headers do not open the door.
    fn refusal(&self, over_loopback: Option<bool>, headers: &HeaderMap) -> Option<Response> {
        let forbidden = |detail: &str| Some(problem(StatusCode::FORBIDDEN, detail));
        let host = text(headers, HOST.as_str());
        match self {
            Guard::Holders(token) => {
                let shown = text(headers, AUTHORIZATION.as_str()).and_then(bearer);
                if !shown.is_some_and(|shown| token.is(shown)) {
                    return Some(unauthorized());
                }
            }
            Guard::Local(listener) if !over_loopback.unwrap_or_else(|| listener.is_loopback()) => {
                return forbidden("set `admin.token` to use the console on an address other than loopback");
            }
            Guard::Local(_) if !host.is_some_and(names_address) => {
                return forbidden("ask by an address or as `localhost`, not by another name");
            }
            Guard::Local(_) => {}
        }
        if !is_same_origin(headers, host) {
            return forbidden("a page of another origin may not ask this");
        }
        None
    }
}

/// Lets a request through to the API, or answers it.
pub(super) async fn check(State(guarded): State<Guarded>, request: Request, next: Next) -> Response {
    let playground = guarded.playground.now();
    let guard = Guard::new(guarded.address, playground.snapshot().settings.admin.token.clone());
    drop(playground);
    let over_loopback = request.extensions().get().map(|ConnectInfo(OverLoopback(is))| *is);
    match guard.refusal(over_loopback, request.headers()) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

fn unauthorized() -> Response {
    let mut answer = problem(StatusCode::UNAUTHORIZED, "send `admin.token` as a bearer token");
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"candor\""));
    answer
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Whether a `Host` can mean this machine only: an address, or `localhost`.
fn names_address(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

/// Whether a browser asks for a page from here, or no browser does.
fn is_same_origin(headers: &HeaderMap, host: Option<&str>) -> bool {
    let same_site = text(headers, "sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let same_origin = origin.is_none_or(|origin| {
        let named = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
        named.is_some_and(|named| host.is_some_and(|host| host.eq_ignore_ascii_case(named)))
    });
    same_site && same_origin
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    /// The status of the refusal, 200 without one.
    fn check(guard: &Guard, headers: &[(&str, &str)], expected: u16) {
        let header = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        let map: HeaderMap = headers.iter().map(header).collect();
        let status = guard.refusal(None, &map).map_or(200, |refusal| refusal.status().as_u16());
        assert_eq!(status, expected, "{guard:?} {headers:?}");
    }

    fn guard(address: &str, token: Option<&str>) -> Guard {
        Guard::new(address.parse().unwrap(), token.map(|token| Token::new(token).unwrap()))
    }

    #[test]
    fn on_loopback_an_address_or_localhost_must_be_named() {
        for address in ["127.0.0.1", "127.8.9.1", "::1"] {
            let guard = guard(address, None);
            for host in ["127.0.0.1:9901", "[::1]:9901", "localhost", "LOCALHOST:9901", "10.0.0.7"] {
                check(&guard, &[("host", host)], 200);
            }
            for host in
                ["evil.test", "localhost.evil.test:9901", "127.0.0.1.evil.test", "candor:9901", "", "a b"]
            {
                check(&guard, &[("host", host)], 403);
            }
            check(&guard, &[], 403);
        }
    }

    #[test]
    fn elsewhere_nobody_may_ask_without_a_token() {
        check(&guard("0.0.0.0", None), &[("host", "127.0.0.1:9901")], 403);
        check(&guard("10.1.2.3", None), &[("host", "10.1.2.3"), ("authorization", "Bearer ")], 403);
    }

    #[test]
    fn over_loopback_one_may_ask_wherever_the_listener_is() {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("127.0.0.1:9901"))]);
        let check = |address: &str, over_loopback: Option<bool>, expected: Option<StatusCode>| {
            let refusal = guard(address, None).refusal(over_loopback, &headers);
            assert_eq!(refusal.map(|refusal| refusal.status()), expected, "{address} {over_loopback:?}");
        };
        for address in ["0.0.0.0", "::", "10.1.2.3", "127.0.0.1"] {
            check(address, Some(true), None);
            check(address, Some(false), Some(StatusCode::FORBIDDEN));
        }
        check("127.0.0.1", None, None);
        check("0.0.0.0", None, Some(StatusCode::FORBIDDEN));
    }

    #[test]
    fn a_token_opens_under_any_name() {
        let token = "a-token-of-many-characters";
        for address in ["0.0.0.0", "127.0.0.1"] {
            let guard = guard(address, Some(token));
            check(&guard, &[("host", "candor:9901"), ("authorization", &format!("Bearer {token}"))], 200);
            check(&guard, &[("host", "candor:9901"), ("authorization", &format!("bearer  {token}"))], 200);
            for wrong in [
                "Bearer",
                "Bearer x",
                "Basic YTpi",
                &format!("Bearer {token}x"),
                &format!("Bearer {}", token.trim_start_matches('a')),
            ] {
                check(&guard, &[("host", "127.0.0.1"), ("authorization", wrong)], 401);
            }
            check(&guard, &[("host", "127.0.0.1")], 401);
        }
    }

    #[test]
    fn pages_of_other_origins_may_not_ask() {
        let (guard, host) = (guard("127.0.0.1", None), ("host", "127.0.0.1:9901"));
        check(&guard, &[host, ("origin", "http://127.0.0.1:9901")], 200);
        check(&guard, &[host, ("sec-fetch-site", "same-origin")], 200);
        check(&guard, &[host, ("sec-fetch-site", "none")], 200);
        for origin in ["null", "http://evil.test", "http://127.0.0.1:8080", "http://localhost:9901", ""] {
            check(&guard, &[host, ("origin", origin)], 403);
        }
        for site in ["cross-site", "same-site"] {
            check(&guard, &[host, ("sec-fetch-site", site)], 403);
        }
    }
}
