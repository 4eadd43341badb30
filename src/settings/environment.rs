//! What environment variables set. `CANDOR_SERVER__LISTEN` is the setting `server.listen`: two underscores
//! separate levels; eleven short names stand for themselves. An empty variable counts as not set.
//! Reads no process environment: the variables are passed in.

use crate::diagnostic::{Diagnostic, Diagnostics, Source, did_you_mean};
use crate::document::{Node, Value};

use super::KEYS;
use super::layers::Layer;
use super::quick::VARIABLES;

const PREFIX: &str = "CANDOR_";
/// No setting lies deeper, and a tree is walked by recursion.
const LEVELS_MAX: usize = 8;

/// The layer of the environment. Levels are matched with the keys of `files` whatever their letter case.
/// A setting that has two names takes the longer one, as that says more exactly what is meant.
pub(super) fn read(variables: &[(String, String)], files: &[Node], diagnostics: &mut Diagnostics) -> Layer {
    let mut ours: Vec<_> = variables
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, name, value)))
        .filter(|(_, _, value)| !value.is_empty())
        .collect();
    // Every short name sorts before the long one: `CANDOR_LISTEN`, `CANDOR_SERVER__LISTEN`.
    ours.sort_unstable();
    let mut layer = Layer::default();
    for (rest, name, value) in ours {
        let source = Source::new(name, value);
        if let Some((_, target)) = VARIABLES.iter().find(|(short, _)| *short == rest) {
            layer.say(*target, &source);
        } else if is_injected_by_kubernetes(rest, value) {
            continue;
        } else if !rest.contains("__") {
            diagnostics.push(unknown(name, rest));
        } else if let Some(levels) = levels(rest) {
            layer.set(&keys(&levels, files), &source);
        } else {
            diagnostics.push(
                Diagnostic::error(format!("the variable `{name}` names no setting"))
                    .help("two underscores separate levels: `CANDOR_SERVER__LISTEN`"),
            );
        }
    }
    layer
}

fn levels(rest: &str) -> Option<Vec<&str>> {
    let levels: Vec<&str> = rest.split("__").collect();
    (levels.len() <= LEVELS_MAX && levels.iter().all(|level| !level.is_empty())).then_some(levels)
}

/// The keys that levels stand for: as the files spell them, else in small letters.
fn keys(levels: &[&str], files: &[Node]) -> Vec<String> {
    let mut maps: Vec<&Node> = files.iter().collect();
    let mut keys = Vec::new();
    for level in levels {
        let entries = maps.iter().flat_map(|node| match &node.value {
            Value::Map(entries) => entries.as_slice(),
            _ => &[],
        });
        let found: Vec<_> = entries.filter(|entry| entry.key.eq_ignore_ascii_case(level)).collect();
        keys.push(found.first().map_or_else(|| level.to_ascii_lowercase(), |entry| entry.key.clone()));
        maps = found.into_iter().map(|entry| &entry.node).collect();
    }
    keys
}

/// The variables that Kubernetes sets for a Service named `candor` or `candor-…` in every container of the
/// namespace (its documentation, "Environment variables" of Service). `PORT` alone is told from a person's by its URL.
fn is_injected_by_kubernetes(rest: &str, value: &str) -> bool {
    let words: Vec<&str> = rest.split('_').collect();
    let is_port = |number: &str, protocol: &str| {
        number.bytes().all(|b| b.is_ascii_digit()) && matches!(protocol, "TCP" | "UDP" | "SCTP")
    };
    match words.as_slice() {
        [.., "SERVICE", "HOST"] => true,
        [.., "PORT"] if value.contains("://") => true,
        [.., "PORT", number, protocol] if is_port(number, protocol) => true,
        [.., "PORT", number, protocol, "PROTO" | "PORT" | "ADDR"] if is_port(number, protocol) => true,
        words => words.windows(2).any(|pair| pair == ["SERVICE", "PORT"]),
    }
}

/// Its value is not shown: it may be a secret of something else.
fn unknown(name: &str, rest: &str) -> Diagnostic {
    let warning = Diagnostic::warning(format!("the variable `{name}` is not a setting"));
    let in_section = KEYS.iter().find_map(|section| {
        let section = section.to_ascii_uppercase();
        let setting = rest.strip_prefix(&section)?.strip_prefix('_')?;
        Some(format!("{section}__{setting}"))
    });
    let short = || did_you_mean(rest, VARIABLES.map(|(short, _)| short)).map(str::to_owned);
    warning.help(match in_section.or_else(short) {
        Some(meant) => format!("did you mean `{PREFIX}{meant}`?"),
        None => {
            let short = VARIABLES.map(|(short, _)| format!("{PREFIX}{short}")).join(", ");
            format!("known: {short}, and every setting in the way of CANDOR_SERVER__LISTEN")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_is_told_from_people() {
        let check = |name: &str, value: &str, expected: bool| {
            let rest = name.strip_prefix(PREFIX).unwrap();
            assert_eq!(is_injected_by_kubernetes(rest, value), expected, "{name}");
        };
        check("CANDOR_SERVICE_HOST", "10.0.0.7", true);
        check("CANDOR_SERVICE_PORT", "8080", true);
        check("CANDOR_SERVICE_PORT_HTTP_ADMIN", "8080", true);
        check("CANDOR_PORT", "tcp://10.0.0.7:8080", true);
        check("CANDOR_PORT_8080_TCP", "tcp://10.0.0.7:8080", true);
        check("CANDOR_PORT_8080_TCP_PROTO", "tcp", true);
        check("CANDOR_PORT_8080_TCP_PORT", "8080", true);
        check("CANDOR_PORT_53_UDP_ADDR", "10.0.0.7", true);
        check("CANDOR_ADMIN_SERVICE_HOST", "10.0.0.7", true);
        check("CANDOR_ADMIN_PORT", "tcp://10.0.0.7:9901", true);
        check("CANDOR_PORT", "8080", false);
        check("CANDOR_ADMIN_PORT", "9901", false);
        check("CANDOR_PORT_HTTP_TCP", "8080", false);
        check("CANDOR_UPSTREAMS__A__URL", "http://a", false);
    }

    #[test]
    fn levels_take_the_spelling_of_the_files() {
        let check = |levels: &[&str], expected: &[&str]| {
            let text = "upstreams: { Legacy-App: { url: x }, b_c: { url: y } }";
            let file = crate::document::parse(&Source::new("f", text), &mut Diagnostics::default()).unwrap();
            assert_eq!(keys(levels, &[file]), expected);
        };
        check(&["UPSTREAMS", "LEGACY-APP", "URL"], &["upstreams", "Legacy-App", "url"]);
        check(&["UPSTREAMS", "LEGACY_APP", "URL"], &["upstreams", "legacy_app", "url"]);
        check(&["UPSTREAMS", "B_C", "TIMEOUTS", "CONNECT"], &["upstreams", "b_c", "timeouts", "connect"]);
        check(&["Server", "LISTEN"], &["server", "listen"]);
    }
}
