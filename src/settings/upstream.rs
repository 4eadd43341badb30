//! A backend that requests are sent to: its name in the configuration, where it is, and its bounds.

use std::path::Path;
use std::sync::Arc;

use http::uri::{Authority, PathAndQuery, Scheme};
use tokio_rustls::rustls::pki_types::ServerName;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Entry, Node};

use super::bounds::{Limits, Timeouts};
use super::endpoints::{self, Balance, Ejection, Places};
use super::health::Health;
use super::listen::{UNIX, socket_path};
use super::quick::Quick;
use super::retry::RetryBudget;
use super::section::Section;
use super::tls::Tls;

/// The name of the upstream that a short name gives.
pub(super) const DEFAULT_NAME: &str = "default";

/// One upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// What routes call it.
    pub name: Arc<str>,
    /// Where it is, or what all its endpoints have in common: scheme, path, and the host that they are asked for.
    pub url: UpstreamUrl,
    /// Where requests to it go.
    pub places: Places,
    /// Which of its endpoints they go to.
    pub balance: Balance,
    /// When one of several endpoints is left alone, if ever.
    pub ejection: Option<Ejection>,
    /// How its endpoints are asked whether they are well, if they are.
    pub health: Option<Health>,
    /// How long it is waited for.
    pub timeouts: Timeouts,
    /// How much it may send.
    pub limits: Limits,
    /// What it is told the host is.
    pub host: HostHeader,
    /// How many further tries rules may cause.
    pub retry_budget: RetryBudget,
    /// What is spoken to it.
    pub protocol: Protocol,
    /// Which content codings it is asked for.
    pub accept_encoding: AcceptEncoding,
    /// How TLS is spoken to it, where its URL is one of `https`.
    pub tls: Tls,
}

/// An `http://` or `https://` URL: an authority, and a path that all requests are put under. Or a socket in the file
/// system, in whose place `localhost` is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUrl {
    /// Whether it is spoken to within TLS.
    pub scheme: Scheme,
    /// Host and, when it was written, port: as `Host` has it.
    pub authority: Authority,
    /// Begins with a slash and ends without one; empty for the root.
    pub base_path: String,
    /// The socket in the file system that it is reached by.
    pub socket: Option<Arc<Path>>,
}

/// The `Host` that the upstream sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostHeader {
    /// The client's.
    #[default]
    Preserve,
    /// The authority of the upstream's URL.
    Upstream,
}

/// The content codings that an upstream is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AcceptEncoding {
    /// Those that the client takes.
    #[default]
    Preserve,
    /// Of those, the ones that rules can look into.
    Decodable,
    /// None.
    Identity,
}

/// The protocol spoken to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1, an exchange at a time on each of several connections.
    #[default]
    Http1,
    /// HTTP/2, all exchanges of a worker on one connection: agreed on within TLS, and without it by prior knowledge
    /// (RFC 9113, section 3.3).
    Http2,
    /// The one of the two that the upstream chooses within TLS, on each connection anew.
    Auto,
}

impl Upstream {
    /// All upstreams in the order written; the one of `--upstream` goes last unless `upstreams.default` is there.
    pub(super) fn read_all(top: Section<'_>, quick: &Quick, diagnostics: &mut Diagnostics) -> Vec<Upstream> {
        let written = match top.given("upstreams") {
            Some(node) => node.entries("`upstreams`", diagnostics),
            None => Some(&[] as &[Entry]),
        };
        let is_needed = quick.upstream.is_none() && top.given("api").is_none();
        if is_needed && written.is_some_and(<[Entry]>::is_empty) {
            diagnostics.push(Diagnostic::error("no upstream to send requests to").help(
                "give its URL as `--upstream http://app:9000` or `CANDOR_UPSTREAM`, or name it under `upstreams:`",
            ));
        }
        let written = written.unwrap_or_default();
        let mut upstreams: Vec<Upstream> =
            written.iter().filter_map(|entry| Upstream::read(entry, quick, diagnostics)).collect();
        if let Some(node) = &quick.upstream
            && !written.iter().any(|entry| entry.key == DEFAULT_NAME)
        {
            upstreams
                .extend(UpstreamUrl::read(node, diagnostics).map(|url| Upstream::new(DEFAULT_NAME, url)));
        }
        upstreams
    }

    /// An upstream with nothing but a place.
    pub fn new(name: &str, url: UpstreamUrl) -> Upstream {
        Upstream {
            name: name.into(),
            url,
            places: Places::default(),
            balance: Balance::default(),
            ejection: None,
            health: None,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            host: HostHeader::default(),
            retry_budget: RetryBudget::default(),
            protocol: Protocol::default(),
            accept_encoding: AcceptEncoding::default(),
            tls: Tls::default(),
        }
    }

