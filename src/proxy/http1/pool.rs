//! The connections to an upstream that wait for their next exchange. The one used last is used first, so that those
//! which are not needed grow old and are closed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::line::Line;
use crate::live::Endpoints;
use crate::live::endpoints::{Gate, Resting};

/// Below the minute that most backends keep an idle connection: whoever closes first should be the one that
/// could otherwise send into a closing connection.
const IDLE_ROUNDS_MAX: u32 = 55;

/// How often the connections are looked at, as long as there are any.
const ROUND: Duration = Duration::from_secs(1);

/// The connections of one worker to one upstream.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Pool {
    idle: RefCell<Vec<Idle>>,
    is_watched: Cell<bool>,
    /// Rounds so far: the clock of the connections' age.
    rounds: Cell<u32>,
    /// Where the upstream's connections are bounded.
    bounded: Option<Bounded>,
}

/// What a pool has to do with the bound on connections: one that carries nothing may stand in the way of who waits.
#[derive(Debug)]
struct Bounded {
    endpoints: Arc<Endpoints>,
    /// This worker's requests that wait for a connection.
    waiting: RefCell<VecDeque<oneshot::Sender<Box<Line>>>>,
}

#[derive(Debug)]
struct Idle {
    line: Box<Line>,
    /// The round it came in.
    since: u32,
    _resting: Option<Resting>,
}

impl Pool {
    /// No connections yet, to one of these.
    pub fn to(endpoints: &Arc<Endpoints>) -> Pool {
        let bounded = endpoints
            .gate
            .as_ref()
            .map(|_| Bounded { endpoints: Arc::clone(endpoints), waiting: RefCell::default() });
        Pool { bounded, ..Pool::default() }
    }

    /// A connection on which nothing has happened since its last exchange.
    pub fn take(&self) -> Option<Box<Line>> {
        let mut idle = self.idle.borrow_mut();
        let mut lines = std::iter::from_fn(|| idle.pop()).map(|idle| idle.line);
        let mut line = lines.find(|line| line.is_quiet())?;
        line.lease.wake();
        Some(line)
    }

    /// Keeps a connection for the next exchange.
    pub fn put(self: &Rc<Self>, mut line: Box<Line>) {
        if let Some(bounded) = &self.bounded {
            match bounded.pass_on(line) {
                Some(kept) => line = kept,
                None => return,
            }
        }
        line.lease.rest();
        let resting = self.bounded.as_ref().and_then(Bounded::gate).map(Gate::rest);
        self.idle.borrow_mut().push(Idle { line, since: self.rounds.get(), _resting: resting });
        if !self.is_watched.replace(true) {
            spawn_local(watch(Rc::downgrade(self)));
        }
    }

    /// The next connection that an exchange of this worker is done with; never where they are not bounded.
    pub async fn next(&self) -> Option<Box<Line>> {
        let (sender, line) = oneshot::channel();
        let waiting = &self.bounded.as_ref()?.waiting;
        waiting.borrow_mut().retain(|waiting| !waiting.is_closed());
        waiting.borrow_mut().push_back(sender);
        line.await.ok()
    }

    /// Closes connections that carry nothing, as many as requests wait for room.
    pub fn make_room(&self) {
        let waiting = self.bounded.as_ref().map_or(0, |bounded| bounded.gate().map_or(0, Gate::waiting));
        let mut idle = self.idle.borrow_mut();
        let count = waiting.min(idle.len());
        // The oldest.
        idle.drain(..count);
    }

    /// Closes what the upstream has closed and what is too old; says whether anything is left.
    fn clear(&self) -> bool {
        let round = self.rounds.get().wrapping_add(1);
        self.rounds.set(round);
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| round.wrapping_sub(idle.since) < IDLE_ROUNDS_MAX && idle.line.is_quiet());
        self.is_watched.set(!idle.is_empty());
        !idle.is_empty()
    }
}

impl Bounded {
    fn gate(&self) -> Option<&Gate> {
        self.endpoints.gate.as_ref()
    }

    /// Gives the connection to who waits for one: here, or, by closing it, elsewhere. Each is as likely as its share of
    /// those who wait.
    fn pass_on(&self, mut line: Box<Line>) -> Option<Box<Line>> {
        let all = self.gate().map_or(0, Gate::waiting);
        if all == 0 {
            return Some(line);
        }
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|waiting| !waiting.is_closed());
        if fastrand::usize(..all) >= waiting.len() {
            return None;
        }
        while let Some(next) = waiting.pop_front() {
            line = match next.send(line) {
                Ok(()) => return None,
                Err(line) => line,
            };
        }
        Some(line)
    }
}

async fn watch(pool: Weak<Pool>) {
    loop {
        sleep(ROUND).await;
        // Bounded by the number of connections, and no system call each.
        let cleared = unconstrained(async { pool.upgrade().is_some_and(|pool| pool.clear()) });
        if !cleared.await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use tokio::runtime::{Builder, LocalOptions};
    use tokio::time::advance;

    use super::super::Buffers;
    use super::*;
    use crate::proxy::lease::Lease;
    use crate::telemetry::meters::Links;

    /// A pool with so many connections, and their other ends.
    fn pool(count: usize) -> (Rc<Pool>, Vec<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (pool, buffers) = (Rc::<Pool>::default(), Rc::<Buffers>::default());
        let ends = (0..count).map(|_| {
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            pool.put(Line::new(stream.into(), Lease::new(Arc::<Links>::default().open(), None), &buffers));
            listener.accept().unwrap().0
        });
        let ends = ends.collect();
        (pool, ends)
    }

    fn run(test: impl Future<Output = ()>) {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build_local(LocalOptions::default());
        runtime.unwrap().block_on(test);
    }

    /// Waits until the runtime has heard of what happened on the connections.
    async fn until(happened: impl Fn() -> bool) {
        while !happened() {
            advance(Duration::from_millis(1)).await;
        }
    }

    fn count(pool: &Pool) -> usize {
        pool.idle.borrow().len()
    }

    #[test]
    fn what_the_upstream_closed_is_not_used() {
        run(async {
            let (pool, mut ends) = pool(2);
            let kept = ends.remove(0);
            drop(ends);
            until(|| !pool.idle.borrow()[1].line.is_quiet()).await;
            let line = pool.take().unwrap();
            assert_eq!(line.wire.peer(), kept.local_addr().unwrap());
            assert_eq!(count(&pool), 0);
            assert!(pool.take().is_none());
        });
    }

    #[test]
    fn what_is_old_or_closed_goes_without_being_asked_for() {
        run(async {
            let (pool, mut ends) = pool(3);
            ends.remove(1);
            until(|| count(&pool) == 2).await;
            pool.rounds.set(IDLE_ROUNDS_MAX);
            until(|| count(&pool) == 0).await;
            assert!(!pool.is_watched.get());
        });
    }
}
