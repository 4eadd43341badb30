//! Admits a request and finds its route, by host, path and method.

use http::header::{self, HeaderValue};
use http::{Method, Request, Version};

use super::error::DownstreamError;
use crate::engine::route::{Found, Route, Routes};
use crate::settings::Connect;

/// Makes `Host` the host the client asked for, whichever way it said so (RFC 9112, sections 3.2 and 3.2.2;
/// RFC 9113, section 8.3.1).
///
/// # Errors
/// When there is none or more than one, so that no two readers of the request can differ about it.
pub(super) fn settle_host<B>(request: &mut Request<B>) -> Result<(), DownstreamError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let http_2 = request.version() == Version::HTTP_2;
    let without_host = match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => return Err(DownstreamError::Host),
        (Some(host), None) if !is_host(host) => return Err(DownstreamError::Host),
        (_, Some(_)) => return Err(DownstreamError::Host),
        (host, None) => host.is_none(),
    };
    let Some(authority) = request.uri().authority() else {
        return if http_2 && without_host { Err(DownstreamError::Host) } else { Ok(()) };
    };
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let host = HeaderValue::from_str(host).map_err(|_| DownstreamError::Host)?;
    let told = request.headers_mut().insert(header::HOST, host.clone());
    // HTTP/1.1 has the target outweigh the header; HTTP/2 has no reason for two that differ.
    match told {
        Some(told) if http_2 && !told.as_bytes().eq_ignore_ascii_case(host.as_bytes()) => {
            Err(DownstreamError::Host)
        }
        _ => Ok(()),
    }
}

/// Lets a CONNECT through where the operator wants tunnels. On HTTP/2 there are none: the connection goes on.
///
/// # Errors
/// When it is refused.
pub(super) fn admit<B>(request: &Request<B>, connect: Connect) -> Result<(), DownstreamError> {
    let refused = connect == Connect::Refuse || request.version() == Version::HTTP_2;
    if request.method() == Method::CONNECT && refused { Err(DownstreamError::Connect) } else { Ok(()) }
}

/// Whether the value has only what a host and a port are made of (RFC 9110, section 7.2), and so is the same one
/// for everybody who reads it. It may be empty.
fn is_host(value: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(byte);
    value.as_bytes().iter().all(is_plain)
}

/// The route of a request whose host is settled.
///
/// # Errors
/// 404 and 405.
pub(super) fn route<'a, B>(routes: &'a Routes, request: &Request<B>) -> Result<&'a Route, DownstreamError> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    // A CONNECT has an authority and no path.
    let path = if request.method() == Method::CONNECT { "/" } else { request.uri().path() };
    match routes.find(host, request.method(), path) {
        Found::Route(route) => Ok(route),
        Found::MethodNotAllowed { allow } => Err(DownstreamError::Method { allow }),
        Found::NotFound => Err(DownstreamError::NoRoute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, method: &str, target: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().version(version).method(method).uri(target);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_has_one_host() {
        let check = |version, target: &str, hosts: &[&str], expected: Option<&str>| {
            let mut request = request(version, "GET", target, hosts);
            settle_host(&mut request).unwrap();
            let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap());
            assert_eq!(host, expected);
        };
        check(Version::HTTP_11, "/a", &["a.example:81"], Some("a.example:81"));
        check(Version::HTTP_11, "http://b.example:82/a", &["a.example"], Some("b.example:82"));
        check(Version::HTTP_11, "http://me:pw@b.example/a", &["a.example"], Some("b.example"));
        check(Version::HTTP_10, "/a", &[], None);
        check(Version::HTTP_2, "http://a.example/a", &[], Some("a.example"));
        check(Version::HTTP_2, "http://a.example/a", &["A.example"], Some("a.example"));
        check(Version::HTTP_2, "/a", &["a.example"], Some("a.example"));
        check(Version::HTTP_11, "a.example:1", &["b.example"], Some("a.example:1"));
    }

    #[test]
    fn requests_without_one_host_are_refused() {
        let check = |version, target: &str, hosts: &[&str]| {
            let refused = settle_host(&mut request(version, "GET", target, hosts)).unwrap_err();
            assert!(matches!(refused, DownstreamError::Host));
        };
        check(Version::HTTP_11, "/", &[]);
        check(Version::HTTP_11, "/", &["a", "a"]);
        check(Version::HTTP_10, "/", &["a", "b"]);
        check(Version::HTTP_2, "/", &[]);
        check(Version::HTTP_2, "http://a/", &["b"]);
        for host in ["a b", "a, b", "a/b", "me@a", "a#", "a?b", "a\\b", "a\t"] {
            check(Version::HTTP_11, "/", &[host]);
        }
    }

    #[test]
    fn connect_is_admitted_where_tunnels_are_wanted_and_possible() {
        let check = |version, method: &str, connect, expected: bool| {
            assert_eq!(admit(&request(version, method, "a:1", &["a:1"]), connect).is_ok(), expected);
        };
        check(Version::HTTP_11, "CONNECT", Connect::Refuse, false);
        check(Version::HTTP_11, "CONNECT", Connect::Tunnel, true);
        check(Version::HTTP_2, "CONNECT", Connect::Tunnel, false);
        check(Version::HTTP_2, "GET", Connect::Refuse, true);
    }
}
