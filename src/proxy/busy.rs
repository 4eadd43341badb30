//! Tells when a connection that carries several exchanges at a time has carried none for too long. The library that
//! speaks HTTP/2 knows whether the client is there, not whether it wants anything.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How busy a connection is.
#[derive(Debug)]
pub(super) struct Idleness {
    exchanges: Cell<u64>,
    since: Cell<Instant>,
}

/// An exchange under way; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Busy(Rc<Idleness>);

impl Idleness {
    /// A connection that begins now.
    pub fn new() -> Rc<Idleness> {
        Rc::new(Idleness { exchanges: Cell::new(0), since: Cell::new(Instant::now()) })
    }

    /// An exchange begins.
    pub fn busy(self: &Rc<Idleness>) -> Busy {
        self.exchanges.set(self.exchanges.get() + 1);
        Busy(Rc::clone(self))
    }

    /// Waits until there has been no exchange for so long.
    pub async fn lasts(&self, time: Duration) {
        loop {
            let now = Instant::now();
            let since = if self.exchanges.get() > 0 { now } else { self.since.get() };
            if since + time <= now {
                return;
            }
            sleep_until(since + time).await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.exchanges.set(self.0.exchanges.get().saturating_sub(1));
        self.0.since.set(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idleness_is_counted_from_the_last_exchange_s_end() {
        let second = Duration::from_secs(1);
        let idleness = Idleness::new();
        let lasts = async |time| timeout(time, idleness.lasts(5 * second)).await.is_ok();
        assert!(!lasts(4 * second).await);
        let (first, other) = (idleness.busy(), idleness.busy());
        drop(first);
        assert!(!lasts(60 * second).await);
        drop(other);
        advance(3 * second).await;
        assert!(!lasts(second).await);
        assert!(lasts(2 * second).await);
    }
}
