//! Answers that are held, and until when. Envoy gives a module no timer, but lets any thread ask for a hook of an
//! exchange to be called: a thread of the module's own looks at what is held from time to time, and rings for what is
//! late.

use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::abi::Bell;

/// How often is looked: an answer may be held for that much longer than it should.
const TICK: Duration = Duration::from_millis(20);
/// How often in vain until nobody looks any more, and whoever holds something has to say so.
const VAIN_TICKS: u32 = 50;

static WATCH: LazyLock<Watch> = LazyLock::new(Watch::default);

/// An answer that is being watched, until this is dropped.
#[derive(Debug)]
pub struct Watched(usize);

#[derive(Debug, Default)]
struct Watch {
    held: Mutex<Held>,
    begun: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    slots: Vec<Option<Due>>,
    free: Vec<usize>,
    looker: Looker,
}

#[derive(Debug)]
struct Due {
    at: Instant,
    bell: Bell,
    has_rung: bool,
}

/// What the thread does.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Looker {
    #[default]
    Unborn,
    Looking,
    Asleep,
}

/// Rings once, about when so much time has passed.
#[expect(clippy::disallowed_methods, reason = "Envoy gives a module no clock")]
pub fn watch(bell: Bell, time_max: Duration) -> Option<Watched> {
    let at = Instant::now().checked_add(time_max)?;
    let due = Some(Due { at, bell, has_rung: false });
    let mut held = WATCH.held();
    let slot = held.free.pop().unwrap_or(held.slots.len());
    match held.slots.get_mut(slot) {
        Some(free) => *free = due,
        None => held.slots.push(due),
    }
    match std::mem::replace(&mut held.looker, Looker::Looking) {
        Looker::Looking => {}
        Looker::Asleep => WATCH.begun.notify_one(),
        Looker::Unborn => {
            let born = thread::Builder::new().name("candor-watch".to_owned()).spawn(look);
            if let Err(error) = born {
                held.looker = Looker::Unborn;
                tracing::error!(%error, "answers are held for as long as Envoy lets them");
            }
        }
    }
    Some(Watched(slot))
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut held = WATCH.held();
        let due = held.slots.get_mut(self.0).and_then(Option::take);
        held.free.push(self.0);
        drop(held);
        drop(due);
    }
}

impl Watch {
    /// Everything under the lock is whole at any moment.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    fn ring(&mut self, now: Instant) {
        for due in self.slots.iter_mut().flatten().filter(|due| due.at <= now && !due.has_rung) {
            due.bell.ring();
            due.has_rung = true;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "Envoy gives a module no clock")]
fn look() {
    let mut vain = 0;
    loop {
        thread::sleep(TICK);
        let mut held = WATCH.held();
        held.ring(Instant::now());
        vain = if held.is_empty() { vain + 1 } else { 0 };
        if vain == VAIN_TICKS {
            vain = 0;
            held.looker = Looker::Asleep;
            let is_asleep = |held: &mut Held| held.looker == Looker::Asleep;
            drop(WATCH.begun.wait_while(held, is_asleep));
        }
    }
}
