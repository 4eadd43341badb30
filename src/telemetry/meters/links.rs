//! The connections of a worker to an upstream: how many were opened, are open, and wait for their next exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// They, as one thread changes the numbers and others read them.
#[derive(Debug, Default)]
pub struct Links {
    opened: AtomicU64,
    closed: AtomicU64,
    idle: AtomicU64,
}

/// A connection, counted from when this is made to when it is dropped.
#[derive(Debug)]
pub struct Link {
    links: Arc<Links>,
    is_idle: bool,
}

/// The numbers at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linked {
    /// Since the start.
    pub opened: u64,
    /// Open, and carrying an exchange or a tunnel, or over HTTP/2.
    pub busy: u64,
    /// Open, and carrying nothing.
    pub idle: u64,
}

impl Links {
    /// One more is open, for an exchange that waits for it.
    pub fn open(self: &Arc<Links>) -> Link {
        add(&self.opened, 1);
        Link { links: Arc::clone(self), is_idle: false }
    }

    pub(super) fn now(&self) -> Linked {
        // In this order, so that what changes meanwhile does not make it less than none.
        let (closed, idle, opened) =
            (self.closed.load(Relaxed), self.idle.load(Relaxed), self.opened.load(Relaxed));
        let open = opened.saturating_sub(closed);
        Linked { opened, busy: open.saturating_sub(idle), idle: idle.min(open) }
    }
}

impl Link {
    /// It waits for its next exchange.
    pub fn rest(&mut self) {
        if !self.is_idle {
            self.is_idle = true;
            add(&self.links.idle, 1);
        }
    }

    /// It carries an exchange.
    pub fn wake(&mut self) {
        if self.is_idle {
            self.is_idle = false;
            add(&self.links.idle, u64::MAX);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.wake();
        add(&self.links.closed, 1);
    }
}

/// Only the worker's thread writes, so reading and writing need not be one step.
fn add(number: &AtomicU64, change: u64) {
    number.store(number.load(Relaxed).wrapping_add(change), Relaxed);
}

impl Linked {
    /// Both together.
    pub fn and(self, other: Linked) -> Linked {
        let Linked { opened, busy, idle } = other;
        Linked { opened: self.opened + opened, busy: self.busy + busy, idle: self.idle + idle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_busy_or_idle_until_it_is_closed() {
        let links = Arc::new(Links::default());
        let check = |opened, busy, idle| assert_eq!(links.now(), Linked { opened, busy, idle });
        check(0, 0, 0);
        let (mut one, mut two) = (links.open(), links.open());
        check(2, 2, 0);
        one.rest();
        one.rest();
        two.rest();
        check(2, 0, 2);
        two.wake();
        check(2, 1, 1);
        drop(one);
        drop(two);
        check(2, 0, 0);
    }
}
