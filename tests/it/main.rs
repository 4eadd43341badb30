//! The one test binary: what the product does, seen from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod agreement;
mod apigateway;
mod bounds;
mod captures;
mod cli;
mod conformance;
mod console;
mod demo;
mod docs;
mod downgrade;
mod drain;
mod encodings;
mod endpoints;
mod envoy;
mod examples;
mod explain;
mod faults;
mod hygiene;
mod import;
mod interest;
mod interims;
mod learn;
mod lint;
mod logging;
mod manifests;
mod metrics;
mod multiplex;
mod pictures;
mod probes;
mod properties;
mod protocols;
mod proxy;
mod proxy_protocol;
mod recordings;
mod reload;
mod render;
mod retry;
mod schema;
mod streaming;
mod support;
mod templates;
mod test_command;
mod tidy;
mod tls;
mod tls_files;
mod tls_listener;
mod traces;
mod unix_sockets;
