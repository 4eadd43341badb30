//! How many exchanges there were, step by step, for the last minutes: a look at the counters every few seconds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::telemetry::meters::{Count, Meters, hidden};

/// The time between two looks.
pub const STEP: Duration = Duration::from_secs(2);

/// How many steps are kept: ten minutes.
const STEPS_MAX: usize = 300;

/// Steps from the oldest to the last. Clones see the same.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Steps>>);

#[derive(Debug, Default)]
struct Steps {
    steps: VecDeque<Step>,
    before: Step,
}

/// What happened in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Exchanges that ended.
    pub requests: u64,
    /// Those whose error was hidden.
    pub hidden: u64,
}

impl History {
    /// Looks at the counters for ever.
    pub async fn keep(self, meters: Meters) {
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(&meters);
        }
    }

    fn look(&self, meters: &Meters) {
        let mut now = Step::default();
        for (count, times) in meters.counts().iter() {
            if let Count::Exchanges { of, .. } = count {
                now.requests += times;
                now.hidden += if hidden(of.from, of.to) { times } else { 0 };
            }
        }
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut steps.before, now);
        if steps.steps.len() == STEPS_MAX {
            steps.steps.pop_front();
        }
        let since = |now: u64, before: u64| now.saturating_sub(before);
        let requests = since(now.requests, before.requests);
        steps.steps.push_back(Step { requests, hidden: since(now.hidden, before.hidden) });
    }

    /// The steps until now.
    pub fn steps(&self) -> Vec<Step> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).steps.iter().copied().collect()
    }
}
