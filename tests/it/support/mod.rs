//! The two ends of a sidecar under test, and the sidecar itself, all on loopback ports of the system's choosing.
//! Sockets have a generous time limit so that a test that would hang fails instead; no test measures time.

pub mod client;
pub mod files;
pub mod message;
pub mod sidecar;
pub mod upstream;

use std::time::Duration;

/// When a socket that should have something to say is given up.
pub const PATIENCE: Duration = Duration::from_secs(20);
