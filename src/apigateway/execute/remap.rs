//! Headers that are not the backend's to set: on their way to the client they are renamed to `x-amzn-Remapped-…` or
//! dropped. Recorded for `http`, `aws` and `http_proxy`; for `aws_proxy` it is the documented table.

use super::super::model::Backend;
use super::headers::Headers;

const PREFIX: &str = "x-amzn-Remapped-";

/// What happens to headers of the names listed; all others pass.
struct Table {
    renamed: &'static [&'static str],
    dropped: &'static [&'static str],
}

/// `http` and `aws`.
const MAPPED: Table = Table {
    renamed: &[
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "trailer",
        "upgrade",
        "user-agent",
        "www-authenticate",
    ],
    dropped: &["transfer-encoding"],
};

const HTTP_PROXY: Table = Table {
    renamed: &[
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "max-forwards",
        "server",
        "user-agent",
        "www-authenticate",
        "x-amzn-requestid",
    ],
    ..LAMBDA_PROXY
};

const LAMBDA_PROXY: Table = Table {
    renamed: &[
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "max-forwards",
        "server",
        "user-agent",
        "www-authenticate",
    ],
    dropped: &[
        "expect",
        "host",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ],
};

/// The headers as the client gets them.
pub(super) fn remapped(headers: Headers, backend: &Backend) -> Headers {
    let table = match backend {
        Backend::HttpProxy(_) => &HTTP_PROXY,
        Backend::LambdaProxy(..) => &LAMBDA_PROXY,
        Backend::Http(_) | Backend::Lambda(_) | Backend::Service(_) | Backend::Mock => &MAPPED,
    };
    let named = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    headers.renamed(|name| match name {
        _ if named(table.dropped, &name) => None,
        _ if named(table.renamed, &name) => Some(format!("{PREFIX}{name}").into()),
        _ => Some(name),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::model::{Endpoint, UriPattern};
    use super::*;

    #[test]
    fn headers_of_the_gateway_itself_are_renamed_or_dropped() {
        let endpoint = || Endpoint { method: None, uri: UriPattern::default() };
        let check = |backend: &Backend, name: &str, expected: Option<&str>| {
            let headers = [(name.to_owned(), "v".to_owned())].into_iter().collect();
            let headers = remapped(headers, backend);
            assert_eq!(headers.iter().next().map(|(name, _)| name), expected, "{name}");
        };
        check(&Backend::Mock, "Date", Some("x-amzn-Remapped-Date"));
        check(&Backend::Mock, "Content-Encoding", Some("Content-Encoding"));
        check(&Backend::Mock, "TE", Some("TE"));
        check(&Backend::Mock, "transfer-encoding", None);
        check(&Backend::HttpProxy(endpoint()), "Server", Some("x-amzn-Remapped-Server"));
        check(&Backend::HttpProxy(endpoint()), "x-amzn-RequestId", Some("x-amzn-Remapped-x-amzn-RequestId"));
        check(&Backend::HttpProxy(endpoint()), "Via", None);
        check(&Backend::Http(endpoint()), "Via", Some("Via"));
    }
}
