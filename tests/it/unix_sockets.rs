//! Sockets in the file system, on both sides.

use std::io::{BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::support::certificates::Folder;
use super::support::message::{Head, Payload};
use super::support::sidecar::Sidecar;
use super::support::upstream::Upstream;
use super::support::{NO_RULES, PATIENCE, h2, json, own_error};

/// A backend at a socket that answers every request of a connection with these bytes, and the heads it has got, with
/// the number of the connection each came on, from 0.
fn backend(path: &Path, answer: String) -> Receiver<(usize, Head)> {
    let listener = UnixListener::bind(path).unwrap();
    let (sender, received) = channel();
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().enumerate() {
            let (sender, answer, stream) = (sender.clone(), answer.clone(), stream.unwrap());
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                while let Some(head) = Head::read(&mut reader) {
                    let _ = sender.send((connection, head));
                    reader.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    received
}

fn sidecar(folder: &Folder, server: &str, upstream: &str) -> Sidecar {
    let configuration = format!(
        "server: {{ workers: 1, {server} }}\nupstreams: {{ legacy: {{ {upstream} }} }}\n{NO_RULES}\n"
    );
    Sidecar::configured_in(folder.path(), &configuration)
}

#[test]
fn clients_come_in_through_a_socket() {
    let (folder, upstream) = (Folder::new(), Upstream::answering(json("{}")));
    let path = folder.file("candor.sock");
    let sidecar = sidecar(
        &folder,
        &format!("listen: 'unix:{}', socket_mode: 0600", path.display()),
        &format!("url: 'http://{}'", upstream.address),
    );
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /a HTTP/1.1\r\nhost: sidecar.test\r\n\r\n").unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let head = Head::read(&mut reader).unwrap();
        assert_eq!(head.status(), 200);
        Payload::read(&head, &mut reader);
        let received = upstream.received().head;
        // Whoever may open the file is on this machine.
        assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"));
    }
    let curl = Command::new("curl")
        .args(["--silent", "--max-time", "20", "--write-out", " %{http_version} %{http_code}"])
        .args(["--http2-prior-knowledge", "--unix-socket"])
        .arg(&path)
        .arg("http://sidecar.test/")
        .output()
        .expect("curl");
    assert_eq!(String::from_utf8_lossy(&curl.stdout), "{} 2 200");
    drop(stream);
    assert_eq!(sidecar.stop().drained().cut, 0);
    assert!(!path.exists());
}

#[test]
fn an_upstream_is_reached_through_a_socket() {
    let folder = Folder::new();
    let path = folder.file("app.sock");
    let received = backend(&path, json("{}"));
    let url = format!("url: 'unix:{}:/base', host: upstream", path.display());
    let sidecar = sidecar(&folder, "listen: '127.0.0.1:0'", &url);
    let mut client = sidecar.client();
    for _ in 0..2 {
        assert_eq!(client.exchange("GET /a?b", &[]).status(), 200);
        let (connection, head) = received.recv_timeout(PATIENCE).unwrap();
        assert_eq!(connection, 0);
        assert_eq!((head.start.as_str(), head.header("host")), ("GET /base/a?b HTTP/1.1", Some("localhost")));
    }
    // What is spoken to it can be a tunnel, too.
    let upgraded = folder.file("upgraded.sock");
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nfirst";
    let _received = backend(&upgraded, switch.to_owned());
    let sidecar =
        self::sidecar(&folder, "listen: '127.0.0.1:0'", &format!("url: 'unix:{}'", upgraded.display()));
    let mut client = sidecar.client();
    client.ask("GET /", &["connection: upgrade", "upgrade: echo"]);
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.bytes(5), b"first");
}

#[test]
fn http_2_is_spoken_through_a_socket() {
    let folder = Folder::new();
    let path = folder.file("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        h2::block_on(async {
            let (stream, _) = tokio::net::UnixListener::from_std(listener).unwrap().accept().await.unwrap();
            let mut connection = ::h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut answer))) = connection.accept().await {
                answer.send_response(http::Response::builder().status(201).body(()).unwrap(), true).unwrap();
            }
        });
    });
    let url = format!("url: 'unix:{}', protocol: h2c", path.display());
    let sidecar = sidecar(&folder, "listen: '127.0.0.1:0'", &url);
    assert_eq!(sidecar.exchange("GET /", &[]).status(), 201);
}

#[test]
fn a_socket_that_nobody_listens_on_refuses() {
    let folder = Folder::new();
    let path = folder.file("app.sock");
    let sidecar = sidecar(&folder, "listen: '127.0.0.1:0'", &format!("url: 'unix:{}'", path.display()));
    let answer = sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (502, "connection_refused"));
    drop(UnixListener::bind(&path).unwrap());
    let answer = sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (502, "connection_refused"));
    std::fs::remove_file(&path).unwrap();
    let _received = backend(&path, json("{}"));
    assert_eq!(sidecar.exchange("GET /", &[]).status(), 200);
}
