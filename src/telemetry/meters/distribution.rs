//! How values are distributed: four buckets to every doubling, so that a value is known to a fifth, and all of them
//! added up. What the values count (microseconds, bytes) is said by those who add and read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::source::Spread;

/// The highest bucket holds what took longer than about two hours, or is larger than 8 GiB.
const BUCKETS: u8 = 128;

/// Buckets to a doubling, as a power of two.
const STEP_BITS: u32 = 2;

/// What one thread adds to and others read.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS as usize],
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { buckets: [const { AtomicU64::new(0) }; BUCKETS as usize], sum: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Adds a time, its bucket by microseconds and its sum in nanoseconds.
    pub fn add_time(&self, time: Duration) {
        // Up to the next microsecond, so that what is said to be no longer than an end is not.
        let time_before = time.saturating_sub(Duration::from_nanos(1));
        let micros = time_before
            .as_secs()
            .saturating_mul(1_000_000)
            .saturating_add(u64::from(time_before.subsec_micros()));
        let nanos = time.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(time.subsec_nanos()));
        self.add(micros, nanos);
    }

    /// Adds a number of bytes.
    pub fn add_bytes(&self, bytes: u64) {
        self.add(bytes.saturating_sub(1), bytes);
    }

    /// Nobody else writes, so reading and writing need not be one step.
    fn add(&self, below: u64, to_sum: u64) {
        if let Some(count) = self.buckets.get(usize::from(bucket(below))) {
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        self.sum.store(self.sum.load(Ordering::Relaxed).wrapping_add(to_sum), Ordering::Relaxed);
    }

    /// Adds what it has to `distribution`.
    pub fn add_to(&self, distribution: &mut Distribution) {
        for (bucket, count) in (0..BUCKETS).zip(&self.buckets) {
            distribution.add(bucket, count.load(Ordering::Relaxed));
        }
        distribution.sum = distribution.sum.wrapping_add(self.sum.load(Ordering::Relaxed));
    }
}

/// How many values are how large.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    buckets: Vec<u64>,
    sum: u64,
}

/// The bucket of what is one less than a value, so that a value is no larger than its bucket's end.
fn bucket(below: u64) -> u8 {
    let steps = 1 << STEP_BITS;
    if below < steps {
        return u8::try_from(below).unwrap_or(0);
    }
    let doublings = below.ilog2() - STEP_BITS;
    let index = (u64::from(doublings) << STEP_BITS) + (below >> doublings);
    u8::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The largest value that is in no higher bucket.
fn end(bucket: u8) -> u64 {
    let steps = 1 << STEP_BITS;
    let next = u64::from(bucket) + 1;
    if next < steps {
        return next;
    }
    let doublings = (next >> STEP_BITS) - 1;
    ((next & (steps - 1)) + steps) << doublings
}

impl Distribution {
    fn add(&mut self, bucket: u8, count: u64) {
        if count == 0 {
            return;
        }
        let index = usize::from(bucket);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, 0);
        }
        if let Some(known) = self.buckets.get_mut(index) {
            *known += count;
        }
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Distribution) {
        for (bucket, count) in (0..=u8::MAX).zip(&other.buckets) {
            self.add(bucket, *count);
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// A value that this part of them did not exceed, from above and to a fifth; `None` of none.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * part).ceil().max(1.0);
        let mut below = 0;
        let index = self.buckets.iter().position(|count| {
            below += count;
            below as f64 >= wanted
        })?;
        Some(end(u8::try_from(index).ok()?))
    }

    /// How many are in each bucket that is not empty, with the bucket's end.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        (0..=u8::MAX).map(end).zip(self.buckets.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// The values in fewer buckets, up to these ends, each of which must be an end of a bucket here, and beyond. What is
    /// told is in a unit of which values have so many parts, and their sum so many.
    pub fn spread(&self, ends: impl IntoIterator<Item = u64>, parts: f64, parts_of_sum: f64) -> Spread {
        let mut buckets = self.buckets().peekable();
        let ends = ends.into_iter().map(|upto| (upto, upto as f64 / parts));
        let spread = ends.chain([(u64::MAX, f64::INFINITY)]).map(|(upto, told)| {
            let mut count = 0;
            while let Some((_, more)) = buckets.next_if(|(end, _)| *end <= upto) {
                count += more;
            }
            (told, count)
        });
        Spread { buckets: spread.collect(), sum: self.sum as f64 / parts_of_sum }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: &[Duration]) -> Distribution {
        let (histogram, mut distribution) = (Histogram::default(), Distribution::default());
        times.iter().for_each(|time| histogram.add_time(*time));
        histogram.add_to(&mut distribution);
        distribution
    }

    #[test]
    fn small_values_have_buckets_of_their_own() {
        for below in 0..8 {
            assert_eq!((u64::from(bucket(below)), end(bucket(below))), (below, below + 1));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_value_is_no_larger_than_its_end() {
        let check = |nanos, end| {
            let told = of(&[Duration::from_nanos(nanos)]);
            assert_eq!((told.quantile(1.0), told.sum), (Some(end), nanos));
        };
        check(0, 1);
        check(1, 1);
        check(1000, 1);
        check(1001, 2);
        check(1_024_000, 1024);
        check(1_024_001, 1280);
    }

    #[test]
    fn quantiles_are_told_from_above() {
        assert_eq!(Distribution::default().quantile(0.5), None);
        let mut times = vec![Duration::from_millis(1); 99];
        times.push(Duration::from_millis(9));
        let told = of(&times);
        assert_eq!((told.count(), told.quantile(0.5), told.quantile(0.99)), (100, Some(1024), Some(1024)));
        assert_eq!(told.quantile(1.0), Some(10_240));
        assert_eq!(told.buckets().collect::<Vec<_>>(), [(1024, 99), (10_240, 1)]);
        let spread = told.spread([512, 1024, 8192], 1e6, 1e9);
        let ends = vec![(0.000_512, 0), (0.001_024, 99), (0.008_192, 0), (f64::INFINITY, 1)];
        assert_eq!(spread, Spread { buckets: ends, sum: 0.108 });
    }

    #[test]
    fn distributions_are_added_up() {
        let (one, two) = (Duration::from_millis(1), Duration::from_secs(1));
        let mut all = of(&[one]);
        all.merge(&of(&[two, one]));
        assert_eq!(all, of(&[one, one, two]));
    }

    proptest! {
        #[test]
        fn a_value_is_known_to_a_fifth_or_by_one(value in 1_u64..(1 << 32)) {
            let end = end(bucket(value - 1));
            prop_assert!(value <= end && end as f64 <= (value as f64 * 1.25).max(value as f64 + 1.0));
        }

        #[test]
        fn larger_values_are_in_no_lower_bucket(a: u64, b: u64) {
            prop_assert_eq!(bucket(a.min(b)).min(bucket(a.max(b))), bucket(a.min(b)));
        }
    }
}
