//! TLS on the listener: what real clients make of it, who is shown to them, and what is asked of them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::support::certificates::{Authority, Client, Folder};
use super::support::message::Head;
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Upstream};
use super::support::{json, own_error};

const OWN: &str = "certificate: own.pem, key: own.key";

/// A sidecar whose `server.tls` says this, with files of an authority: `ca.pem`, and for the names `sidecar.test`,
/// `other.test` and all below `wild.test` their certificates and keys: `own`, `other`, `wild`.
struct Setup {
    authority: Authority,
    folder: Folder,
    sidecar: Sidecar,
    upstream: Upstream,
}

impl Setup {
    fn new(tls: &str) -> Setup {
        Setup::before(Upstream::answering(json("{}")), tls)
    }

    fn before(upstream: Upstream, tls: &str) -> Setup {
        let (authority, folder) = (Authority::new(), Folder::new());
        folder.write("ca.pem", authority.pem());
        for (file, name) in [("own", "sidecar.test"), ("other", "other.test"), ("wild", "*.wild.test")] {
            folder.write_signed(file, &authority.sign(name));
        }
        let configuration = format!(
            "server: {{ listen: '127.0.0.1:0', workers: 1, connect: tunnel, tls: {{ {tls} }} }}\n\
             upstreams: {{ legacy: {{ url: 'http://{}' }} }}\n",
            upstream.address
        );
        let sidecar = Sidecar::configured_in(folder.path(), &configuration);
        Setup { authority, folder, sidecar, upstream }
    }

