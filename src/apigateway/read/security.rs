//! Who may call an operation: API keys are asked for, and all other ways to tell callers apart are not carried out.

use std::collections::HashSet;

use super::reader::Reader;
use crate::diagnostic::Diagnostic;
use crate::document::Node;

/// Where the definition says how callers show who they are.
const SCHEMES: [&[&str]; 2] = [&["components", "securitySchemes"], &["securityDefinitions"]];
pub const KEY_SOURCE: &str = "x-amazon-apigateway-api-key-source";
/// What a scheme has that is an authorizer's, whatever its type.
const AUTHORIZERS: [&str; 2] = ["x-amazon-apigateway-authtype", "x-amazon-apigateway-authorizer"];

/// The ways to show who one is.
#[derive(Default)]
pub struct Schemes<'a> {
    /// Those that are API keys.
    keys: HashSet<&'a str>,
    /// Keys come from an authorizer, which is not asked.
    by_authorizer: bool,
}

impl<'a> Reader<'a> {
    pub fn schemes(&mut self) -> Schemes<'a> {
        let mut schemes = Schemes { by_authorizer: self.keys_by_authorizer(), ..Schemes::default() };
        for path in SCHEMES {
            let home = path.iter().try_fold(self.root, |node, key| self.get(node, key));
            for entry in self.entries(home, "security schemes") {
                if self.resolve(&entry.node).is_some_and(is_key) {
                    schemes.keys.insert(&entry.key);
                }
            }
        }
        schemes
    }

    fn keys_by_authorizer(&mut self) -> bool {
        let Some(node) = self.get(self.root, KEY_SOURCE) else { return false };
        match node.text("`HEADER` or `AUTHORIZER`", self.problems).map(str::to_ascii_uppercase).as_deref() {
            Some("AUTHORIZER") => {
                let message = format!(
                    "`{KEY_SOURCE}` is not carried out: no authorizer gives keys, so none is asked for"
                );
                self.left_out(&node.place, message);
                true
            }
            Some("HEADER") | None => false,
            Some(_) => {
                let problem = Diagnostic::error(format!("`{KEY_SOURCE}` is `HEADER` or `AUTHORIZER`"));
                self.problems.push(problem.at(&node.place));
                false
            }
        }
    }

    /// Whether an operation asks for an API key. What else it asks for is told.
    pub fn asks_for_key(&mut self, operation: &'a Node, schemes: &Schemes<'a>) -> bool {
        let Some(security) = self.get(operation, "security") else { return false };
        let mut asks = false;
        for requirement in security.list("security requirements", self.problems).unwrap_or_default() {
            for entry in self.entries(Some(requirement), "a security requirement") {
                if schemes.keys.contains(entry.key.as_str()) {
                    asks = true;
                    continue;
                }
                let message =
                    format!("`security` by `{}` is not carried out: requests are not authorized", entry.key);
                self.left_out(&entry.key_place, message);
            }
        }
        asks && !schemes.by_authorizer
    }
}

/// Whether a scheme is an API key as API Gateway knows it.
fn is_key(scheme: &Node) -> bool {
    let is = |key: &str, expected: &str| {
        let text = scheme.entry(key).and_then(|entry| entry.node.scalar_text());
        text.is_some_and(|text| text.eq_ignore_ascii_case(expected))
    };
    let is_authorizer = AUTHORIZERS.iter().any(|key| scheme.entry(key).is_some());
    is("type", "apiKey") && is("in", "header") && is("name", "x-api-key") && !is_authorizer
}
