//! Who the client is and what it asked for, told to the upstream in `X-Forwarded-*` and, where wanted, `Forwarded`.
//! What a client claims about itself is believed only from a trusted proxy; anyone else's claims are replaced.

use std::cell::RefCell;
use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// RFC 9440.
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// The other end of a client's connection.
#[derive(Debug)]
pub(in crate::proxy) struct Peer {
    /// Its address; an IPv4 address that came in over IPv6 is IPv4.
    pub ip: IpAddr,
    /// The address as a header value, written once for all exchanges of the connection.
    text: HeaderValue,
    /// The last host asked for and its port: most connections ask one host alone.
    port: RefCell<Option<(HeaderValue, HeaderValue)>>,
    /// What is spoken to Candor.
    scheme: Scheme,
    /// Its certificate as `Client-Cert` has it, where it has shown one and that is to be told.
    certificate: Option<HeaderValue>,
}

/// What is spoken to Candor, and the port that it is usually spoken at.
#[derive(Debug, Clone, Copy)]
struct Scheme(&'static str, &'static str);

impl Peer {
    /// The peer at this address.
    pub fn new(ip: IpAddr) -> Peer {
        let ip = ip.to_canonical();
        let text = HeaderValue::try_from(ip.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
        Peer { ip, text, port: RefCell::default(), scheme: Scheme("http", "80"), certificate: None }
    }

    /// The same, spoken to within TLS.
    pub fn within_tls(self, certificate: Option<HeaderValue>) -> Peer {
        Peer { scheme: Scheme("https", "443"), certificate, ..self }
    }

    /// What it speaks: `http`, or `https` within TLS.
    pub fn scheme(&self) -> &'static str {
        self.scheme.0
    }

    /// Whether the peer is in one of the networks.
    pub fn is_in(&self, networks: &[IpNet]) -> bool {
        is_among(self.ip, networks)
    }

    /// Sets the headers on a request whose `Host` is already the one the client asked for.
    pub fn forward(&self, headers: &mut HeaderMap, trusted_proxies: &[IpNet]) {
        let host = headers.get(header::HOST).cloned();
        if self.is_in(trusted_proxies) {
            self.append_address(headers);
        } else {
            if headers.keys().any(is_forwarded) {
                for name in [&PROTO, &HOST, &PORT, &header::FORWARDED, &CLIENT_CERT, &CLIENT_CERT_CHAIN] {
                    headers.remove(name);
                }
            }
            headers.insert(FOR, self.text.clone());
        }
        headers.entry(PROTO).or_insert(HeaderValue::from_static(self.scheme.0));
        if let Some(certificate) = &self.certificate {
            headers.entry(CLIENT_CERT).or_insert_with(|| certificate.clone());
        }
        headers.entry(PORT).or_insert_with(|| self.port(host.as_ref()));
        if let Some(host) = host {
            headers.entry(HOST).or_insert(host);
        }
    }

    /// The port in the host.
    fn port(&self, host: Option<&HeaderValue>) -> HeaderValue {
        let port = |host| port(host, self.scheme);
        let Some(host) = host else { return port(None) };
        let mut last = self.port.borrow_mut();
        match &*last {
            Some((known, port)) if known == host => port.clone(),
            // A copy, so that nothing is kept of the head that it stands in.
            _ => match HeaderValue::from_bytes(host.as_bytes()) {
                Ok(copy) => last.insert((copy, port(Some(host)))).1.clone(),
                Err(_) => port(Some(host)),
            },
        }
    }

    /// Adds this hop to `Forwarded` (RFC 7239), after [`forward`](Self::forward) has sorted out who is believed.
    pub fn forward_standard(&self, headers: &mut HeaderMap) {
        let mut hop = String::from("for=");
        match self.ip {
            IpAddr::V4(ip) => hop.extend([ip.to_string()]),
            IpAddr::V6(ip) => hop.extend(["\"[", &ip.to_string(), "]\""]),
        }
        if let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) {
            hop.extend([";host=\"", &host.replace(['"', '\\'], "?"), "\""]);
        }
        hop.extend([";proto=", self.scheme.0]);
        if let Ok(hop) = HeaderValue::try_from(hop) {
            headers.append(header::FORWARDED, hop);
        }
    }

    /// One list in one header, the client first, each proxy after it.
    fn append_address(&self, headers: &mut HeaderMap) {
        let mut chain = Vec::new();
        for value in headers.get_all(&FOR) {
            chain.extend_from_slice(value.as_bytes());
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(self.text.as_bytes());
        headers.insert(FOR, HeaderValue::try_from(chain).unwrap_or_else(|_| self.text.clone()));
    }
}

