//! The clients' connections, counted: those there are, by worker, those that were taken, and those that were not served.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::telemetry::meters::{Meters, Samples, Source};
use crate::telemetry::metrics::families;

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    /// Of each worker, now.
    loads: Vec<Arc<AtomicUsize>>,
    taken: Arc<AtomicU64>,
    over_limit: Arc<AtomicU64>,
    far_over_limit: Arc<AtomicU64>,
    not_accepted: Arc<AtomicU64>,
}

/// Why a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unserved {
    /// There are as many as `server.limits.connections`; it is told so.
    OverLimit,
    /// So many are being told so that this one is not.
    FarOverLimit,
    /// The system would not give it to us.
    NotAccepted,
}

impl Connections {
    /// None yet, of so many workers. They are told with the other metrics as long as this lives.
    pub fn of(workers: usize, meters: &Meters) -> Arc<Connections> {
        let unserved = |reason| meters.tally(&families::CONNECTIONS_REFUSED, &[("reason", reason)]);
        let connections = Arc::new(Connections {
            loads: (0..workers).map(|_| Arc::default()).collect(),
            taken: meters.tally(&families::CONNECTIONS_TOTAL, &[]),
            over_limit: unserved("over limit"),
            far_over_limit: unserved("far over limit"),
            not_accepted: unserved("not accepted"),
        });
        let weak = Arc::downgrade(&connections);
        meters.listen_while_it_lives(weak);
        connections
    }

    /// How many each worker has.
    pub fn loads(&self) -> impl ExactSizeIterator<Item = usize> + Clone {
        self.loads.iter().map(|load| load.load(Relaxed))
    }

    /// The count of this worker's.
    pub fn load(&self, worker: usize) -> Option<&Arc<AtomicUsize>> {
        self.loads.get(worker)
    }

    /// One was taken.
    pub fn taken(&self) {
        self.taken.fetch_add(1, Relaxed);
    }

    /// One is not served.
    pub fn unserved(&self, why: Unserved) {
        let count = match why {
            Unserved::OverLimit => &self.over_limit,
            Unserved::FarOverLimit => &self.far_over_limit,
            Unserved::NotAccepted => &self.not_accepted,
        };
        count.fetch_add(1, Relaxed);
    }
}

impl Source for Connections {
    fn tell(&self, samples: &mut Samples) {
        let connections: usize = self.loads().sum();
        samples.add(&families::CONNECTIONS, &[], connections as f64);
    }
}