    /// What `curl` says of an answer with these arguments, and its exit code.
    fn curl(&self, arguments: &[&str]) -> (i32, String) {
        let port = self.sidecar.address.port();
        let output = Command::new("curl")
            .args(["--silent", "--max-time", "20", "--noproxy", "*"])
            .args(["--write-out", " %{http_version} %{http_code}"])
            .args(["--resolve", &format!("sidecar.test:{port}:127.0.0.1")])
            .arg("--cacert")
            .arg(self.folder.file("ca.pem"))
            .args(arguments)
            .arg(format!("https://sidecar.test:{port}/a"))
            .output()
            .expect("curl");
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    /// What `openssl s_client` prints with these arguments, and whether it was content.
    fn openssl(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("openssl")
            .args([
                "s_client",
                "-verify_return_error",
                "-connect",
                &self.sidecar.address.to_string(),
                "-CAfile",
            ])
            .arg(self.folder.file("ca.pem"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("openssl");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    fn failures(&self, reason: &str) -> f64 {
        let labels = format!(r#"{{side="downstream",reason="{reason}"}}"#);
        self.sidecar.metric(&format!("candor_tls_handshake_failures_total{labels}")).unwrap_or_default()
    }

    fn client(&self, name: &str) -> Client {
        Client::connect(self.sidecar.address, name, &self.authority.client(None))
    }
}

#[test]
fn curl_speaks_both_versions_of_both_protocols() {
    let setup = Setup::new(OWN);
    for version in [["--tlsv1.2", "--tls-max", "1.2"].as_slice(), ["--tlsv1.3"].as_slice()] {
        for (protocol, told) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let said = setup.curl(&[version, [protocol].as_slice()].concat());
            assert_eq!(said, (0, format!("{{}} {told} 200")), "{version:?} {protocol}");
            let received = setup.upstream.received().head;
            assert_eq!(received.header("x-forwarded-proto"), Some("https"));
            let port = setup.sidecar.address.port().to_string();
            assert_eq!(received.header("x-forwarded-port"), Some(port.as_str()));
        }
    }
    // Who knows nothing of ALPN speaks HTTP/1.1.
    assert_eq!(setup.curl(&["--no-alpn"]), (0, "{} 1.1 200".to_owned()));
}

#[test]
fn openssl_agrees_on_what_is_spoken() {
    let setup = Setup::new(OWN);
    let check = |arguments: &[&str], said: &[&str]| {
        let (is_content, text) = setup.openssl(&[&["-servername", "sidecar.test"], arguments].concat());
        assert!(is_content, "{arguments:?}: {text}");
        for said in said {
            assert!(text.contains(said), "{arguments:?} without `{said}`: {text}");
        }
    };
    check(&["-tls1_2", "-alpn", "h2,http/1.1"], &["Protocol  : TLSv1.2", "ALPN protocol: h2"]);
    check(&["-tls1_3", "-alpn", "http/1.1"], &["New, TLSv1.3", "ALPN protocol: http/1.1"]);
    check(&["-tls1_3"], &["New, TLSv1.3", "No ALPN negotiated", "Verification: OK"]);
    let (is_content, _) = setup.openssl(&["-alpn", "spdy/3"]);
    assert!(!is_content);
    assert_eq!(setup.failures("application protocol"), 1.0);
}

#[test]
fn versions_below_the_least_are_not_spoken() {
    let setup = Setup::new(&format!("{OWN}, min_version: 1.3"));
    assert!(setup.openssl(&["-tls1_3"]).0);
    assert!(!setup.openssl(&["-tls1_2"]).0);
    assert_eq!(setup.failures("incompatible"), 1.0);
    let setup = Setup::new(OWN);
    // Told to speak it whatever it thinks of it.
    assert!(!setup.openssl(&["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]).0);
    assert_eq!(setup.failures("incompatible"), 1.0);
}

#[test]
fn whoever_is_asked_for_is_shown() {
    let names =
        "names: [{ certificate: other.pem, key: other.key }, { certificate: wild.pem, key: wild.key }]";
    let setup = Setup::new(&format!("{OWN}, {names}"));
    let check = |asked: &[&str], shown: &str| {
        let (_, text) = setup.openssl(asked);
        assert!(text.contains(&format!("subject=CN = {shown}\n")), "{asked:?}: {text}");
    };
    check(&["-servername", "other.test"], "other.test");
    check(&["-servername", "OTHER.test"], "other.test");
    check(&["-servername", "a.wild.test"], "*.wild.test");
    check(&["-servername", "sidecar.test"], "sidecar.test");
    check(&["-servername", "unknown.test"], "sidecar.test");
    check(&["-servername", "a.b.wild.test"], "sidecar.test");
    check(&["-noservername"], "sidecar.test");
}

#[test]
fn clients_that_must_say_who_they_are_are_held_to_it() {
    let setup = Setup::new(&format!("{OWN}, client_ca: ca.pem, client_certificate_header: true"));
    let (stranger, known) = (Authority::new().sign("client.test"), setup.authority.sign("client.test"));
    setup.folder.write_signed("stranger", &stranger);
    setup.folder.write_signed("known", &known);
    let file = |name: &str| setup.folder.file(name).to_str().unwrap().to_owned();
    for version in ["1.2", "1.3"] {
        let curl = |arguments: &[&str]| setup.curl(&[&["--tls-max", version], arguments].concat());
        let with = |name: &str| {
            curl(&["--cert", &file(&format!("{name}.pem")), "--key", &file(&format!("{name}.key"))])
        };
        assert_ne!(curl(&[]).0, 0);
        assert_ne!(with("stranger").0, 0);
        assert_eq!(with("known").0, 0);
        let told = setup.upstream.received().head;
        let expected = format!(":{}:", STANDARD.encode(known.der()));
        assert_eq!(told.header("client-cert"), Some(expected.as_str()));
    }
    assert_eq!((setup.failures("no certificate"), setup.failures("certificate")), (2.0, 2.0));
}

#[test]
fn what_clients_say_of_their_certificates_is_not_passed_on() {
    let setup = Setup::new(&format!(
        "{OWN}, client_ca: ca.pem, client_certificate: optional, client_certificate_header: true"
    ));
    let claims = ["client-cert: :YQ==:", "client-cert-chain: :YQ==:"];
    setup.client("sidecar.test").exchange("GET /", &claims);
    let told = setup.upstream.received().head;
    assert_eq!((told.header("client-cert"), told.header("client-cert-chain")), (None, None));
    let known = setup.authority.sign("client.test");
    let config = setup.authority.client(Some(&known));
    let mut client = Client::connect(setup.sidecar.address, "sidecar.test", &config);
    client.exchange("GET /", &claims);
    let told = setup.upstream.received().head;
    assert_eq!(told.header("client-cert"), Some(format!(":{}:", STANDARD.encode(known.der())).as_str()));
    // A session that is taken up again is still the same client's.
    let mut client = Client::connect(setup.sidecar.address, "sidecar.test", &config);
    client.exchange("GET /", &[]);
    let told = setup.upstream.received().head;
    assert_eq!(told.header("client-cert"), Some(format!(":{}:", STANDARD.encode(known.der())).as_str()));
    let stranger = Authority::new().sign("client.test");
    let config = setup.authority.client(Some(&stranger));
    let mut stream = TcpStream::connect(setup.sidecar.address).unwrap();
    let mut connection =
        tokio_rustls::rustls::ClientConnection::new(config, "sidecar.test".try_into().unwrap()).unwrap();
    let refused = connection.complete_io(&mut stream).and_then(|_| {
        connection.writer().write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")?;
        connection.complete_io(&mut stream)?;
        connection.complete_io(&mut stream)
    });
    assert!(refused.is_err());
}

#[test]
fn who_speaks_no_tls_is_told_so() {
    let setup = Setup::new(OWN);
    let answer = setup.sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (400, "http_request_error"));
    assert!(answer.text().contains("TLS is spoken here"), "{}", answer.text());
    assert_eq!(setup.failures("no tls"), 1.0);
    // And who speaks it badly gets an alert, and no more.
    let mut client = setup.sidecar.client();
    client.send([22, 3, 1, 0, 4, 2, 0, 0, 0]);
    assert_eq!(client.rest().first(), Some(&21));
    assert_eq!(setup.failures("not understood"), 1.0);
    assert!(setup.upstream.seen().is_empty());
}

#[test]
fn who_says_nothing_is_not_waited_for_long() {
    let (authority, folder) = (Authority::new(), Folder::new());
    folder.write_signed("own", &authority.sign("sidecar.test"));
    let sidecar = Sidecar::configured_in(
        folder.path(),
        "server: { listen: '127.0.0.1:0', timeouts: { handshake: 100ms }, \
         tls: { certificate: own.pem, key: own.key } }\nupstreams: { a: { url: 'http://127.0.0.1:1' } }",
    );
    let mut client = sidecar.client();
    assert!(client.is_closed());
    let labels = r#"{side="downstream",reason="timeout"}"#;
    assert_eq!(sidecar.metric(&format!("candor_tls_handshake_failures_total{labels}")), Some(1.0));
}

#[test]
fn bodies_go_both_ways_and_connections_are_kept() {
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
    let expected = body.clone();
    let upstream = Upstream::scripted(|received, stream| {
        let length = received.payload.bytes.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &received.payload.bytes].concat()).unwrap();
        After::KeepOpen
    });
    let setup = Setup::before(upstream, OWN);
    let mut client = setup.client("sidecar.test");
    for _ in 0..2 {
        // The answer begins before the request has ended.
        client
            .send(format!("PUT / HTTP/1.1\r\nhost: sidecar.test\r\ncontent-length: {}\r\n\r\n", body.len()));
        client.send(&body);
        let answer = client.answer();
        assert!(answer.payload.bytes == expected);
    }
}

#[test]
fn a_websocket_goes_through() {
    let upstream = Upstream::raw(|_, stream| {
        let mut reader = BufReader::new(stream);
        let head = Head::read(&mut reader).unwrap();
        assert_eq!(head.header("upgrade"), Some("websocket"));
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nfirst";
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        reader.get_mut().write_all(line.to_uppercase().as_bytes()).unwrap();
    });
    let setup = Setup::before(upstream, OWN);
    let mut client = setup.client("sidecar.test");
    let head = client.ask("GET /", &["connection: upgrade", "upgrade: websocket"]);
    assert_eq!(head.status(), 101);
    assert_eq!(client.bytes(5), b"first");
    client.send("hello\n");
    assert_eq!(client.bytes(6), b"HELLO\n");
}

#[test]
fn http_2_is_not_spoken_without_being_agreed_on() {
    let setup = Setup::new(OWN);
    let mut client = setup.client("sidecar.test");
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(client.answer().status(), 505);
}

/// The end of a connection within TLS is told within TLS, so that nobody takes it for one that was cut.
#[test]
fn connections_are_closed_in_order() {
    let setup = Setup::new(OWN);
    let mut client = setup.client("sidecar.test");
    client.exchange("GET /", &["connection: close"]);
    assert!(client.is_closed_in_order());
    let mut client = setup.client("sidecar.test");
    client.exchange("GET /", &[]);
    let stopping = setup.sidecar.stop();
    assert!(client.is_closed_in_order());
    assert_eq!(stopping.drained().cut, 0);
}

#[test]
fn what_candor_shows_is_told_with_when_it_expires() {
    let setup = Setup::new(&format!("{OWN}, client_ca: ca.pem, client_certificate: optional"));
    assert_eq!(setup.client("sidecar.test").exchange("GET /", &[]).status(), 200);
    let metric = r#"candor_tls_certificate_expiry_timestamp_seconds{certificate="own.pem"}"#;
    // The first of January 2099.
    assert_eq!(setup.sidecar.metric(metric), Some(4_070_908_800.0));
}
