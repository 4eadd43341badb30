//! The header of the PROXY protocol: whom it makes the client, and what becomes of connections that do not have it.

use super::support::certificates::{Authority, Client as TlsClient, Folder};
use super::support::client::Client;
use super::support::sidecar::Sidecar;
use super::support::upstream::Upstream;
use super::support::{h2, json, log};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";

/// A header of version 2.
fn binary(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    [SIGNATURE, &[version_command, family, 0, rest.len() as u8], rest].concat()
}

struct Setup {
    folder: Folder,
    upstream: Upstream,
    sidecar: Sidecar,
}

/// A sidecar whose `server` says this.
fn setup(server: &str) -> Setup {
    let (folder, upstream) = (Folder::new(), Upstream::answering(json("{}")));
    let sidecar = sidecar(&folder, &upstream, server);
    Setup { folder, upstream, sidecar }
}

fn sidecar(folder: &Folder, upstream: &Upstream, server: &str) -> Sidecar {
    let configuration = format!(
        "server: {{ listen: '127.0.0.1:0', workers: 1, {server} }}\n\
         upstreams: {{ legacy: {{ url: 'http://{}' }} }}\n",
        upstream.address
    );
    Sidecar::configured_in(folder.path(), &configuration)
}

impl Setup {
    /// Whom the upstream is told to be the client, on a connection that begins so.
    #[track_caller]
    fn check(&self, header: &[u8], client: &str) {
        let mut connection = self.sidecar.client();
        connection.send(header);
        let answer = connection.exchange("GET /", &[]);
        assert_eq!(answer.status(), 200, "{}", header.escape_ascii());
        let received = self.upstream.received().head;
        assert_eq!(received.header("x-forwarded-for"), Some(client), "{}", header.escape_ascii());
        let event = log::event(answer.header("x-request-id").unwrap());
        assert_eq!(event["client"], client);
    }

