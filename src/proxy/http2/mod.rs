//! HTTP/2 (RFC 9113), both sides of it, on the `h2` crate: [`server`] is a client's connection and [`serve`] what the
//! proxy does with its streams; [`connections`] are those to an upstream, each a [`trunk`] for all exchanges of a
//! worker.
//!
//! A stream is a body that comes ([`incoming`]), a body that goes ([`outgoing`]) and, on a client's, the answers
//! ([`responder`]). What a client asks is carried by a task of its own, which reads, decides and writes; what is sent to
//! an upstream is sent by the task that waits for its answer.

mod connections;
mod incoming;
mod outgoing;
mod responder;
mod serve;
mod server;
mod trunk;

pub(super) use connections::{Connection, Http2, Lines};
pub(crate) use incoming::Incoming;
pub(crate) use responder::Responder;
pub(super) use serve::serve;
pub(crate) use server::{Bounds, Ends, serve_connection};
pub(super) use trunk::NoAnswer;
