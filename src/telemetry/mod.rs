//! What the sidecar tells of itself: a log with one event an exchange, [`meters`], what is counted of all exchanges and
//! kept of the last, and [`metrics`], the same in the words of Prometheus.

mod log;
pub mod meters;
pub mod metrics;

pub use log::{Logging, TelemetryError, init};
