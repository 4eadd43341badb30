//! What the two ends of a client's connection know of each other: the [`Door`](super::Door), which reads it, and
//! the exchanges that came through. The door must know whether one is under way and whether its answer made
//! something else than HTTP/1.1 of the connection; an exchange must know that the door refused its request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::super::refusal::Refusal;

/// Shared by a door and the exchanges of its connection. Never waited for: both are the same task.
#[derive(Debug)]
pub(in crate::proxy) struct Latch(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests so far.
    begun: u64,
    /// Exchanges that are over.
    ended: u64,
    quiet_since: Instant,
    refusal: Option<Refusal>,
    /// The last request that has an answer, and whether that switches protocols.
    answered: (u64, bool),
    door: Option<Waker>,
}

/// One exchange of a connection; it is over when this is dropped.
#[derive(Debug)]
pub(in crate::proxy) struct Turn {
    latch: Arc<Latch>,
    /// Which one it is, from 1.
    pub number: u64,
    /// Why its request goes nowhere.
    pub refusal: Option<Refusal>,
}

impl Latch {
    /// The latch of a connection that begins now.
    pub fn new() -> Arc<Latch> {
        Arc::new(Latch(Mutex::new(State {
            begun: 0,
            ended: 0,
            quiet_since: Instant::now(),
            refusal: None,
            answered: (0, false),
            door: None,
        })))
    }

    /// A request came through.
    pub fn begin(self: &Arc<Latch>) -> Turn {
        let mut state = self.state();
        state.begun += 1;
        Turn { latch: Arc::clone(self), number: state.begun, refusal: state.refusal.take() }
    }

    /// The next request that comes through is one that the door made up, to have this said to the client.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.state().refusal = Some(refusal);
    }

    /// Whether an exchange is under way.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.state();
        state.begun != state.ended
    }

    /// When the last exchange was over.
    pub(super) fn quiet_since(&self) -> Instant {
        self.state().quiet_since
    }

    /// Whether the answer to a request switches protocols, once there is one.
    pub(super) fn poll_switched(&self, context: &mut Context<'_>, number: u64) -> Poll<bool> {
        let mut state = self.state();
        match state.answered {
            (answered, switched) if answered >= number => Poll::Ready(switched),
            _ => {
                state.door = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// A panic while the lock was held leaves numbers that are still good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The exchange has its answer, which may switch protocols.
    pub fn answered(&self, switched: bool) {
        let mut state = self.latch.state();
        state.answered = (self.number, switched);
        if let Some(door) = state.door.take() {
            door.wake();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.latch.state();
        state.ended += 1;
        state.quiet_since = Instant::now();
    }
}
