//! What all exchanges hold of bodies, whichever way they came in, and the bound on it: `hold.total_bytes`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The bytes that all exchanges of the process hold, and their bound.
#[derive(Debug)]
pub struct Holds {
    bytes: AtomicU64,
    bytes_max: AtomicU64,
}

/// What one exchange holds, given back when it is let go.
#[derive(Debug, Default)]
pub struct Share {
    holds: Option<Arc<Holds>>,
    bytes: u64,
}

impl Holds {
    /// Nothing is held, and never more than this.
    pub fn new(bytes_max: u64) -> Arc<Holds> {
        Arc::new(Holds { bytes: AtomicU64::new(0), bytes_max: AtomicU64::new(bytes_max) })
    }

    /// An exchange that holds nothing yet.
    pub fn share(self: &Arc<Holds>) -> Share {
        Share { holds: Some(Arc::clone(self)), bytes: 0 }
    }

    /// The bound.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max.load(Relaxed)
    }

    /// Another bound, from now on. What is held already stays.
    pub(super) fn bound(&self, bytes_max: u64) {
        self.bytes_max.store(bytes_max, Relaxed);
    }

    /// What is held now.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

impl Share {
    /// The bound on all of it.
    pub fn bytes_max(&self) -> u64 {
        self.holds.as_ref().map_or(u64::MAX, |holds| holds.bytes_max())
    }

    /// Holds so much more; says whether that is still within the bound. What came is held either way.
    pub fn take(&mut self, bytes: usize) -> bool {
        let Some(holds) = &self.holds else { return true };
        let bytes = bytes as u64;
        self.bytes += bytes;
        holds.bytes.fetch_add(bytes, Relaxed) + bytes <= holds.bytes_max()
    }

    /// Lets so much go.
    pub fn release(&mut self, bytes: usize) {
        let bytes = self.bytes.min(bytes as u64);
        self.bytes -= bytes;
        if let Some(holds) = &self.holds {
            holds.bytes.fetch_sub(bytes, Relaxed);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release(usize::MAX);
    }
}
