//! What the sidecar tells of itself: a [`log`] with one event an exchange, and [`traffic`], what is counted of all
//! exchanges and kept of the last.

mod log;
pub mod traffic;

pub use log::{Logging, TelemetryError, init};
