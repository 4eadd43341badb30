//! TLS to upstreams: whom Candor believes, what it says of itself, and that what goes through is what goes through
//! without.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use candor::settings::{Identity, Protocol, Settings, Tls, UpstreamUrl};
use http::Response;
use rcgen::{CertificateParams, CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::support::h2;
use super::support::message::{Head, Payload};
use super::support::sidecar::Sidecar;
use super::support::upstream::Upstream;
use super::support::{NO_RULES, TEXT_RULE, json, log, own_error};

/// A certificate for this name, signed by itself.
pub fn certificate(name: &str) -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([name.to_owned()]).unwrap()
}

fn der(certified: &CertifiedKey<KeyPair>) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    (certified.cert.der().clone(), key)
}

pub fn server(certified: &CertifiedKey<KeyPair>, clients: Option<&CertifiedKey<KeyPair>>) -> ServerConfig {
    let (certificate, key) = der(certified);
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = match clients {
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.cert.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.unwrap().with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.unwrap().with_no_client_auth(),
    };
    builder.with_single_cert(vec![certificate], key).unwrap()
}

type Secured = StreamOwned<ServerConnection, TcpStream>;

/// A backend within TLS that answers every request of a connection with what the script makes of it.
pub fn backend(
    config: ServerConfig,
    script: impl Fn(&Head, &Payload) -> Vec<u8> + Send + Sync + 'static,
) -> Upstream {
    let config = Arc::new(config);
    Upstream::raw(move |_, stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut reader = BufReader::new(Secured::new(connection, stream));
        while let Some(head) = Head::read(&mut reader) {
            let has_body = head.header("content-length").is_some();
            let payload = if has_body { Payload::read(&head, &mut reader) } else { Payload::none() };
            let written = reader.get_mut().write_all(&script(&head, &payload));
            // One that is not believed is left.
            if written.and_then(|()| reader.get_mut().flush()).is_err() {
                return;
            }
        }
    })
}

/// A sidecar before a host of that name at the backend's port, which believes these certificates.
fn sidecar(backend: SocketAddr, tls: Tls, rules: &str, change: impl FnOnce(&mut Settings)) -> Sidecar {
    Sidecar::with(backend, rules, |settings| {
        let upstream = &mut settings.upstreams[0];
        upstream.url = UpstreamUrl::parse(&format!("https://localhost:{}", backend.port())).unwrap();
        upstream.tls = tls;
        change(settings);
    })
}

pub fn believing(certified: &CertifiedKey<KeyPair>) -> Tls {
    Tls { ca: vec![certified.cert.der().clone()], ..Tls::default() }
}

/// Checks that nothing goes through, and what client and operator are told.
#[track_caller]
fn check_refused(sidecar: &Sidecar, error: &str, cause: &str) {
    let answer = sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (502, error));
    let event = log::event(answer.header("x-request-id").unwrap());
    assert!(event["error"].as_str().unwrap().contains(cause), "{event}");
}

#[test]
fn exchanges_are_what_they_are_without_tls() {
    let own = certificate("localhost");
    let backend = backend(server(&own, None), |head, payload| {
        let body = if head.start.contains("/missing") {
            "record not found".to_owned()
        } else {
            format!("{} {}", head.start, payload.bytes.len())
        };
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            .into_bytes()
    });
    let sidecar = sidecar(backend.address, believing(&own), TEXT_RULE, |_| {});
    let mut client = sidecar.client();
    assert_eq!(client.exchange("GET /a?b", &[]).text(), "GET /a?b HTTP/1.1 0");
    assert_eq!(client.exchange("GET /missing", &[]).status(), 404);
    let body = vec![b'x'; 3_000_000];
    client.ask("PUT /long", &[&format!("content-length: {}", body.len())]);
    client.send(&body);
    assert_eq!(client.answer(false).text(), "PUT /long HTTP/1.1 3000000");
}

