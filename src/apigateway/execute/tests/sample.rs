//! A request as it is known to a sidecar, for tests and benches to begin with.

use super::Request;

/// `GET /orders`, with nothing in it.
pub fn request() -> Request {
    Request {
        path: "/orders".to_owned(),
        request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".to_owned(),
        source_ip: "192.0.2.7".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        scheme: "https".to_owned(),
        port: 443,
        time: "21/Nov/2026:07:46:27 +0000".to_owned(),
        time_epoch: 1_795_247_187_000,
        ..Request::default()
    }
}
