//! A connection to an upstream, which carries one exchange after another.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::BytesMut;

use super::buffers::{Buffers, Expected};
use super::call::Errand;
use super::outbound::Outbound;
use super::wire::Wire;
use crate::proxy::lease::Lease;

/// The connection.
#[derive(Debug)]
pub(in crate::proxy) struct Line {
    /// To the upstream.
    pub(super) wire: Wire,
    pub(super) buffers: Rc<Buffers>,
    /// Came, and is not used yet.
    pub(super) inbound: BytesMut,
    /// What waits to be written.
    pub(super) out: Outbound,
    /// Whether it has carried an exchange.
    pub(super) used: bool,
    /// The exchange it carries now.
    pub(super) errand: Errand,
    /// What goes with it.
    pub(super) lease: Lease,
}

impl Line {
    /// A connection that has carried nothing.
    pub fn new(wire: Wire, lease: Lease, buffers: &Rc<Buffers>) -> Box<Line> {
        let (out, inbound) = (Outbound::new(Rc::clone(buffers)), BytesMut::new());
        let (used, errand) = (false, Errand::default());
        Box::new(Line { wire, buffers: Rc::clone(buffers), inbound, out, used, errand, lease })
    }

    /// Reads what there is; says how much came, which is nothing at the end.
    pub(super) fn poll_read(
        &mut self,
        expected: Expected,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.buffers.poll_receive(&mut self.inbound, &mut self.wire, expected, context)
    }

    /// Writes what waits.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.out.poll_write(&mut self.wire, context)
    }

    /// Whether nothing has come since the last exchange.
    pub(super) fn is_quiet(&self) -> bool {
        self.wire.is_quiet()
    }
}
