//! `Vary`: an answer that a request header helped to choose must not be reused for a request without it
//! (RFC 9110, section 12.5.5). Caches that store nothing of the answer need no telling.

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::list::lists;
use crate::engine::mutation::Headers;

/// Names the header in `Vary` when the answer may be stored by a shared cache.
pub(in crate::proxy) fn add(headers: &mut impl Headers, method: &Method, selected_by: &HeaderName) {
    if is_missing(&headers.all(), method, selected_by) {
        headers.add(header::VARY, HeaderValue::from(selected_by.clone()));
    }
}

fn is_missing(headers: &HeaderMap, method: &Method, selected_by: &HeaderName) -> bool {
    let told = lists(headers, &header::VARY, "*") || lists(headers, &header::VARY, selected_by.as_str());
    !told && is_cacheable(headers, method)
}

fn is_cacheable(headers: &HeaderMap, method: &Method) -> bool {
    (method == Method::GET || method == Method::HEAD)
        && !lists(headers, &header::CACHE_CONTROL, "no-store")
        && !lists(headers, &header::CACHE_CONTROL, "private")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, lines: &[(&'static str, &'static str)], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        add(&mut headers, &method, &HeaderName::from_static("x-candor-rules"));
        let vary: Vec<&str> =
            headers.get_all(header::VARY).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(vary, expected);
    }

    #[test]
    fn cacheable_answers_name_the_header_once() {
        check(Method::GET, &[], &["x-candor-rules"]);
        check(Method::HEAD, &[("vary", "accept")], &["accept", "x-candor-rules"]);
        check(Method::GET, &[("vary", "accept, X-Candor-Rules")], &["accept, X-Candor-Rules"]);
        check(Method::GET, &[("vary", "*")], &["*"]);
        check(Method::GET, &[("cache-control", "max-age=60")], &["x-candor-rules"]);
    }

    #[test]
    fn answers_that_are_not_stored_do_not() {
        check(Method::POST, &[], &[]);
        check(Method::GET, &[("cache-control", "no-store")], &[]);
        check(Method::GET, &[("cache-control", "max-age=1, Private")], &[]);
    }
}
