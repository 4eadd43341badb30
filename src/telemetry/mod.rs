//! What the sidecar tells of itself: a log with one event an exchange, [`meters`], what is counted of all exchanges and
//! kept of the last, [`metrics`], the same in the words of Prometheus, and [`traces`], spans of exchanges for a collector.

mod log;
pub mod meters;
pub mod metrics;
pub mod traces;

pub use log::{LogLosses, Logging, Running, TelemetryError, init};
