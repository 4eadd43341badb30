//! How many exchanges one worker is carrying. Only that worker writes; others may look at any time.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// A number of exchanges.
#[derive(Debug, Default)]
pub(super) struct UnderWay(AtomicUsize);

impl UnderWay {
    /// One more.
    pub fn begin(&self) {
        self.0.store(self.now().wrapping_add(1), Relaxed);
    }

    /// One less.
    pub fn end(&self) {
        self.0.store(self.now().saturating_sub(1), Relaxed);
    }

    /// How many they are.
    pub fn now(&self) -> usize {
        self.0.load(Relaxed)
    }
}
