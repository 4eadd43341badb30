//! Chooses for one exchange: the route by host, path and method; the rule set by the route, by the client's
//! header where it may, and by the upstream's where it may. The choosing headers go no further.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Version};

use super::error::DownstreamError;
use super::forwarded::Peer;
use crate::engine::RuleSet;
use crate::engine::route::{Found, Route, Routes};
use crate::engine::selection::{Choice, Selection};

/// Makes `Host` the host the client asked for, whichever way it said so (RFC 9112, sections 3.2 and 3.2.2).
///
/// # Errors
/// When there is none or more than one, so that no two readers of the request can differ about it.
pub(super) fn settle_host<B>(request: &mut Request<B>) -> Result<(), DownstreamError> {
    if request.method() == Method::CONNECT {
        return Err(DownstreamError::Connect);
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => return Err(DownstreamError::Host),
        (Some(host), None) if !is_host(host) => return Err(DownstreamError::Host),
        (_, Some(_)) => return Err(DownstreamError::Host),
        _ => {}
    }
    if let Some(authority) = request.uri().authority() {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host).map_err(|_| DownstreamError::Host)?;
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(())
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
    match routes.find(host, request.method(), request.uri().path()) {
        Found::Route(route) => Ok(route),
        Found::MethodNotAllowed { allow } => Err(DownstreamError::Method { allow }),
        Found::NotFound => Err(DownstreamError::NoRoute),
    }
}

/// The rules chosen for one exchange, as far as the request can choose.
pub(super) struct Rules<'a> {
    route: &'a Route,
    selection: Option<&'a Selection>,
    choice: Choice<'a>,
}

impl<'a> Rules<'a> {
    /// What the request chooses; takes the choosing header off it.
    ///
    /// # Errors
    /// When the choice is refused.
    pub fn choose(
        selection: Option<&'a Selection>,
        route: &'a Route,
        headers: &mut HeaderMap,
        peer: &Peer,
    ) -> Result<Rules<'a>, DownstreamError> {
        let choice = match selection {
            Some(selection) => {
                let choice = selection.choose(route, headers, peer.ip);
                headers.remove(&selection.header);
                choice
            }
            None => Choice::Default,
        };
        match choice {
            Choice::Rejected { detail } => Err(DownstreamError::RuleSet { detail }),
            choice => Ok(Rules { route, selection, choice }),
        }
    }

    /// Whether the rules may look at the request's headers, which otherwise need no copy.
    pub fn read_request_headers(&self) -> bool {
        self.upstream_may_choose() || self.of_request().is_some_and(|rules| rules.reads_request_headers())
    }

    /// The rule set in force. A choice of the upstream's counts where the client made none; its header is taken
    /// off the answer.
    pub fn settle(&self, headers: &mut HeaderMap) -> Option<&'a Arc<RuleSet>> {
        let Some((selection, header)) = self.upstream_header() else { return self.of_request() };
        let by_answer = selection.choose_by_answer(self.route, headers);
        headers.remove(header);
        match (&self.choice, by_answer) {
            (Choice::Default, Some(Choice::RuleSet(rule_set))) => Some(rule_set),
            (Choice::Default, Some(Choice::Off)) => None,
            _ => self.of_request(),
        }
    }

    /// The request header that answers vary by.
    pub fn vary(&self) -> Option<&'a header::HeaderName> {
        self.selection.filter(|selection| selection.varies(self.route)).map(|selection| &selection.header)
    }

    fn of_request(&self) -> Option<&'a Arc<RuleSet>> {
        match self.choice {
            Choice::RuleSet(rule_set) => Some(rule_set),
            Choice::Off | Choice::Rejected { .. } => None,
            Choice::Default => self.route.rule_set.as_ref(),
        }
    }

    fn upstream_may_choose(&self) -> bool {
        self.upstream_header().is_some()
    }

    fn upstream_header(&self) -> Option<(&'a Selection, &'a header::HeaderName)> {
        let selection = self.selection?;
        Some((selection, selection.upstream_header.as_ref()?))
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
    }

    #[test]
    fn requests_without_one_host_are_refused() {
        let check = |version, method: &str, target: &str, hosts: &[&str]| {
            settle_host(&mut request(version, method, target, hosts)).unwrap_err()
        };
        assert!(matches!(check(Version::HTTP_11, "GET", "/", &[]), DownstreamError::Host));
        assert!(matches!(check(Version::HTTP_11, "GET", "/", &["a", "a"]), DownstreamError::Host));
        assert!(matches!(check(Version::HTTP_10, "GET", "/", &["a", "b"]), DownstreamError::Host));
        for host in ["a b", "a, b", "a/b", "me@a", "a#", "a?b", "a\\b", "a\t"] {
            assert!(matches!(check(Version::HTTP_11, "GET", "/", &[host]), DownstreamError::Host), "{host}");
        }
        assert!(matches!(check(Version::HTTP_11, "CONNECT", "a:1", &["a:1"]), DownstreamError::Connect));
    }
}
