//! API keys: a method may ask for one, which comes in the header `X-API-Key`.

use std::fmt;

use super::super::model::{Kind, Method};
use super::fault::Fault;
use super::request::Received;

const HEADER: &str = "x-api-key";

/// A key that is good.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is called: `$context.identity.apiKeyId`.
    pub name: String,
    /// What clients send.
    pub value: String,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A key that a request was let in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted<'a> {
    /// The key itself.
    pub value: &'a str,
    /// Its name, where it is known.
    pub name: Option<&'a str>,
}

/// The key of a request, where its method asks for one. Without a list of those that are good, any is.
pub(super) fn admitted<'a>(
    method: &Method,
    good: Option<&'a [ApiKey]>,
    received: &'a Received<'_>,
) -> Result<Option<Admitted<'a>>, Fault> {
    if !method.asks_for_key {
        return Ok(None);
    }
    let value = received.headers.get(HEADER).unwrap_or_default();
    if value.is_empty() {
        return Err(forbidden("the method asks for an API key, and the request has none"));
    }
    let Some(good) = good else { return Ok(Some(Admitted { value, name: None })) };
    match good.iter().find(|key| is_same(&key.value, value)) {
        Some(key) => Ok(Some(Admitted { value, name: Some(&key.name) })),
        None => Err(forbidden("the request's API key is none of `api.keys`")),
    }
}

fn forbidden(cause: &str) -> Fault {
    Fault { cause: cause.to_owned(), ..Fault::told(Kind::InvalidApiKey, "Forbidden") }
}

/// Whether two texts are the same, in a time that tells only how long they are.
fn is_same(known: &str, given: &str) -> bool {
    let differences = known.bytes().zip(given.bytes()).fold(0, |all, (known, given)| all | (known ^ given));
    known.len() == given.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_whole() {
        let check =
            |known: &str, given: &str, expected: bool| assert_eq!(is_same(known, given), expected, "{given}");
        check("abc", "abc", true);
        check("abc", "abx", false);
        check("abc", "ab", false);
        check("abc", "abcd", false);
        check("abc", "ABC", false);
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = ApiKey { name: "shop".to_owned(), value: "secret".to_owned() };
        assert_eq!(format!("{key:?}"), r#"ApiKey { name: "shop", .. }"#);
    }
}
