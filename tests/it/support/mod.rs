//! The two ends of a sidecar under test, and the sidecar itself, all on loopback ports of the system's choosing.
//! Sockets have a generous time limit so that a test that would hang fails instead; no test measures time.

pub mod client;
pub mod files;
pub mod h2;
pub mod message;
pub mod sidecar;
pub mod upstream;

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// When a socket that should have something to say is given up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A gate that a script waits at until the test opens it.
pub fn gate() -> (impl Fn() + Send, impl Fn() + Send + Sync) {
    let (open, opened) = channel();
    let opened: Mutex<Receiver<()>> = Mutex::new(opened);
    let wait = move || opened.lock().unwrap().recv_timeout(PATIENCE).expect("the gate opens in time");
    (move || open.send(()).unwrap(), wait)
}
