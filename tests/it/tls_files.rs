//! Files of certificates and keys that are replaced while a sidecar serves.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConnection, StreamOwned};

use super::support::certificates::{Authority, Client, Folder, Signed};
use super::support::message::Head;
use super::support::sidecar::Sidecar;
use super::support::upstream::Upstream;
use super::support::{json, log, until};

/// A sidecar that shows `NAME.pem`, and what its upstream's settings have besides.
fn sidecar(folder: &Folder, name: &str, upstream: &str) -> Sidecar {
    let configuration = format!(
        "server: {{ listen: '127.0.0.1:0', workers: 2, tls: {{ certificate: {name}.pem, key: {name}.key }} }}\n\
         upstreams: {{ legacy: {{ {upstream} }} }}\n"
    );
    Sidecar::configured_in(folder.path(), &configuration)
}

fn is_shown(sidecar: &Sidecar, authority: &Authority, signed: &Signed) -> bool {
    let mut client = Client::connect(sidecar.address, "sidecar.test", &authority.client(None));
    assert_eq!(client.exchange("GET /", &[]).status(), 200);
    client.shown() == signed.der()
}

#[test]
fn certificates_change_under_load_without_a_failed_request() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let (first, second) =
        (authority.sign("sidecar.test"), authority.sign_until("sidecar.test", (2098, 1, 1)));
    folder.write_signed("swapped", &first);
    let upstream = Upstream::answering(json("{}"));
    let sidecar = sidecar(&folder, "swapped", &format!("url: 'http://{}'", upstream.address));
    let (ends, exchanges) = (AtomicBool::new(false), AtomicU64::new(0));
    let (authority, sidecar) = (&authority, &sidecar);
    let ask = |client: &mut Client| {
        assert_eq!(client.exchange("GET /", &[]).status(), 200);
        exchanges.fetch_add(1, Relaxed);
    };
    let connect = || Client::connect(sidecar.address, "sidecar.test", &authority.client(None));
    thread::scope(|scope| {
        // Some connect anew each time, one keeps its connection across the change.
        for _ in 0..2 {
            scope.spawn(|| {
                while !ends.load(Relaxed) {
                    ask(&mut connect());
                }
            });
        }
        scope.spawn(|| {
            let mut client = connect();
            while !ends.load(Relaxed) {
                ask(&mut client);
            }
            assert_eq!(client.shown(), first.der());
        });
        until("the first certificate", || exchanges.load(Relaxed) > 50);
        folder.write_signed("swapped", &second);
        until("the second certificate", || is_shown(sidecar, authority, &second));
        let swapped = exchanges.load(Relaxed);
        until("exchanges after it", || exchanges.load(Relaxed) > swapped + 50);
        ends.store(true, Relaxed);
    });
    log::about("certificates were taken in anew", "swapped.pem");
    let metric = r#"candor_tls_certificate_expiry_timestamp_seconds{certificate="swapped.pem"}"#;
    assert_eq!(sidecar.metric(metric), Some(4_039_372_800.0));
}

#[test]
fn files_that_do_not_fit_leave_what_there_was() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let (first, second) = (authority.sign("sidecar.test"), authority.sign("sidecar.test"));
    folder.write_signed("broken", &first);
    let upstream = Upstream::answering(json("{}"));
    let sidecar = sidecar(&folder, "broken", &format!("url: 'http://{}'", upstream.address));
    let refused = "certificates do not fit; those from before stay in use";
    folder.write("broken.pem", "nothing");
    log::about(refused, "the file has no certificate in it");
    assert!(is_shown(&sidecar, &authority, &first));
    // Half of the next pair: its key is still to come.
    folder.write("broken.pem", &second.certificate);
    let event = log::about(refused, "KeyMismatch");
    assert_eq!(event["level"], "WARN");
    assert!(is_shown(&sidecar, &authority, &first));
    folder.write("broken.key", &second.key);
    until("the second certificate", || is_shown(&sidecar, &authority, &second));
    std::fs::remove_file(folder.file("broken.key")).unwrap();
    log::about(refused, "cannot read `broken.key`");
    assert!(is_shown(&sidecar, &authority, &second));
}

