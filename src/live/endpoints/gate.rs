//! The bound on an upstream's connections, those of all workers together, and on the requests that wait for one.
//! There is no lock on it while there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::settings::Limits;

/// The way to an upstream that takes no more than so many connections.
#[derive(Debug)]
pub struct Gate {
    rooms: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    wait_time_max: Duration,
    /// Says that somebody waits, to who keeps connections that carry nothing.
    demand: watch::Sender<()>,
}

/// The right to one connection, given back when it is dropped.
#[derive(Debug)]
pub struct Room(#[expect(dead_code, reason = "its drop is what it is for")] OwnedSemaphorePermit);

/// A request that waits for a connection.
#[derive(Debug)]
pub struct Waiting<'a>(&'a Gate);

/// Why a request gets no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// As many wait as may.
    TooMany,
    /// It has waited as long as it may.
    TooLong,
}

impl Gate {
    /// As the settings say; `None` where they know no bound.
    pub fn new(limits: &Limits) -> Option<Gate> {
        let rooms = Arc::new(Semaphore::new(limits.connections?));
        let (waiting_max, wait_time_max) = (limits.pending, limits.pending_time);
        let (waiting, demand) = (AtomicUsize::new(0), watch::Sender::new(()));
        Some(Gate { rooms, waiting, waiting_max, wait_time_max, demand })
    }

    /// Room for one more connection, if there is some and nobody waits for it.
    pub fn enter(&self) -> Option<Room> {
        Arc::clone(&self.rooms).try_acquire_owned().ok().map(Room)
    }

    /// Begins to wait.
    ///
    /// # Errors
    /// [`Shed::TooMany`].
    pub fn wait(&self) -> Result<Waiting<'_>, Shed> {
        if self.waiting.fetch_add(1, Relaxed) >= self.waiting_max {
            self.waiting.fetch_sub(1, Relaxed);
            return Err(Shed::TooMany);
        }
        self.demand.send_replace(());
        Ok(Waiting(self))
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Hears each time that somebody begins to wait.
    pub fn demand(&self) -> watch::Receiver<()> {
        self.demand.subscribe()
    }
}

impl Waiting<'_> {
    /// Room, when it is this request's turn.
    ///
    /// # Errors
    /// [`Shed::TooLong`].
    pub async fn room(&self) -> Result<Room, Shed> {
        let room = timeout(self.0.wait_time_max, Arc::clone(&self.0.rooms).acquire_owned()).await;
        room.ok().and_then(Result::ok).map(Room).ok_or(Shed::TooLong)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

impl Shed {
    /// It in a word, for metrics.
    pub fn word(self) -> &'static str {
        match self {
            Shed::TooMany => "too many pending",
            Shed::TooLong => "pending too long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections: usize, pending: usize) -> Gate {
        Gate::new(&Limits { connections: Some(connections), pending, ..Limits::default() }).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_what_is_given_back() {
        let gate = gate(1, 2);
        let room = gate.enter().unwrap();
        assert!(gate.enter().is_none());
        let waiting = gate.wait().unwrap();
        drop(room);
        let room = waiting.room().await.unwrap();
        drop(waiting);
        assert_eq!((gate.waiting(), gate.enter().is_some()), (0, false));
        drop(room);
        assert!(gate.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_has_its_bounds() {
        let gate = gate(1, 1);
        let _room = gate.enter().unwrap();
        let waiting = gate.wait().unwrap();
        assert_eq!(gate.wait().map(drop), Err(Shed::TooMany));
        assert_eq!(waiting.room().await.map(drop), Err(Shed::TooLong));
        drop(waiting);
        assert_eq!(gate.waiting(), 0);
    }

    #[test]
    fn without_a_bound_there_is_no_gate() {
        assert!(Gate::new(&Limits::default()).is_none());
    }
}
