//! A connection to an upstream, which carries one exchange after another.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::net::TcpStream;

use super::buffers::{Buffers, Expected};
use super::call::Errand;
use super::outbound::Outbound;

/// The connection.
#[derive(Debug)]
pub(in crate::proxy) struct Line {
    /// To the upstream.
    pub(super) io: TcpStream,
    pub(super) buffers: Rc<Buffers>,
    /// Came, and is not used yet.
    pub(super) inbound: BytesMut,
    /// What waits to be written.
    pub(super) out: Outbound,
    /// Whether it has carried an exchange.
    pub(super) used: bool,
    /// The exchange it carries now.
    pub(super) errand: Errand,
}

impl Line {
    /// A connection that has carried nothing.
    pub fn new(io: TcpStream, buffers: &Rc<Buffers>) -> Box<Line> {
        let (out, inbound) = (Outbound::new(Rc::clone(buffers)), BytesMut::new());
        let (used, errand) = (false, Errand::default());
        Box::new(Line { io, buffers: Rc::clone(buffers), inbound, out, used, errand })
    }

    /// Reads what there is; says how much came, which is nothing at the end.
    pub(super) fn poll_read(
        &mut self,
        expected: Expected,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.buffers.poll_read(&mut self.inbound, &mut self.io, expected, context)
    }

    /// Writes what waits.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.out.poll_write(&mut self.io, context)
    }

    /// Whether nothing has come since the last exchange, be it the connection's end. Costs no system call as long
    /// as the runtime knows of nothing.
    pub(super) fn is_quiet(&self) -> bool {
        if self.io.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_pending() {
            return true;
        }
        // It may be that only the last read left no room to learn that nothing was behind it.
        let nothing = self.io.try_read(&mut [0]);
        matches!(nothing, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
