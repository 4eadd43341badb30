//! Spans of exchanges for a collector of OpenTelemetry, where an endpoint says that there is one.
//!
//! An exchange is written down when it has ended, from what was told of it (`Spans`): there is no span machinery on its
//! way. What is written goes through a bounded queue to one thread, which sends it in batches (`exporter.rs`); where
//! the queue is full it is dropped and counted, and the exchange never waits. Nothing here is the process's only one.

mod attributes;
mod exporter;
mod spans;
mod trace_parent;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc;

pub use exporter::ExportError;
pub use spans::{Called, Spans};
pub use trace_parent::{TRACEPARENT, TRACESTATE, TraceParent};

use super::meters::Meters;
use super::metrics::families::SPANS_DROPPED;
use crate::settings::{self, Sampler};
use exporter::Exporter;

/// The way of spans to the collector. Clones lead to the same.
#[derive(Clone)]
pub struct Traces(Arc<Shared>);

struct Shared {
    sampler: Sampler,
    scope: InstrumentationScope,
    queue: mpsc::Sender<SpanData>,
    dropped: Arc<AtomicU64>,
    exporter: Mutex<Option<Exporter>>,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traces({:?})", self.0.sampler)
    }
}

impl Traces {
    /// Has spans of all exchanges that are counted by these meters sent as the settings say, where they say anything;
    /// spans that are lost are counted there.
    ///
    /// # Errors
    /// When there can be no client for the endpoint, or no thread.
    pub fn start(
        settings: Option<&settings::Traces>,
        meters: &Meters,
    ) -> Result<Option<Traces>, ExportError> {
        let dropped = meters.tally(&SPANS_DROPPED, &[]);
        let Some(settings) = settings else { return Ok(None) };
        let (queue, spans) = mpsc::channel(settings.batches.queue);
        let exporter = Exporter::start(settings, spans, Arc::clone(&dropped))?;
        let scope = InstrumentationScope::builder("candor").with_version(env!("CARGO_PKG_VERSION")).build();
        let sampler = settings.sampler;
        let traces =
            Traces(Arc::new(Shared { sampler, scope, queue, dropped, exporter: Mutex::new(Some(exporter)) }));
        meters.trace_to(traces.clone());
        Ok(Some(traces))
    }

    /// The place of an exchange that this caller began: a span of its own.
    fn place(&self, caller: Option<&TraceParent>) -> TraceParent {
        let own = caller.map_or_else(TraceParent::root, TraceParent::child);
        let is_sampled = samples(self.0.sampler, caller.map(TraceParent::is_sampled), own.trace_id());
        own.sampled(is_sampled)
    }

    /// Takes a span, unless too many wait already.
    fn take(&self, span: SpanData) {
        if self.0.queue.try_send(span).is_err() {
            self.0.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Sends what waits, which takes a few seconds at most. Nothing is taken from then on.
    pub fn finish(&self) {
        let exporter = self.0.exporter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(exporter) = exporter {
            exporter.finish();
        }
    }
}

/// Whether a trace is recorded. All who ask about the same trace decide alike: by its lower half ("TraceIdRatioBased"
/// of the specification's SDK, as all of OpenTelemetry's own SDKs do it).
fn samples(sampler: Sampler, caller: Option<bool>, trace_id: &str) -> bool {
    match caller.filter(|_| sampler.follows_caller) {
        Some(decided) => decided,
        None => {
            let lower = trace_id.get(16..).and_then(|digits| u64::from_str_radix(digits, 16).ok());
            lower.is_some_and(|lower| (lower >> 1) < sampler.share)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_recorded_by_its_id_unless_its_caller_has_decided() {
        let check = |follows_caller: bool, share: f64, caller: Option<bool>, lower: u64, expected: bool| {
            let sampler = Sampler { follows_caller, share: Sampler::share(share) };
            let trace_id = format!("{:016x}{lower:016x}", 7);
            assert_eq!(samples(sampler, caller, &trace_id), expected, "{sampler:?} {caller:?} {lower:x}");
        };
        check(true, 1.0, None, u64::MAX, true);
        check(true, 0.0, None, 0, false);
        check(true, 0.5, None, u64::MAX >> 2, true);
        check(true, 0.5, None, u64::MAX, false);
        check(true, 0.0, Some(true), u64::MAX, true);
        check(true, 1.0, Some(false), 0, false);
        check(false, 0.0, Some(true), 0, false);
        check(false, 1.0, Some(false), u64::MAX, true);
    }
}