#[test]
fn long_answers_come_whole() {
    let own = certificate("localhost");
    let long: Vec<u8> = (0..5_000_000_u32).map(|number| number as u8).collect();
    let expected = long.clone();
    let backend = backend(server(&own, None), move |_, _| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", long.len());
        [head.as_bytes(), &long].concat()
    });
    let sidecar = sidecar(backend.address, believing(&own), NO_RULES, |_| {});
    let mut client = sidecar.client();
    for _ in 0..2 {
        assert!(client.exchange("GET /", &[]).payload.bytes == expected);
    }
}

#[test]
fn an_upstream_that_is_not_believed_gets_no_request() {
    let (own, other) = (certificate("localhost"), certificate("localhost"));
    let elsewhere = certificate("elsewhere.test");
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let signing_key = KeyPair::generate().unwrap();
    let expired = CertifiedKey { cert: params.self_signed(&signing_key).unwrap(), signing_key };
    let check = |shown: &CertifiedKey<KeyPair>, tls: Tls, cause: &str| {
        let backend = backend(server(shown, None), |_, _| panic!("a request"));
        check_refused(&sidecar(backend.address, tls, NO_RULES, |_| {}), "tls_certificate_error", cause);
    };
    check(&own, believing(&other), "the upstream's certificate is not valid");
    check(&own, Tls::default(), "UnknownIssuer");
    check(&elsewhere, believing(&elsewhere), "not valid for name");
    check(&expired, believing(&expired), "expired");
}

#[test]
fn the_name_in_a_certificate_can_be_another() {
    let own = certificate("elsewhere.test");
    let backend = backend(server(&own, None), |_, _| json("{}").into_bytes());
    let tls = Tls { server_name: Some("elsewhere.test".try_into().unwrap()), ..believing(&own) };
    assert_eq!(sidecar(backend.address, tls, NO_RULES, |_| {}).exchange("GET /", &[]).status(), 200);
}

#[test]
fn an_upstream_can_ask_who_candor_is() {
    let (own, client) = (certificate("localhost"), certificate("candor.test"));
    let backend = backend(server(&own, Some(&client)), |_, _| json("{}").into_bytes());
    let (certificate, key) = der(&client);
    let identity = Some(Identity { certificates: vec![certificate], key: Arc::new(key) });
    let known = Tls { identity, ..believing(&own) };
    assert_eq!(sidecar(backend.address, known, NO_RULES, |_| {}).exchange("GET /", &[]).status(), 200);
    let unknown = sidecar(backend.address, believing(&own), NO_RULES, |_| {}).exchange("GET /", &[]);
    assert_eq!(unknown.status(), 502);
}

#[test]
fn an_upstream_without_tls_is_not_understood() {
    let plain = Upstream::raw(|_, mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(json("{}").as_bytes());
    });
    let sidecar = sidecar(plain.address, Tls::default(), NO_RULES, |_| {});
    check_refused(&sidecar, "tls_protocol_error", "the upstream's TLS is not understood");
}

#[test]
fn http_2_is_spoken_where_both_agree_on_it() {
    let own = certificate("localhost");
    let mut config = server(&own, None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let upstream = h2::Upstream::within(Some(Arc::new(config).into()), |request, mut answer| async move {
        drop(request);
        answer.send_response(Response::builder().status(201).body(()).unwrap(), true).unwrap();
        h2::After::KeepOpen
    });
    let sidecar = sidecar(upstream.address, believing(&own), NO_RULES, |settings| {
        settings.upstreams[0].protocol = Protocol::Http2;
    });
    assert_eq!(sidecar.exchange("GET /", &[]).status(), 201);
    let (_, received) = upstream.received();
    assert_eq!(received.uri.scheme_str(), Some("https"));
}

#[test]
fn http_2_is_not_spoken_where_the_upstream_did_not_agree() {
    let own = certificate("localhost");
    let backend = backend(server(&own, None), |_, _| panic!("a request"));
    let sidecar = sidecar(backend.address, believing(&own), NO_RULES, |settings| {
        settings.upstreams[0].protocol = Protocol::Http2;
    });
    check_refused(&sidecar, "tls_protocol_error", "the upstream's TLS is not understood");
}
