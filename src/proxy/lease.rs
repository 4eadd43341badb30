//! What goes with a connection to an upstream and is given back when it ends: its place among those that are counted,
//! its room among those that are allowed, and, where it became a tunnel, what a request under way has.

use std::rc::Rc;

use super::several::Choice;
use crate::live::endpoints::Room;
use crate::telemetry::meters::Link;

/// It.
#[derive(Debug)]
pub(super) struct Lease {
    link: Link,
    _room: Option<Room>,
    _choice: Option<Rc<Choice>>,
    _request: Option<Room>,
}

impl Lease {
    /// Of a connection that is counted so, and has this room if room is bounded.
    pub fn new(link: Link, room: Option<Room>) -> Lease {
        Lease { link, _room: room, _choice: None, _request: None }
    }

    /// The connection carries nothing.
    pub fn rest(&mut self) {
        self.link.rest();
    }

    /// It carries an exchange.
    pub fn wake(&mut self) {
        self.link.wake();
    }

    /// For as long as it is there it is a request under way: at this endpoint, and where those are bounded.
    pub fn occupy(&mut self, choice: Option<Rc<Choice>>, room: Option<Room>) {
        (self._choice, self._request) = (choice, room);
    }
}