/// Whether an address is in one of the networks.
pub(in crate::proxy) fn is_among(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Whether it is one of these headers. Most requests have none.
fn is_forwarded(name: &HeaderName) -> bool {
    *name == header::FORWARDED
        || name.as_str().starts_with("x-forwarded-")
        || name.as_str().starts_with("client-cert")
}

/// The port the client meant: what stands in `Host`, else the scheme's own, whatever port the sidecar listens
/// on (it is usually behind a mapping).
fn port(host: Option<&HeaderValue>, scheme: Scheme) -> HeaderValue {
    let given = host
        .and_then(|host| host.to_str().ok()?.rsplit_once(':'))
        .and_then(|(_, port)| port.parse::<u16>().ok());
    given.map_or(HeaderValue::from_static(scheme.1), HeaderValue::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, lines: &[(&'static str, &'static str)], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Peer::new(peer.parse().unwrap()).forward(&mut headers, &["10.0.0.0/8".parse().unwrap()]);
        let mut told: Vec<String> = headers
            .iter()
            .filter_map(|(name, value)| {
                let short = name.as_str().strip_prefix("x-forwarded-").unwrap_or(name.as_str());
                (name != "host").then(|| format!("{short}={}", value.to_str().unwrap()))
            })
            .collect();
        told.sort();
        assert_eq!(told, expected);
    }

    #[test]
    fn the_client_s_address_host_and_port_are_told() {
        check(
            "192.0.2.7",
            &[("host", "a.example")],
            &["for=192.0.2.7", "host=a.example", "port=80", "proto=http"],
        );
        check(
            "2001:db8::1",
            &[("host", "a:8080")],
            &["for=2001:db8::1", "host=a:8080", "port=8080", "proto=http"],
        );
        check(
            "::ffff:192.0.2.7",
            &[("host", "[::1]:81")],
            &["for=192.0.2.7", "host=[::1]:81", "port=81", "proto=http"],
        );
        check("192.0.2.7", &[("host", "[::1]")], &["for=192.0.2.7", "host=[::1]", "port=80", "proto=http"]);
        check("192.0.2.7", &[], &["for=192.0.2.7", "port=80", "proto=http"]);
    }

    #[test]
    fn the_hop_is_told_as_rfc_7239_has_it() {
        let check = |peer: &str, lines: &[(&'static str, &'static str)], expected: &[&str]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            Peer::new(peer.parse().unwrap()).forward_standard(&mut headers);
            let told: Vec<&HeaderValue> = headers.get_all(header::FORWARDED).iter().collect();
            assert_eq!(told, expected);
        };
        check("192.0.2.7", &[("host", "a:81")], &[r#"for=192.0.2.7;host="a:81";proto=http"#]);
        check("2001:db8::1", &[], &[r#"for="[2001:db8::1]";proto=http"#]);
        check("::ffff:192.0.2.7", &[("host", r#"a"\"#)], &[r#"for=192.0.2.7;host="a??";proto=http"#]);
        check(
            "192.0.2.7",
            &[("host", "a"), ("forwarded", "for=1.1.1.1")],
            &["for=1.1.1.1", r#"for=192.0.2.7;host="a";proto=http"#],
        );
    }

    #[test]
    fn a_stranger_s_claims_are_replaced() {
        check(
            "192.0.2.7",
            &[
                ("host", "a"),
                ("x-forwarded-for", "1.1.1.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "b"),
                ("x-forwarded-port", "443"),
                ("forwarded", "for=1.1.1.1"),
            ],
            &["for=192.0.2.7", "host=a", "port=80", "proto=http"],
        );
    }

    #[test]
    fn a_trusted_proxy_s_claims_are_kept_and_its_address_appended() {
        check(
            "10.1.2.3",
            &[
                ("host", "a"),
                ("x-forwarded-for", "1.1.1.1"),
                ("x-forwarded-for", "2.2.2.2, 3.3.3.3"),
                ("x-forwarded-proto", "https"),
            ],
            &["for=1.1.1.1, 2.2.2.2, 3.3.3.3, 10.1.2.3", "host=a", "port=80", "proto=https"],
        );
        check(
            "::ffff:10.1.2.3",
            &[("host", "a"), ("forwarded", "for=1.1.1.1"), ("x-forwarded-port", "443")],
            &["for=10.1.2.3", "forwarded=for=1.1.1.1", "host=a", "port=443", "proto=http"],
        );
    }
}
