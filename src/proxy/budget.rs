//! How many further tries rules may still cause on one upstream: every request earns a part of one, and some are
//! free each second. An upstream in trouble then gets little more traffic than usual, not a multiple of it.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::settings::RetryBudget;

/// A further try, in the thousandths that are counted.
const TRY: u64 = 1000;

/// What has been earned and not spent. Belongs to one worker.
#[derive(Debug)]
pub(super) struct Budget {
    per_request: u64,
    /// Tries a second, which are thousandths a millisecond.
    per_second: u64,
    saved_max: u64,
    saved: Cell<u64>,
    counted: Cell<Instant>,
}

impl Budget {
    /// A budget that has the free tries of one second.
    pub fn new(settings: RetryBudget, now: Instant) -> Budget {
        let per_request = u64::from(settings.ratio_thousandths);
        let per_second = u64::from(settings.min_per_second);
        // Saved at most: what a second gives, and what a hundred requests earn. Good times long past do not count.
        let saved_max = (per_second * TRY + per_request * 100).max(TRY);
        Budget {
            per_request,
            per_second,
            saved_max,
            saved: Cell::new(per_second * TRY),
            counted: Cell::new(now),
        }
    }

    /// A request is sent for the first time.
    pub fn earn(&self) {
        self.save(self.per_request);
    }

    /// Whether one more try may be spent now.
    pub fn affords(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.counted.get());
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.save(milliseconds.saturating_mul(self.per_second));
        self.counted.set(self.counted.get() + Duration::from_millis(milliseconds));
        self.saved.get() >= TRY
    }

    /// A further try is sent.
    pub fn spend(&self) {
        self.saved.set(self.saved.get().saturating_sub(TRY));
    }

    fn save(&self, thousandths: u64) {
        self.saved.set(self.saved.get().saturating_add(thousandths).min(self.saved_max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tries of `wanted` are had `after` so many milliseconds and `requests`, with nothing saved before.
    #[track_caller]
    fn check(ratio: u32, min_per_second: u32, requests: u32, after: u64, wanted: u32, expected: u32) {
        let now = Instant::now();
        let budget = Budget::new(RetryBudget { ratio_thousandths: ratio, min_per_second }, now);
        while budget.affords(now) {
            budget.spend();
        }
        (0..requests).for_each(|_| budget.earn());
        let now = now + Duration::from_millis(after);
        let had = (0..wanted).filter(|_| {
            let affords = budget.affords(now);
            if affords {
                budget.spend();
            }
            affords
        });
        assert_eq!(had.count(), expected as usize);
    }

    #[test]
    fn requests_earn_tries() {
        check(200, 0, 4, 0, 10, 0);
        check(200, 0, 5, 0, 10, 1);
        check(200, 0, 52, 0, 100, 10);
        check(1000, 0, 3, 0, 10, 3);
        check(1, 0, 1000, 0, 10, 1);
        check(0, 0, 1_000_000, 0, 10, 0);
    }

    #[test]
    fn each_second_gives_some() {
        check(0, 10, 0, 0, 100, 0);
        check(0, 10, 0, 99, 100, 0);
        check(0, 10, 0, 100, 100, 1);
        check(0, 10, 0, 1000, 100, 10);
        check(0, 0, 0, 1_000_000, 100, 0);
    }

    #[test]
    fn little_is_saved() {
        check(0, 10, 0, 3_600_000, 100, 10);
        check(200, 0, 1_000_000, 0, 100, 20);
        check(200, 10, 1_000_000, u32::MAX.into(), 100, 30);
    }

    #[test]
    fn the_free_tries_of_a_second_are_there_from_the_start() {
        let now = Instant::now();
        let budget = Budget::new(RetryBudget { ratio_thousandths: 0, min_per_second: 1 }, now);
        assert!(budget.affords(now));
        budget.spend();
        assert!(!budget.affords(now));
    }
}
