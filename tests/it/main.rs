//! The one test binary: what the product does, seen from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod apigateway;
mod bounds;
mod captures;
mod cli;
mod conformance;
mod console;
mod demo;
mod docs;
mod drain;
mod encodings;
mod envoy;
mod examples;
mod explain;
mod faults;
mod hygiene;
mod import;
mod learn;
mod lint;
mod metrics;
mod pictures;
mod probes;
mod properties;
mod protocols;
mod proxy;
mod recordings;
mod render;
mod retry;
mod schema;
mod streaming;
mod support;
mod templates;
mod test_command;
mod tidy;
mod tls;
