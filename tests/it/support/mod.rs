//! The two ends of a sidecar under test, and the sidecar itself, all on loopback ports of the system's choosing.
//! Sockets have a generous time limit so that a test that would hang fails instead; no test measures time.

pub mod certificates;
pub mod client;
pub mod envoy;
pub mod exposition;
pub mod files;
pub mod h2;
pub mod log;
pub mod message;
pub mod pair;
pub mod processor;
pub mod sidecar;
pub mod upstream;

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use client::Answered;

/// When a socket that should have something to say is given up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// No rules at all.
pub const NO_RULES: &str = "rule_sets: { plain: { rules: [] } }";

/// A rule that needs the whole body, whatever is in it.
pub const TEXT_RULE: &str = r"
rule_sets:
  orders:
    rules:
      - name: not-found
        when: { body: { contains: record not found } }
        then: { status: 404 }
";

/// An answer with this JSON body.
pub fn json(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The error that our own answer names in `Proxy-Status`, after checking that it is one of ours.
pub fn own_error(answer: &Answered) -> &str {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some());
    assert!(answer.text().contains(&format!(r#""status":{}"#, answer.status())), "{}", answer.text());
    answer.header("proxy-status").and_then(|value| value.strip_prefix("candor; error=")).expect("an error")
}

/// A gate that a script waits at until the test opens it.
pub fn gate() -> (impl Fn() + Send, impl Fn() + Send + Sync) {
    let (open, opened) = channel();
    let opened: Mutex<Receiver<()>> = Mutex::new(opened);
    let wait = move || opened.lock().unwrap().recv_timeout(PATIENCE).expect("the gate opens in time");
    (move || open.send(()).unwrap(), wait)
}

/// Waits for what others bring about.
#[expect(clippy::disallowed_methods, reason = "to give up, as sockets do")]
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < PATIENCE, "{what} in time");
        thread::yield_now();
    }
}
