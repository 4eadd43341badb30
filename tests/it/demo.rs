//! The demo keeps its word: through the real proxy, every endpoint of its backend becomes what its row says.

use std::sync::Arc;

use candor::cli::demo;
use candor::cli::demo::legacy::{self, ENDPOINTS, Truth};

use crate::support::sidecar::Sidecar;

/// The demo's backend, on a thread of its own until the test's process ends.
fn backend() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { legacy::serve(tokio::net::TcpListener::from_std(listener).unwrap()).await })
    });
    address
}

#[test]
fn every_endpoint_becomes_what_its_row_says() {
    let playground = demo::playground(backend(), "127.0.0.1:0".into(), "off".into()).unwrap();
    let sidecar = Sidecar::serving(Arc::clone(playground.snapshot()));
    for endpoint in ENDPOINTS {
        let mut client = sidecar.client();
        client.ask(&format!("GET {}", endpoint.path), &[]);
        let expected = match endpoint.truth {
            Truth::Status(status) => status,
            Truth::Streams | Truth::Undecided(_) => 200,
        };
        assert_eq!(client.head().status(), expected, "{}", endpoint.path);
    }
}
