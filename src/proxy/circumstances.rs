//! How and when a request came, as templates ask for it.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use http::Request;

use super::headers::request_id::REQUEST_ID;
use crate::engine::exchange::Circumstances;
use crate::engine::route::Route;

/// The circumstances of a request that came now.
pub(super) fn of<B>(request: &Request<B>, route: &Route, client: IpAddr, now: SystemTime) -> Circumstances {
    let request_id = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Circumstances {
        resource_path: route.path.to_string(),
        path_parameters: route.path.parameters(request.uri().path()),
        request_id: request_id.unwrap_or_default().to_owned(),
        source_ip: client.to_string(),
        protocol: if request.version() == http::Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" },
        request_time: common_log_time(now),
        request_time_epoch: i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
    }
}

/// A time as logs of web servers have it.
pub(super) fn common_log_time(time: SystemTime) -> String {
    let date = httpdate::fmt_http_date(time);
    let mut parts = date.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or_default();
    let (day, month, year, time) = (part(), part(), part(), part());
    format!("{day}/{month}/{year}:{time} +0000")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::engine::route::{HostPattern, PathPattern, Selectable};

    #[test]
    fn a_request_is_described_as_api_gateway_does() {
        let request = Request::get("/orders/a%20b?x=1").header("x-request-id", "r-1").body(()).unwrap();
        let route = Route {
            name: "orders".into(),
            host: HostPattern::Any,
            path: PathPattern::parse("/orders/{id}").unwrap(),
            methods: Vec::new(),
            upstream: 0,
            rule_set: None,
            selectable: Selectable::Off,
        };
        let now = UNIX_EPOCH + Duration::from_millis(1_795_246_987_123);
        let expected = Circumstances {
            resource_path: "/orders/{id}".into(),
            path_parameters: vec![("id".into(), "a b".into())],
            request_id: "r-1".into(),
            source_ip: "127.0.0.1".into(),
            protocol: "HTTP/1.1",
            request_time: "21/Nov/2026:07:43:07 +0000".into(),
            request_time_epoch: 1_795_246_987_123,
        };
        assert_eq!(of(&request, &route, IpAddr::V4(Ipv4Addr::LOCALHOST), now), expected);
    }
}
