//! One place where an upstream is, as one worker reaches it: the way there, and the connections that are open.

use std::rc::Rc;
use std::sync::Arc;

use hyper_util::client::legacy::connect::HttpConnector;
use tokio::select;
use tokio::task::spawn_local;

use super::connect::Dialer;
use super::error::{ProxyError, UpstreamFault};
use super::http1::{Buffers, Line, Pool, Wire};
use super::http2::{Http2, Lines};
use super::lease::Lease;
use super::tls::{Failures, Handshake};
use crate::live::endpoints::{Gate, Room, Shed};
use crate::live::{Credential, Endpoints};
use crate::settings::{self, Protocol, Tls};
use crate::telemetry::meters::Links;

/// It.
pub(super) struct Place {
    dialer: Dialer,
    /// What is open.
    pub connections: Connections,
    links: Arc<Links>,
    endpoints: Arc<Endpoints>,
    is_traffic: bool,
}

/// What a worker's ways to an upstream are made with.
#[derive(Clone)]
pub(super) struct Means {
    pub buffers: Rc<Buffers>,
    /// Count the connections.
    pub links: Arc<Links>,
    /// What TLS is spoken with, where it is.
    pub credential: Option<Arc<Credential<Tls>>>,
    pub failures: Failures,
    /// Whether the upstream's bounds are for what goes there: traffic, not questions of health.
    pub is_traffic: bool,
}

/// The connections, by what is spoken on them.
pub(super) enum Connections {
    Http1(Rc<Pool>, Rc<Buffers>),
    /// Or may be.
    Http2(Box<Http2>),
}

/// Which connection a request goes on, where one carries one exchange at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One that is there, or a new one.
    Any,
    /// A new one.
    Fresh,
}

impl Place {
    /// Where the URL of these settings says, without connections yet. Call it inside the worker's runtime.
    pub fn new(settings: &settings::Upstream, endpoints: &Arc<Endpoints>, means: &Means) -> Place {
        let Means { buffers, links, credential, failures, is_traffic } = means.clone();
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(settings.timeouts.connect));
        connector.set_nodelay(true);
        // TLS begins on connections that are opened as all others.
        connector.enforce_http(false);
        let handshake = credential.and_then(|credential| Handshake::new(settings, credential, failures));
        let dialer = Dialer::new(connector, settings, handshake);
        let pool = || Rc::new(if is_traffic { Pool::to(endpoints) } else { Pool::default() });
        let http2 = |lines| {
            let head_bytes_max = settings.limits.response_header_bytes;
            Connections::Http2(Box::new(Http2::new(
                dialer.clone(),
                Arc::clone(&links),
                lines,
                head_bytes_max,
            )))
        };
        let connections = match settings.protocol {
            Protocol::Http1 => Connections::Http1(pool(), buffers),
            Protocol::Http2 => http2(None),
            Protocol::Auto => http2(Some(Lines::new(pool(), buffers))),
        };
        if is_traffic && let (Connections::Http1(pool, _), Some(gate)) = (&connections, &endpoints.gate) {
            let (pool, mut demand) = (Rc::downgrade(pool), gate.demand());
            spawn_local(async move {
                while demand.changed().await.is_ok() {
                    let Some(pool) = pool.upgrade() else { return };
                    pool.make_room();
                }
            });
        }
        Place { dialer, connections, links, endpoints: Arc::clone(endpoints), is_traffic }
    }

    /// A connection that no exchange uses, and what goes with it.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when there is none in `timeouts.connect`, or no room for one.
    pub async fn connect(&self) -> Result<(Wire, Lease), ProxyError> {
        let room = match self.gate() {
            None => None,
            Some(gate) => Some(self.room(gate).await?),
        };
        // What goes through is nobody's to agree on, but for a place that speaks nothing else.
        let protocol = match self.endpoints.settings.protocol {
            Protocol::Http2 => Protocol::Http2,
            Protocol::Http1 | Protocol::Auto => Protocol::Http1,
        };
        Ok((self.dialer.connect(protocol).await?, Lease::new(self.links.open(), room)))
    }

    /// A connection for one exchange, when none that is kept is free.
    ///
    /// # Errors
    /// As [`connect`](Place::connect).
    pub async fn line(&self, pool: &Pool, buffers: &Rc<Buffers>, way: Way) -> Result<Box<Line>, ProxyError> {
        let room = match self.gate() {
            None => None,
            Some(gate) => match gate.enter() {
                Some(room) => Some(room),
                None => return self.next_line(gate, pool, buffers, way).await,
            },
        };
        let wire = self.dialer.connect(Protocol::Http1).await?;
        Ok(Line::new(wire, Lease::new(self.links.open(), room), buffers))
    }

    /// The next connection that somebody here can do without, or a new one when there is room for it.
    async fn next_line(
        &self,
        gate: &Gate,
        pool: &Pool,
        buffers: &Rc<Buffers>,
        way: Way,
    ) -> Result<Box<Line>, ProxyError> {
        let waiting = self.waited(gate.wait())?;
        let room = select! {
            biased;
            Some(line) = pool.next(), if way == Way::Any => return Ok(line),
            room = waiting.room() => room.map_err(|shed| self.shed(shed))?,
        };
        drop(waiting);
        let wire = self.dialer.connect(Protocol::Http1).await?;
        Ok(Line::new(wire, Lease::new(self.links.open(), Some(room)), buffers))
    }

    /// The bound on the requests under way, if there is one.
    pub fn requests_gate(&self) -> Option<&Gate> {
        self.endpoints.requests_gate.as_ref().filter(|_| self.is_traffic)
    }

    /// The bound on connections, if there is one.
    fn gate(&self) -> Option<&Gate> {
        self.endpoints.gate.as_ref().filter(|_| self.is_traffic)
    }

    /// Room behind this gate, now or when it is this request's turn.
    ///
    /// # Errors
    /// When too many wait, or this one has waited for too long.
    pub async fn room(&self, gate: &Gate) -> Result<Room, ProxyError> {
        match gate.enter() {
            Some(room) => Ok(room),
            None => self.waited(gate.wait())?.room().await.map_err(|shed| self.shed(shed)),
        }
    }

    fn waited<T>(&self, waiting: Result<T, Shed>) -> Result<T, ProxyError> {
        waiting.map_err(|shed| self.shed(shed))
    }

    fn shed(&self, why: Shed) -> ProxyError {
        self.endpoints.shed(why);
        UpstreamFault::Full.into()
    }
}
