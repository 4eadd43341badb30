//! What the sidecar tells of itself: a log with one event an exchange, and [`meters`], what is counted of all
//! exchanges and kept of the last.

mod log;
pub mod meters;

pub use log::{Logging, TelemetryError, init};
