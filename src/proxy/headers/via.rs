//! `Via` (RFC 9110, section 7.6.3): names Candor on a message, after those that carried it before.

use http::Version;
use http::header::{self, HeaderMap, HeaderValue};

/// Adds Candor to the list. `version` is what the message came in.
pub(in crate::proxy) fn append(headers: &mut HeaderMap, version: Version) {
    let candor = match version {
        Version::HTTP_2 => "2.0 candor",
        Version::HTTP_10 => "1.0 candor",
        _ => "1.1 candor",
    };
    headers.append(header::VIA, HeaderValue::from_static(candor));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candor_stands_last_with_the_version_it_received() {
        let check = |version: Version, expected: &str| {
            let mut headers = HeaderMap::new();
            headers.append(header::VIA, HeaderValue::from_static("1.0 fred"));
            append(&mut headers, version);
            let via: Vec<&HeaderValue> = headers.get_all(header::VIA).iter().collect();
            assert_eq!(via, ["1.0 fred", expected]);
        };
        check(Version::HTTP_10, "1.0 candor");
        check(Version::HTTP_11, "1.1 candor");
        check(Version::HTTP_2, "2.0 candor");
    }
}
