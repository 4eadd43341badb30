//! The connections of one worker to a place where HTTP/2 is spoken, or may be: a trunk for all exchanges, opened when
//! first needed and replaced when it has ended, or lines where the upstream chooses HTTP/1.1. What it has chosen for
//! the last connection is what is expected of the next one, and no more than that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::super::connect::Dialer;
use super::super::error::ProxyError;
use super::super::http1::{Buffers, Line, Pool};
use super::super::lease::Lease;
use super::super::place::Way;
use super::super::tls::HTTP_2;
use super::trunk::Trunk;
use crate::settings::Protocol;
use crate::telemetry::meters::Links;

/// They.
pub(in crate::proxy) struct Http2 {
    dialer: Dialer,
    links: Arc<Links>,
    /// Bytes of an answer's head.
    head_bytes_max: usize,
    trunk: RefCell<Option<Trunk>>,
    /// Where the upstream may choose HTTP/1.1.
    lines: Option<Lines>,
    /// Held while a connection is opened that may become the trunk, so that exchanges that come meanwhile wait for it.
    opening: Mutex<()>,
}

/// The connections over HTTP/1.1.
pub(in crate::proxy) struct Lines {
    /// Those that carry nothing.
    pub pool: Rc<Pool>,
    pub buffers: Rc<Buffers>,
    /// Whether the last connection was one.
    are_expected: Cell<bool>,
}

/// A connection for an exchange.
pub(in crate::proxy) enum Connection {
    Trunk(Trunk),
    Line(Box<Line>, Rc<Pool>),
}

impl Lines {
    /// None yet, kept here.
    pub fn new(pool: Rc<Pool>, buffers: Rc<Buffers>) -> Lines {
        Lines { pool, buffers, are_expected: Cell::new(false) }
    }

    fn kept(&self, way: Way) -> Option<Connection> {
        let line = if way == Way::Any { self.pool.take()? } else { return None };
        Some(Connection::Line(line, Rc::clone(&self.pool)))
    }
}

impl Http2 {
    /// The place that this leads to, without a connection yet, where lines are what the upstream may choose, too.
    pub fn new(dialer: Dialer, links: Arc<Links>, lines: Option<Lines>, head_bytes_max: usize) -> Http2 {
        let (trunk, opening) = (RefCell::default(), Mutex::new(()));
        Http2 { dialer, links, head_bytes_max, trunk, lines, opening }
    }

    /// A connection for one exchange. One that is to leave HTTP goes on a line, if there may be one: no other exchange
    /// is on that.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connection(&self, way: Way, leaves_http: bool) -> Result<Connection, ProxyError> {
        if let Some(lines) = self.lines.as_ref().filter(|_| leaves_http) {
            return match lines.kept(way) {
                Some(line) => Ok(line),
                None => self.open(Protocol::Http1).await,
            };
        }
        let protocol = if self.lines.is_some() { Protocol::Auto } else { Protocol::Http2 };
        let mut has_waited = false;
        loop {
            if let Some(trunk) = self.trunk.borrow_mut().as_mut()
                && trunk.is_open()
            {
                return Ok(Connection::Trunk(trunk.clone()));
            }
            if let Some(lines) = &self.lines {
                if let Some(line) = lines.kept(way) {
                    return Ok(line);
                }
                // Each exchange needs one of its own.
                has_waited |= lines.are_expected.get();
            }
            if has_waited {
                return self.open(protocol).await;
            }
            match self.opening.try_lock() {
                Ok(_opening) => return self.open(protocol).await,
                // One that could not be opened is not waited for again.
                Err(_) => {
                    drop(self.opening.lock().await);
                    has_waited = true;
                }
            }
        }
    }

    /// Opens a connection, and takes it for what the upstream has made of it.
    async fn open(&self, offered: Protocol) -> Result<Connection, ProxyError> {
        let wire = self.dialer.connect(offered).await?;
        let is_agreed = offered == Protocol::Http2 || wire.agreed() == Some(HTTP_2);
        let lease = Lease::new(self.links.open(), None);
        if offered == Protocol::Auto
            && let Some(lines) = &self.lines
        {
            lines.are_expected.set(!is_agreed);
        }
        match &self.lines {
            Some(Lines { pool, buffers, .. }) if !is_agreed => {
                Ok(Connection::Line(Line::new(wire, lease, buffers), Rc::clone(pool)))
            }
            _ => {
                let trunk = Trunk::begin(wire, lease, self.head_bytes_max).await?;
                *self.trunk.borrow_mut() = Some(trunk.clone());
                Ok(Connection::Trunk(trunk))
            }
        }
    }
}
