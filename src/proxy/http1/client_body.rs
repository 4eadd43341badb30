//! The body of a request as it comes from the client's connection.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::super::intake::IntakeError;
use super::session::Session;

/// What the client sends after its request's head. Dropped before its end it is never read: the connection ends
/// with the answer.
pub(in crate::proxy) struct ClientBody(Rc<RefCell<Session>>);

impl ClientBody {
    /// The body that the session has begun.
    pub fn of(session: &Rc<RefCell<Session>>) -> ClientBody {
        ClientBody(Rc::clone(session))
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = IntakeError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IntakeError>>> {
        self.0.borrow_mut().poll_body(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.borrow().is_body_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.borrow().body_left().map_or(SizeHint::default(), SizeHint::with_exact)
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        self.0.borrow_mut().leave_body();
    }
}

impl fmt::Debug for ClientBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientBody")
    }
}