    /// One of its endpoints, as if it were all there is.
    pub fn endpoint(&self, place: &UpstreamUrl) -> Upstream {
        Upstream { url: place.clone(), places: Places::Url, ..self.clone() }
    }

    fn read(entry: &Entry, quick: &Quick, diagnostics: &mut Diagnostics) -> Option<Upstream> {
        let name = &entry.key;
        let what = format!("upstream `{name}`");
        let keys = [
            "url",
            "endpoints",
            "resolve",
            "balance",
            "ejection",
            "health",
            "timeouts",
            "limits",
            "host",
            "protocol",
            "accept_encoding",
            "retry_budget",
            "tls",
        ];
        let section = Section::of(&entry.node, &what, &keys, diagnostics);
        let timeouts = Timeouts::read(section, diagnostics);
        let limits = Limits::read(section, diagnostics);
        let balance = Balance::read(section, diagnostics);
        let ejection = Ejection::read(section, diagnostics);
        let health = Health::read(section, diagnostics);
        let retry_budget = RetryBudget::read(section, diagnostics);
        let hosts = [("preserve", HostHeader::Preserve), ("upstream", HostHeader::Upstream)];
        let host =
            section.read("host", |node, found| node.word("a choice of `host`", &hosts, found), diagnostics);
        let protocols = [
            ("http1", Protocol::Http1),
            ("h2c", Protocol::Http2),
            ("h2", Protocol::Http2),
            ("auto", Protocol::Auto),
        ];
        let protocol = section.read(
            "protocol",
            |node, found| node.word("a choice of `protocol`", &protocols, found),
            diagnostics,
        );
        let encodings = [
            ("preserve", AcceptEncoding::Preserve),
            ("decodable", AcceptEncoding::Decodable),
            ("identity", AcceptEncoding::Identity),
        ];
        let accept_encoding = section.read(
            "accept_encoding",
            |node, found| node.word("a choice of `accept_encoding`", &encodings, found),
            diagnostics,
        );
        let quick_url = quick.upstream.as_ref().filter(|_| name == DEFAULT_NAME);
        let written = quick_url.or_else(|| section.given("url"));
        let own = written.map(|url| UpstreamUrl::read(url, diagnostics));
        let places = Places::read(section, own.as_ref().and_then(Option::as_ref), diagnostics);
        if written.is_none() && section.given("endpoints").is_none() {
            let needs = Diagnostic::error(format!("{what} needs `url`")).at(&entry.key_place);
            diagnostics.push(needs.help("or `endpoints`, where there are several"));
            return None;
        }
        endpoints::check_choice(section, &places, diagnostics);
        let tls = section.given("tls").map(|node| (node, Tls::read(node, &what, diagnostics)));
        let url = match (own, &places) {
            (Some(url), _) => url?,
            (None, Places::Listed(endpoints)) => endpoints.first()?.clone(),
            (None, Places::Url | Places::Resolved { .. }) => return None,
        };
        if let Some((node, _)) = tls.as_ref().filter(|_| url.scheme != Scheme::HTTPS) {
            let wrong = Diagnostic::error("`tls` for a URL without TLS").at(&node.place);
            diagnostics.push(wrong.help("begin the URL with `https://`"));
        }
        let protocol = protocol.unwrap_or_default();
        if let Some(node) = section.given("protocol")
            && protocol == Protocol::Auto
            && url.scheme != Scheme::HTTPS
        {
            let wrong = Diagnostic::error("`protocol: auto` for a URL without TLS").at(&node.place);
            diagnostics
                .push(wrong.help("it is chosen within TLS: say `http1`, or `h2` where that is spoken"));
        }
        if let Some(node) = section.given("limits").and_then(|limits| limits.entry("connections"))
            && protocol != Protocol::Http1
            && limits.connections.is_some()
        {
            let wrong = Diagnostic::error("`connections` for an upstream over HTTP/2").at(&node.key_place);
            diagnostics.push(wrong.help("all requests of a worker go on one; bound `requests` instead"));
        }
        let mut tls = tls.map(|(_, tls)| tls).unwrap_or_default();
        if written.is_some() && places.are_several() && tls.server_name.is_none() {
            // They are addresses of what the URL names.
            let host = url.authority.host().trim_matches(['[', ']']).to_owned();
            tls.server_name = ServerName::try_from(host).ok();
        }
        Some(Upstream {
            tls,
            timeouts,
            limits,
            host: host.unwrap_or_default(),
            protocol,
            accept_encoding: accept_encoding.unwrap_or_default(),
            retry_budget,
            balance: balance.unwrap_or_default(),
            ejection: ejection.filter(|_| places.are_several()),
            health,
            places,
            ..Upstream::new(name, url)
        })
    }
}

