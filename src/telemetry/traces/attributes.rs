//! What spans say, in the words of OpenTelemetry's conventions for HTTP (semantic conventions 1.2x, stable), and in
//! those of the log for what only Candor knows, under `candor.`. No bodies and no query values.

use std::sync::Arc;

use http::uri::Authority;
use opentelemetry::{KeyValue, Value};

use crate::engine::outcome::Verdict;
use crate::telemetry::meters::Ended;

/// Attributes of one span, put one after the other.
#[derive(Debug, Default)]
pub(super) struct Attributes(pub Vec<KeyValue>);

/// Methods that may stand for themselves; all others are `_OTHER`, so that nobody can make them many.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// The method as a name that is one of few.
pub(super) fn method(method: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|known| *known == method)
}

/// The host, an address of IPv6 without its brackets.
pub(super) fn host(authority: &Authority) -> String {
    authority.host().trim_matches(['[', ']']).to_owned()
}

impl Attributes {
    pub fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(name, value));
    }

    pub fn text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(name, value.to_owned());
        }
    }

    pub fn number(&mut self, name: &'static str, value: Option<impl Into<i64>>) {
        if let Some(value) = value {
            self.put(name, value.into());
        }
    }

    /// `http.request.method`.
    pub fn asked(&mut self, asked: Option<&str>) {
        let Some(asked) = asked else { return };
        match method(asked) {
            Some(known) => self.put("http.request.method", known),
            None => {
                self.put("http.request.method", "_OTHER");
                self.put("http.request.method_original", asked.to_owned());
            }
        }
    }

    /// `server.address` and `server.port`.
    pub fn server(&mut self, authority: &Authority) {
        self.put("server.address", host(authority));
        self.number("server.port", authority.port_u16());
    }

    /// What was decided, and what became of it.
    pub fn decided(&mut self, told: &Ended<'_>) {
        self.text("candor.upstream", told.upstream);
        self.number("candor.upstream_status", told.upstream_status);
        self.text("candor.rule_set", told.rule_set);
        self.text("candor.gateway_response", told.gateway_response);
        self.text("candor.integration_response", told.integration_response);
        if let Some((bytes, _)) = told.held {
            self.put("candor.held_bytes", i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        let shadows = told.shadows.iter().map(|shadow| Arc::<str>::from(&*shadow.rule).into());
        let shadows: Vec<opentelemetry::StringValue> = shadows.collect();
        if !shadows.is_empty() {
            self.put("candor.shadow", Value::Array(shadows.into()));
        }
        let Some(verdict) = told.verdict else { return };
        self.put("candor.verdict", verdict.word());
        self.text("candor.rule", verdict.rule());
        let reason = match verdict {
            Verdict::Undecided { .. } => "candor.undecided.reason",
            Verdict::Failed { .. } => "candor.failed.reason",
            Verdict::PassThrough { .. } | Verdict::Rewrite { .. } => "candor.bypass.reason",
        };
        self.text(reason, verdict.reason().as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_can_choose_is_one_of_few() {
        let check = |asked: &str, expected: &[(&str, &str)]| {
            let mut attributes = Attributes::default();
            attributes.asked(Some(asked));
            let told: Vec<(String, String)> =
                attributes.0.iter().map(|it| (it.key.to_string(), it.value.to_string())).collect();
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            assert_eq!(told, expected.iter().map(own).collect::<Vec<_>>());
        };
        check("GET", &[("http.request.method", "GET")]);
        check("get", &[("http.request.method", "_OTHER"), ("http.request.method_original", "get")]);
        check("BREW", &[("http.request.method", "_OTHER"), ("http.request.method_original", "BREW")]);
    }

    #[test]
    fn a_server_is_named_without_brackets() {
        let check = |authority: &str, address: &str, port: Option<&str>| {
            let mut attributes = Attributes::default();
            attributes.server(&authority.parse().unwrap());
            let told: Vec<String> = attributes.0.iter().map(|it| it.value.to_string()).collect();
            let expected = [Some(address), port].into_iter().flatten().collect::<Vec<_>>();
            assert_eq!(told, expected, "{authority}");
        };
        check("app:9000", "app", Some("9000"));
        check("shop.example", "shop.example", None);
        check("[::1]:80", "::1", Some("80"));
    }
}
