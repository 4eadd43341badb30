//! The way in for Envoy: an `envoy.service.ext_proc.v3.ExternalProcessor` over the same engine and configuration as the
//! proxy. Envoy carries the exchange and tells of it; Candor decides.
//!
//! `state.rs` is the whole of it without a socket: messages in, messages out. `server.rs` listens, `stream.rs` drives
//! one exchange, `grpc.rs` finds messages in bytes. docs/envoy.md says how Envoy has to be set up.

mod grpc;
mod headers;
mod holding;
mod misuse;
mod reply;
mod server;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

pub use server::run;
