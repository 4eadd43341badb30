//! Who may ask the console's API.
//!
//! On loopback everybody on this machine may, but not a web page from elsewhere whose name was made to point here (DNS
//! rebinding): the request must name an address or `localhost`. Who comes from elsewhere, and everybody wherever a token
//! is set, must show the token, which no such page has. A page of another origin may not in any case.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::problem;
use crate::settings::Token;

/// Who may ask.
#[derive(Debug)]
pub(super) enum Guard {
    /// Whoever can reach the loopback address, which is where it listens.
    Local,
    /// Who shows this token.
    Holders(Token),
    /// Who comes over loopback: there is no token, and the address can be reached from elsewhere.
    LocalPeers,
}

impl Guard {
    pub fn new(address: IpAddr, token: Option<Token>) -> Guard {
        match token {
            Some(token) => Guard::Holders(token),
            None if address.is_loopback() => Guard::Local,
            None => Guard::LocalPeers,
        }
    }

    /// Why these headers do not open the door to whoever comes from there.
    fn refusal(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<Response> {
        let forbidden = |detail: &str| Some(problem(StatusCode::FORBIDDEN, detail));
        let host = text(headers, HOST.as_str());
        match self {
            Guard::Holders(token) => {
                let shown = text(headers, AUTHORIZATION.as_str()).and_then(bearer);
                if !shown.is_some_and(|shown| token.is(shown)) {
                    return Some(unauthorized());
                }
            }
            Guard::LocalPeers if !peer.is_some_and(|peer| peer.to_canonical().is_loopback()) => {
                return forbidden("set `admin.token` to use the console from elsewhere than loopback");
            }
            Guard::Local | Guard::LocalPeers if !host.is_some_and(names_address) => {
                return forbidden("ask by an address or as `localhost`, not by another name");
            }
            Guard::Local | Guard::LocalPeers => {}
        }
        if !is_same_origin(headers, host) {
            return forbidden("a page of another origin may not ask this");
        }
        None
    }
}

/// Lets a request through to the API, or answers it.
pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    match guard.refusal(request.headers(), peer.map(|ConnectInfo(peer)| peer.ip())) {
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

    /// The status of the refusal, 200 without one, for somebody from elsewhere.
    fn check(guard: &Guard, headers: &[(&str, &str)], expected: u16) {
        check_from(guard, "10.9.9.9", headers, expected);
    }

    fn check_from(guard: &Guard, peer: &str, headers: &[(&str, &str)], expected: u16) {
        let header = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        let map: HeaderMap = headers.iter().map(header).collect();
        let refusal = guard.refusal(&map, peer.parse().ok());
        let status = refusal.map_or(200, |refusal| refusal.status().as_u16());
        assert_eq!(status, expected, "{guard:?} {peer} {headers:?}");
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
    fn elsewhere_only_who_comes_over_loopback_may_ask_without_a_token() {
        let everywhere = guard("0.0.0.0", None);
        for peer in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            check_from(&everywhere, peer, &[("host", "127.0.0.1:9901")], 200);
            check_from(&everywhere, peer, &[("host", "evil.test")], 403);
            check_from(&everywhere, peer, &[("host", "127.0.0.1"), ("origin", "http://evil.test")], 403);
        }
        for peer in ["10.1.2.3", "::ffff:10.1.2.3", "unknown"] {
            check_from(&everywhere, peer, &[("host", "127.0.0.1:9901")], 403);
        }
        check(&guard("0.0.0.0", None), &[("host", "127.0.0.1:9901")], 403);
        check(&guard("10.1.2.3", None), &[("host", "10.1.2.3"), ("authorization", "Bearer ")], 403);
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