impl UpstreamUrl {
    pub(super) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<UpstreamUrl> {
        let text = node.text("a URL", diagnostics)?;
        UpstreamUrl::parse(text).map_err(|problem| diagnostics.push(problem.at(&node.place))).ok()
    }

    /// Reads `http://host[:port][/path]`, or the same with `https`, or `unix:/path/of/socket[:/path]`.
    ///
    /// # Errors
    /// On every other form, with what would be right; the diagnostic has no place yet.
    pub fn parse(text: &str) -> Result<UpstreamUrl, Diagnostic> {
        let wrong = |why: &str| Diagnostic::error(format!("upstream URL `{text}` {why}"));
        if let Some(rest) = text.strip_prefix(UNIX) {
            let (socket, path) = rest.split_once(':').unwrap_or((rest, ""));
            return Ok(UpstreamUrl {
                scheme: Scheme::HTTP,
                authority: Authority::from_static("localhost"),
                base_path: base_path(path, wrong)?,
                socket: Some(socket_path(socket)?),
            });
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(wrong("has no scheme").help(format!("did you mean `http://{text}`?")));
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => {
                let wrong = wrong(&format!("has the scheme `{scheme}`"));
                return Err(wrong.help("`http://` and `https://` are spoken"));
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let base_path = base_path(path, wrong)?;
        if authority.contains('@') {
            return Err(wrong("has user information").help("set an `authorization` header instead"));
        }
        let authority: Authority = authority.parse().map_err(|_| wrong("has no valid host"))?;
        if authority.host().is_empty() {
            return Err(wrong("has no host"));
        }
        if has_port(&authority) && authority.port_u16().unwrap_or(0) == 0 {
            return Err(wrong("has no valid port").help("ports are 1 to 65535"));
        }
        Ok(UpstreamUrl { scheme, authority, base_path, socket: None })
    }
}

/// The path that all requests are put under.
///
/// # Errors
/// What is wrong with it.
fn base_path(path: &str, wrong: impl Fn(&str) -> Diagnostic) -> Result<String, Diagnostic> {
    if path.contains('#') {
        return Err(wrong("has a fragment"));
    }
    if path.contains('?') {
        return Err(wrong("has a query").help("requests bring their own"));
    }
    let path = path.trim_end_matches('/');
    if !path.is_empty() && (!path.starts_with('/') || path.parse::<PathAndQuery>().is_err()) {
        return Err(wrong("has a path that is not valid"));
    }
    Ok(path.to_owned())
}

/// Whether a port was written, valid or not: a colon that is not of an IPv6 address.
fn has_port(authority: &Authority) -> bool {
    authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_an_authority_and_a_base_path() {
        let check = |text: &str, authority: &str, base_path: &str| {
            let url = UpstreamUrl::parse(text).unwrap();
            assert_eq!((url.authority.as_str(), url.base_path.as_str()), (authority, base_path), "{text}");
        };
        check("http://app:9000", "app:9000", "");
        check("http://app", "app", "");
        check("https://app:8443", "app:8443", "");
        check("HTTP://my_app.svc:1/", "my_app.svc:1", "");
        check("http://10.0.0.1:65535/api/v1/", "10.0.0.1:65535", "/api/v1");
        check("http://[::1]:9000/a", "[::1]:9000", "/a");
        check("http://[::1]", "[::1]", "");
        check("http://app//", "app", "");
    }

    #[test]
    fn other_urls_are_refused() {
        let check = |text: &str, message: &str| {
            assert_eq!(UpstreamUrl::parse(text).unwrap_err().message, message);
        };
        check("app:9000", "upstream URL `app:9000` has no scheme");
        check("", "upstream URL `` has no scheme");
        check("ftp://app", "upstream URL `ftp://app` has the scheme `ftp`");
        check("http://", "upstream URL `http://` has no valid host");
        check("http:///x", "upstream URL `http:///x` has no valid host");
        check("http://:80", "upstream URL `http://:80` has no host");
        check("http://a b", "upstream URL `http://a b` has no valid host");
        check("http://me:pw@app", "upstream URL `http://me:pw@app` has user information");
        check("http://app:0", "upstream URL `http://app:0` has no valid port");
        check("http://app:", "upstream URL `http://app:` has no valid port");
        check("http://app:99999", "upstream URL `http://app:99999` has no valid port");
        check("http://app:80a", "upstream URL `http://app:80a` has no valid port");
        check("http://app/x?y=1", "upstream URL `http://app/x?y=1` has a query");
        check("http://app?y", "upstream URL `http://app?y` has a query");
        check("http://app/#x", "upstream URL `http://app/#x` has a fragment");
        check("http://app/a b", "upstream URL `http://app/a b` has a path that is not valid");
    }
}
