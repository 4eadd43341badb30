//! The addresses of an upstream's name, looked up again and again. No exchange waits for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use tokio::time::sleep;
use tracing::{info, warn};

use super::about;
use crate::live::{Endpoints, Resolver};
use crate::settings::UpstreamUrl;

/// Keeps the endpoints to what the resolver says. An answer stays good for as long as there is no other.
pub(super) async fn keep(endpoints: Arc<Endpoints>, resolver: Resolver, every: Duration) {
    let url = &endpoints.settings.url;
    let upstream = &*endpoints.settings.name;
    let name = url.authority.host().trim_matches(['[', ']']);
    let port = url.authority.port_u16().unwrap_or(if url.scheme == Scheme::HTTPS { 443 } else { 80 });
    let mut is_failing = false;
    loop {
        let cause = match resolver.resolve(name, port).await {
            Ok(addresses) if addresses.is_empty() => Some("it has no address".to_owned()),
            Ok(addresses) => {
                let places = places(url, addresses);
                if endpoints.replace(&places) {
                    let list: Vec<&str> = places.iter().map(|place| place.authority.as_str()).collect();
                    info!(upstream, endpoints = list.join(", "), "an upstream has other endpoints");
                }
                None
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(cause) = cause.as_ref().filter(|_| !is_failing) {
            warn!(upstream, name, %cause, "a name cannot be looked up; what it last stood for stays in use");
        }
        is_failing = cause.is_some();
        sleep(about(every)).await;
    }
}

/// The URL at each of the addresses, in an order that does not change with that of the answer.
fn places(url: &UpstreamUrl, mut addresses: Vec<SocketAddr>) -> Vec<UpstreamUrl> {
    addresses.sort_unstable();
    addresses.dedup();
    let place = |address: SocketAddr| {
        Some(UpstreamUrl { authority: address.to_string().parse().ok()?, ..url.clone() })
    };
    addresses.into_iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_addresses_in_order() {
        let url = UpstreamUrl::parse("http://app:9000/base").unwrap();
        let addresses = ["10.0.0.2:9000", "[::1]:9000", "10.0.0.1:9000", "10.0.0.2:9000"];
        let places = places(&url, addresses.map(|address| address.parse().unwrap()).to_vec());
        let names: Vec<&str> = places.iter().map(|place| place.authority.as_str()).collect();
        assert_eq!(names, ["10.0.0.1:9000", "10.0.0.2:9000", "[::1]:9000"]);
        assert!(places.iter().all(|place| place.base_path == "/base"));
    }
}