/// As Kubernetes mounts a secret: files are links through a link, which is replaced.
#[test]
fn secrets_of_kubernetes_are_followed() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let all = [authority.sign("sidecar.test"), authority.sign("sidecar.test")];
    for (number, signed) in all.iter().enumerate() {
        std::fs::create_dir(folder.file(&format!("..{number}"))).unwrap();
        folder.write_signed(&format!("..{number}/tls"), signed);
    }
    symlink("..0", folder.file("..data")).unwrap();
    symlink("..data/tls.pem", folder.file("tls.pem")).unwrap();
    symlink("..data/tls.key", folder.file("tls.key")).unwrap();
    let upstream = Upstream::answering(json("{}"));
    let sidecar = sidecar(&folder, "tls", &format!("url: 'http://{}'", upstream.address));
    assert!(is_shown(&sidecar, &authority, &all[0]));
    symlink("..1", folder.file("..data_tmp")).unwrap();
    std::fs::rename(folder.file("..data_tmp"), folder.file("..data")).unwrap();
    until("the second certificate", || is_shown(&sidecar, &authority, &all[1]));
}

#[test]
fn certificates_that_expire_soon_are_told() {
    let (authority, folder) = (Authority::new(), Folder::new());
    folder.write_signed("old", &authority.sign_until("sidecar.test", (2020, 1, 1)));
    let sidecar = sidecar(&folder, "old", "url: 'http://127.0.0.1:1'");
    let event = log::about("a certificate expires soon", "old.pem");
    assert_eq!((event["level"].as_str(), event["days"].as_u64()), (Some("WARN"), Some(0)));
    assert_eq!(event["expires"], "Wed, 01 Jan 2020 00:00:00 GMT");
    drop(sidecar);
}

/// A backend that asks who Candor is, and says whose certificate it saw: its bytes, in hexadecimal digits.
fn asking_backend(authority: &Authority) -> Upstream {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let own = authority.sign("localhost");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![own.der()], own.key())
        .unwrap();
    let config = Arc::new(config);
    Upstream::raw(move |_, stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut reader = std::io::BufReader::new(StreamOwned::new(connection, stream));
        if Head::read(&mut reader).is_some() {
            let shown = reader.get_ref().conn.peer_certificates().unwrap()[0].to_vec();
            let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            let answer = json(&hex).replace("content-type", "connection: close\r\ncontent-type");
            std::io::Write::write_all(reader.get_mut(), answer.as_bytes()).unwrap();
        }
    })
}

#[test]
fn what_upstreams_are_shown_changes_too() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let (first, second) = (authority.sign("candor.test"), authority.sign("candor.test"));
    folder.write("ca.pem", authority.pem());
    folder.write_signed("listener", &authority.sign("sidecar.test"));
    folder.write_signed("client", &first);
    let backend = asking_backend(&authority);
    let sidecar = sidecar(
        &folder,
        "listener",
        &format!(
            "url: 'https://localhost:{}', tls: {{ ca: ca.pem, certificate: client.pem, key: client.key }}",
            backend.address.port()
        ),
    );
    let seen = |signed: &Signed| {
        let mut client = Client::connect(sidecar.address, "sidecar.test", &authority.client(None));
        let expected: String = signed.der().iter().map(|byte| format!("{byte:02x}")).collect();
        client.exchange("GET /", &[]).text() == expected
    };
    assert!(seen(&first));
    folder.write_signed("client", &second);
    until("the second certificate", || seen(&second));
    // An authority that is believed no longer.
    folder.write("ca.pem", Authority::new().pem());
    until("disbelief", || {
        let mut client = Client::connect(sidecar.address, "sidecar.test", &authority.client(None));
        client.exchange("GET /", &[]).status() == 502
    });
    let labels = r#"{side="upstream",reason="certificate"}"#;
    let failures = sidecar.metric(&format!("candor_tls_handshake_failures_total{labels}"));
    assert!(failures.is_some_and(|count| count >= 1.0), "{failures:?}");
}
