//! The phase of the sidecar's life: whether new exchanges are welcome. Set by `serve` and by who may ask for it, read
//! by probes and by everyone who holds a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Where the sidecar is in its life. It only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not yet listening.
    Starting,
    /// Listening; new exchanges are welcome.
    Ready,
    /// New exchanges belong elsewhere: those that come all the same are carried, and end their connection.
    Draining,
}

/// A shared view of the [`Phase`]; clones see the same one.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    flags: Arc<Flags>,
}

#[derive(Debug, Default)]
struct Flags {
    listening: AtomicBool,
    draining: AtomicBool,
    drained: Notify,
}

impl Readiness {
    /// A sidecar that is [`Phase::Starting`].
    pub fn new() -> Readiness {
        Readiness::default()
    }

    /// The listeners are bound.
    pub fn listening(&self) {
        self.flags.listening.store(true, Ordering::Release);
    }

    /// New exchanges belong elsewhere from now on. Final, even when it comes before [`listening`](Self::listening).
    /// Says whether they did not before.
    pub fn drain(&self) -> bool {
        let begins = !self.flags.draining.swap(true, Ordering::AcqRel);
        self.flags.drained.notify_waiters();
        begins
    }

    /// Whether new exchanges belong elsewhere.
    pub fn is_draining(&self) -> bool {
        self.flags.draining.load(Ordering::Acquire)
    }

    /// Waits until they do.
    pub async fn draining(&self) {
        // What is told between the look and the wait is not missed: it wakes whoever was made before.
        let drained = self.flags.drained.notified();
        if !self.is_draining() {
            drained.await;
        }
    }

    /// The phase at this moment.
    pub fn phase(&self) -> Phase {
        if self.is_draining() {
            Phase::Draining
        } else if self.flags.listening.load(Ordering::Acquire) {
            Phase::Ready
        } else {
            Phase::Starting
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[fn(&Readiness)], expected: Phase) {
        let readiness = Readiness::new();
        let seen_elsewhere = readiness.clone();
        for step in steps {
            step(&readiness);
        }
        assert_eq!(seen_elsewhere.phase(), expected);
        assert_eq!(readiness.drain(), expected != Phase::Draining);
    }

    fn drain(readiness: &Readiness) {
        readiness.drain();
    }

    #[test]
    fn phases_only_move_forward() {
        check(&[], Phase::Starting);
        check(&[Readiness::listening], Phase::Ready);
        check(&[Readiness::listening, drain], Phase::Draining);
        check(&[drain, Readiness::listening], Phase::Draining);
    }

    #[tokio::test]
    async fn everyone_who_waits_for_the_drain_learns_of_it() {
        let readiness = Readiness::new();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let readiness = readiness.clone();
                tokio::spawn(async move { readiness.draining().await })
            })
            .collect();
        tokio::task::yield_now().await;
        readiness.drain();
        for waiting in waiting {
            waiting.await.unwrap();
        }
        readiness.draining().await;
    }
}