    /// A connection that begins so is closed without a word.
    #[track_caller]
    fn check_closed(&self, header: &[u8]) {
        let mut connection = self.sidecar.client();
        connection.send(header);
        connection.send_in_vain("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(connection.rest(), b"", "{}", header.escape_ascii());
        assert!(self.upstream.seen().is_empty());
    }

    fn refused(&self, reason: &str) -> f64 {
        let sample = format!(r#"candor_connections_refused_total{{reason="{reason}"}}"#);
        self.sidecar.metric(&sample).unwrap_or_default()
    }
}

#[test]
fn the_client_is_who_the_header_names() {
    let setup = setup("proxy_protocol: required");
    setup.check(V1, "192.0.2.7");
    setup.check(b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "2001:db8::1");
    setup.check(b"PROXY UNKNOWN\r\n", "127.0.0.1");
    let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 0xbb];
    setup.check(&binary(0x21, 0x11, &v4), "192.0.2.7");
    setup.check(&binary(0x21, 0x11, &[v4.as_slice(), &[4, 0, 3, 1, 2, 3]].concat()), "192.0.2.7");
    let v6 = [&[0x20, 1, 0x0d, 0xb8], [0; 32].as_slice()].concat();
    setup.check(&binary(0x21, 0x21, &v6), "2001:db8::");
    // A load balancer that looks whether anybody is there.
    setup.check(&binary(0x20, 0, &[]), "127.0.0.1");
    setup.check(&binary(0x21, 0, &[]), "127.0.0.1");
}

#[test]
fn connections_without_a_header_are_closed_and_counted() {
    let setup = setup("proxy_protocol: required");
    setup.check_closed(b"");
    setup.check_closed(b"PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n");
    setup.check_closed(b"PROXY TCP4 a b 1 2\r\n");
    setup.check_closed(&binary(0x31, 0x11, &[0; 12]));
    setup.check_closed(&binary(0x21, 0x11, &[0; 4]));
    assert_eq!(setup.refused("no proxy header"), 5.0);
    // A port that is tried, and no more.
    drop(setup.sidecar.client());
    setup.check(V1, "192.0.2.7");
    assert_eq!(setup.refused("no proxy header"), 5.0);
}

#[test]
fn a_header_is_not_waited_for_long() {
    let setup = setup("proxy_protocol: required, timeouts: { handshake: 100ms }");
    let mut connection = setup.sidecar.client();
    connection.send(&V1[..20]);
    assert!(connection.is_closed());
    assert_eq!(setup.refused("no proxy header"), 1.0);
}

#[test]
fn only_trusted_proxies_are_listened_to() {
    let stranger = setup("proxy_protocol: required, trusted_proxies: 10.0.0.0/8");
    stranger.check_closed(V1);
    assert_eq!(stranger.refused("no trusted proxy"), 1.0);
    let trusted = setup("proxy_protocol: required, trusted_proxies: 127.0.0.0/8");
    trusted.check(V1, "192.0.2.7");
}

#[test]
fn a_header_can_be_left_out_where_it_is_optional() {
    let trusted = setup("proxy_protocol: optional, trusted_proxies: 127.0.0.0/8");
    trusted.check(V1, "192.0.2.7");
    trusted.check(&binary(0x20, 0, &[]), "127.0.0.1");
    trusted.check(b"", "127.0.0.1");
    let mut connection = trusted.sidecar.client();
    // It could have become a header.
    connection.send("P");
    connection.send("UT / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(connection.answer(false).status(), 200);
    let stranger = setup("proxy_protocol: optional, trusted_proxies: 10.0.0.0/8");
    stranger.check(b"", "127.0.0.1");
    let mut connection = stranger.sidecar.client();
    connection.send([V1, b"host: a\r\n\r\n"].concat());
    assert_eq!(connection.answer(false).status(), 400);
}

#[test]
fn what_a_client_behind_a_proxy_claims_is_not_believed() {
    let setup = setup("proxy_protocol: required, trusted_proxies: 127.0.0.0/8");
    let mut connection = setup.sidecar.client();
    connection.send(V1);
    connection.exchange("GET /", &["x-forwarded-for: 1.1.1.1", "x-forwarded-proto: https"]);
    let received = setup.upstream.received().head;
    let told = ["x-forwarded-for", "x-forwarded-proto"].map(|name| received.header(name));
    assert_eq!(told, [Some("192.0.2.7"), Some("http")]);
}

#[test]
fn http_2_can_follow() {
    let setup = setup("proxy_protocol: required");
    h2::block_on(async {
        let mut stream = tokio::net::TcpStream::connect(setup.sidecar.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, V1).await.unwrap();
        let client = h2::Client::over(stream).await;
        assert_eq!(client.exchange(h2::request("GET", "/")).await.status, 200);
    });
    assert_eq!(setup.upstream.received().head.header("x-forwarded-for"), Some("192.0.2.7"));
}

#[test]
fn tls_can_follow() {
    let (authority, setup) = (Authority::new(), setup(""));
    setup.folder.write_signed("own", &authority.sign("sidecar.test"));
    let server = "proxy_protocol: required, tls: { certificate: own.pem, key: own.key }";
    let sidecar = sidecar(&setup.folder, &setup.upstream, server);
    for header in [V1.to_vec(), binary(0x21, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 0xbb])] {
        let mut stream = std::net::TcpStream::connect(sidecar.address).unwrap();
        std::io::Write::write_all(&mut stream, &header).unwrap();
        let mut client = TlsClient::over(stream, "sidecar.test", &authority.client(None));
        assert_eq!(client.exchange("GET /", &[]).status(), 200);
        let received = setup.upstream.received().head;
        assert_eq!(received.header("x-forwarded-for"), Some("192.0.2.7"));
        assert_eq!(received.header("x-forwarded-proto"), Some("https"));
    }
    // Within TLS it would come too late.
    let mut client = Client::connect(sidecar.address);
    client.send_in_vain([22, 3, 1, 0, 4]);
    client.finish();
    assert_eq!(client.rest(), b"");
}
