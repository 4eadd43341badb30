//! The bound on an upstream's connections, or on the requests under way there, those of all workers together, and on
//! the requests that wait for one.
//! There is no lock on it while there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::settings::Limits;

/// The way to an upstream that takes no more than so many connections, or requests.
#[derive(Debug)]
pub struct Gate {
    rooms: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    /// Connections that carry nothing and give way to who waits.
    resting: Arc<AtomicUsize>,
    wait_time_max: Duration,
    /// Says that somebody waits, to who keeps connections that carry nothing.
    demand: watch::Sender<()>,
}

/// The right to one of them, given back when it is dropped.
#[derive(Debug)]
pub struct Room(#[expect(dead_code, reason = "its drop is what it is for")] OwnedSemaphorePermit);

/// A connection that carries nothing.
#[derive(Debug)]
pub struct Resting(Arc<AtomicUsize>);

impl Drop for Resting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A request that waits.
#[derive(Debug)]
pub struct Waiting<'a>(&'a Gate);

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// As many wait as may.
    TooMany,
    /// It has waited as long as it may.
    TooLong,
}

impl Gate {
    /// For so many, where that is bounded, with those who wait bounded as the settings say.
    pub fn new(count_max: Option<usize>, limits: &Limits) -> Option<Gate> {
        let rooms = Arc::new(Semaphore::new(count_max?));
        let (waiting_max, wait_time_max) = (limits.pending, limits.pending_time);
        let (waiting, resting, demand) = (AtomicUsize::new(0), Arc::default(), watch::Sender::new(()));
        Some(Gate { rooms, waiting, waiting_max, resting, wait_time_max, demand })
    }

    /// Room for one more, if there is some and nobody waits for it.
    pub fn enter(&self) -> Option<Room> {
        Arc::clone(&self.rooms).try_acquire_owned().ok().map(Room)
    }

    /// Begins to wait. As many as there are connections that give way may do so besides.
    ///
    /// # Errors
    /// [`Shed::TooMany`].
    pub fn wait(&self) -> Result<Waiting<'_>, Shed> {
        if self.waiting.fetch_add(1, Relaxed) >= self.waiting_max + self.resting.load(Relaxed) {
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

    /// A connection carries nothing for as long as this lives.
    pub fn rest(&self) -> Resting {
        self.resting.fetch_add(1, Relaxed);
        Resting(Arc::clone(&self.resting))
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
        Gate::new(Some(connections), &Limits { pending, ..Limits::default() }).unwrap()
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
    fn who_gets_the_room_of_a_connection_that_rests_is_not_too_many() {
        let gate = gate(1, 0);
        let _room = gate.enter().unwrap();
        assert!(gate.wait().is_err());
        let resting = gate.rest();
        let waiting = gate.wait().unwrap();
        assert!(gate.wait().is_err());
        drop((waiting, resting));
        assert!(gate.wait().is_err());
    }

    #[test]
    fn without_a_bound_there_is_no_gate() {
        assert!(Gate::new(None, &Limits::default()).is_none());
    }
}
