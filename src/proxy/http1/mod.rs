//! HTTP/1.1 (RFC 9112), both sides of it: [`session`] is a client's connection and [`serve`] its life,
//! [`line`](mod@line) a connection to an upstream and [`call`] one exchange on it.
//!
//! An exchange is one task: it reads the request, writes it to the upstream, reads the answer and writes it to the
//! client, without handing anything to another task or through a channel. Heads are read strictly, as a proxy must:
//! what the next reader could understand in another way goes no further ([`request`], [`answer`], [`chunks`]).
//! An idle connection holds no buffer ([`buffers`]).

mod answer;
mod answer_body;
mod buffers;
mod call;
mod chunks;
mod client_body;
mod field;
mod framing;
mod line;
mod outbound;
mod pool;
mod request;
mod serve;
mod session;
mod wire;

pub(super) use answer_body::AnswerBody;
pub(super) use buffers::Buffers;
pub(super) use call::{Answer, Call, CallError, Switched};
pub(super) use client_body::ClientBody;
pub(super) use framing::{Framing, ends_with_head};
pub(super) use line::Line;
pub(super) use pool::Pool;
pub(super) use serve::{serve, write_close};
pub(super) use session::{Session, Terms};
pub(super) use wire::Wire;
