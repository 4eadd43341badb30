//! Times as a histogram: four buckets to every doubling of a microsecond, so that a time is known to a fifth.

use std::sync::atomic::{AtomicU64, Ordering};

/// The highest bucket holds what took longer than about an hour.
const BUCKETS: u8 = 128;

/// A histogram that one thread adds to and others read.
#[derive(Debug)]
pub(super) struct Histogram([AtomicU64; BUCKETS as usize]);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram([const { AtomicU64::new(0) }; BUCKETS as usize])
    }
}

impl Histogram {
    /// Adds a time in microseconds. Nobody else writes, so reading and writing need not be one step.
    pub fn add(&self, micros: u64) {
        if let Some(count) = self.0.get(usize::from(bucket(micros))) {
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// The buckets that are not empty.
    pub fn buckets(&self) -> impl Iterator<Item = (u8, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        (0..BUCKETS).zip(counts).filter(|(_, count)| *count > 0)
    }
}

/// Buckets to a doubling, as a power of two.
const STEP_BITS: u32 = 2;

/// How many exchanges took how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    buckets: Vec<u64>,
}

/// The bucket of a time.
pub(super) fn bucket(micros: u64) -> u8 {
    let steps = 1 << STEP_BITS;
    if micros < steps {
        return u8::try_from(micros).unwrap_or(0);
    }
    let doublings = micros.ilog2() - STEP_BITS;
    let index = (u64::from(doublings) << STEP_BITS) + (micros >> doublings);
    u8::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The first time, in microseconds, that is in a higher bucket.
fn end(bucket: u8) -> u64 {
    let steps = 1 << STEP_BITS;
    let next = u64::from(bucket) + 1;
    if next < steps {
        return next;
    }
    let doublings = (next >> STEP_BITS) - 1;
    ((next & (steps - 1)) + steps) << doublings
}

impl Latency {
    /// Adds exchanges whose times are in this bucket.
    pub fn add(&mut self, bucket: u8, times: u64) {
        let index = usize::from(bucket);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(index) {
            *count += times;
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// A time in milliseconds that this part of them did not exceed, from above and to a fifth; `None` of none.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let wanted = (self.count() as f64 * part).ceil().max(1.0);
        let mut below = 0;
        let index = self.buckets.iter().position(|count| {
            below += count;
            below as f64 >= wanted
        })?;
        Some(milliseconds(end(u8::try_from(index).ok()?)))
    }

    /// How many are in each bucket that is not empty, with the bucket's upper end in milliseconds.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let ends = (0..=u8::MAX).map(|bucket| milliseconds(end(bucket)));
        ends.zip(self.buckets.iter().copied()).filter(|(_, count)| *count > 0)
    }
}

fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_times_have_buckets_of_their_own() {
        for micros in 0..8 {
            assert_eq!((u64::from(bucket(micros)), end(bucket(micros))), (micros, micros + 1));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_told_from_above() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        latency.add(bucket(1000), 99);
        latency.add(bucket(9000), 1);
        assert_eq!(
            (latency.count(), latency.quantile(0.5), latency.quantile(0.99)),
            (100, Some(1.024), Some(1.024))
        );
        assert_eq!(latency.quantile(1.0), Some(10.24));
        assert_eq!(latency.buckets().collect::<Vec<_>>(), [(1.024, 99), (10.24, 1)]);
    }

    proptest! {
        #[test]
        fn a_time_is_known_to_a_fifth_or_a_microsecond(micros in 0_u64..(1 << 32)) {
            let end = end(bucket(micros));
            prop_assert!(micros < end && end as f64 <= (micros as f64 * 1.25).max(micros as f64 + 1.0));
        }

        #[test]
        fn longer_times_are_in_no_lower_bucket(a: u64, b: u64) {
            prop_assert_eq!(bucket(a.min(b)).min(bucket(a.max(b))), bucket(a.min(b)));
        }
    }
}
