//! Turns at functions that take a bounded number of events at a time, as the Runtime Interface Emulator takes one
//! (its own answer to a second is an error). Shared by all workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::apigateway::execute::Failure;
use crate::live::{Callee, Deployment};

/// The turns at every function, by its index.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Turns(Vec<Option<Arc<Line>>>);

/// Those who wait at one function.
#[derive(Debug)]
struct Line {
    free: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// One who waits, for as long as it lives.
struct Waiting<'l>(&'l Line);

impl Turns {
    /// Nobody has a turn, and nobody waits.
    pub fn new(deployment: Option<&Deployment>) -> Turns {
        let functions = deployment.map(|deployment| deployment.functions.iter()).unwrap_or_default();
        Turns(functions.map(|callee| Some(Arc::new(Line::new(callee.concurrency?, callee.queue)))).collect())
    }

    /// The same under another configuration. Functions that take as many events as before keep their lines.
    pub fn after(before: (&Turns, Option<&Deployment>), deployment: Option<&Deployment>) -> Turns {
        let (turns, known) = before;
        let known = known.map(|deployment| deployment.functions.as_slice()).unwrap_or_default();
        let functions = deployment.map(|deployment| deployment.functions.as_slice()).unwrap_or_default();
        let mut lines = Turns::new(deployment).0;
        for (line, callee) in lines.iter_mut().zip(functions) {
            let bounds = |callee: &Callee| (callee.concurrency, callee.queue);
            let same = |other: &Callee| other.name == callee.name && bounds(other) == bounds(callee);
            if let Some(kept) = known.iter().position(same).and_then(|index| turns.0.get(index)) {
                line.clone_from(kept);
            }
        }
        Turns(lines)
    }

    /// A turn at a function, which is over when it is dropped; nothing where there is no need of one.
    ///
    /// # Errors
    /// [`Failure::Busy`] when as many wait as may, [`Failure::Timeout`] when it is not one's turn until then.
    pub async fn take(
        &self,
        function: usize,
        until: Instant,
    ) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        match self.0.get(function) {
            Some(Some(line)) => line.turn(until).await.map(Some),
            _ => Ok(None),
        }
    }
}

impl Line {
    fn new(concurrency: usize, waiting_max: usize) -> Line {
        let free = Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS));
        Line { free, waiting: AtomicUsize::new(0), waiting_max }
    }

    async fn turn(&self, until: Instant) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(turn) = self.free.try_acquire() {
            return Ok(turn);
        }
        let _waiting = Waiting::behind(self).ok_or(Failure::Busy)?;
        match timeout_at(until, self.free.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(Failure::Busy),
            Err(_) => Err(Failure::Timeout),
        }
    }
}

impl<'l> Waiting<'l> {
    fn behind(line: &'l Line) -> Option<Waiting<'l>> {
        let waiting = Waiting(line);
        let before = line.waiting.fetch_add(1, Relaxed);
        (before < line.waiting_max).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn as_many_have_a_turn_and_wait_as_may() {
        let line = Line::new(1, 1);
        let soon = || Instant::now() + Duration::from_secs(1);
        let first = line.turn(soon()).await.unwrap();
        let (second, third) = tokio::join!(line.turn(soon()), line.turn(soon()));
        assert_eq!(second.unwrap_err(), Failure::Timeout);
        assert_eq!(third.unwrap_err(), Failure::Busy);
        drop(first);
        assert!(line.turn(soon()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_comes_when_the_one_before_is_over() {
        let line = Line::new(1, 1);
        let soon = || Instant::now() + Duration::from_secs(1);
        let first = line.turn(soon()).await.unwrap();
        let waits = line.turn(soon());
        let (second, ()) = tokio::join!(waits, async { drop(first) });
        assert!(second.is_ok());
        assert_eq!(line.waiting.load(Relaxed), 0);
    }

    #[test]
    fn a_function_without_bounds_has_no_turns() {
        assert!(Turns::new(None).0.is_empty());
    }
}
