//! What is recorded of traffic, and where: nothing unless a folder is named.

use std::path::PathBuf;

use http::HeaderName;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;

use super::section::{Section, list, millionths};

/// The recording of exchanges to files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Where the files are; made when it is not there.
    pub folder: PathBuf,
    /// Exchanges of a million that are looked at; all unless set, written `0.01`.
    pub rate_millionths: u32,
    /// What is recorded of those; everything when empty.
    pub only: Vec<Kind>,
    /// Rules, as `rule-set/rule`, of which one has to have decided, or would have in shadow mode; any when empty.
    pub rules: Vec<String>,
    /// Bytes of a body that are recorded; 64 KiB unless set.
    pub body_bytes: u64,
    /// Bytes of a file before the next is begun; 64 MiB unless set.
    pub file_bytes: u64,
    /// Files that are kept; 8 unless set.
    pub files: usize,
    /// What is made unreadable.
    pub redact: Redact,
}

/// A kind of exchange, by what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A rule changed the answer.
    Translated,
    /// Nothing could be decided.
    Undecided,
    /// A rule could not be carried out.
    Failed,
    /// A rule in shadow mode would have changed it.
    Shadow,
    /// It was passed on.
    Passed,
}

/// Names of values that are not to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redact {
    /// Headers.
    pub headers: Vec<HeaderName>,
    /// Fields of bodies and parameters of queries. Letter case, `-` and `_` do not count, nor what comes before.
    pub fields: Vec<String>,
}

/// Headers that carry secrets.
const HEADERS: [&str; 11] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-amz-security-token",
    "x-forwarded-client-cert",
];

/// Fields that carry secrets, in lower case and without `-` and `_`.
const FIELDS: [&str; 22] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "jwt",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
    "credentials",
    "cookie",
    "sessionid",
    "otp",
    "cvv",
    "cvc",
    "cardnumber",
    "creditcard",
    "ssn",
    "iban",
];

impl Default for Redact {
    fn default() -> Redact {
        Redact {
            headers: HEADERS.iter().map(|name| HeaderName::from_static(name)).collect(),
            fields: FIELDS.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

impl Capture {
    /// Everything into this folder.
    pub fn to(folder: impl Into<PathBuf>) -> Capture {
        Capture {
            folder: folder.into(),
            rate_millionths: 1_000_000,
            only: Vec::new(),
            rules: Vec::new(),
            body_bytes: 64 << 10,
            file_bytes: 64 << 20,
            files: 8,
            redact: Redact::default(),
        }
    }

    pub(super) fn read(top: Section<'_>, diagnostics: &mut Diagnostics) -> Option<Capture> {
        let keys = ["folder", "rate", "only", "rules", "body_bytes", "file_bytes", "files", "redact"];
        let given = top.given("capture")?;
        let section = top.section("capture", &keys, diagnostics);
        let folder = section.read("folder", |node, found| node.text("a folder", found), diagnostics);
        if section.given("folder").is_none() {
            let problem = Diagnostic::error("`capture` needs `folder`, where its files go").at(&given.place);
            diagnostics.push(problem);
        }
        let default = Capture::to(folder.unwrap_or_default());
        let texts = |node: &Node, found: &mut Diagnostics| list(node, rule, found);
        Some(Capture {
            rate_millionths: section.read("rate", millionths, diagnostics).unwrap_or(default.rate_millionths),
            only: section
                .read("only", |node, found| list(node, kind, found), diagnostics)
                .unwrap_or_default(),
            rules: section.read("rules", texts, diagnostics).unwrap_or_default(),
            body_bytes: section.read("body_bytes", Node::bytes, diagnostics).unwrap_or(default.body_bytes),
            file_bytes: section.read("file_bytes", Node::bytes, diagnostics).unwrap_or(default.file_bytes),
            files: section.read("files", files, diagnostics).unwrap_or(default.files),
            redact: Redact::read(section, diagnostics),
            folder: default.folder,
        })
    }
}

impl Redact {
    fn read(capture: Section<'_>, diagnostics: &mut Diagnostics) -> Redact {
        let section = capture.section("redact", &["defaults", "headers", "fields"], diagnostics);
        let mut redact = match section.read("defaults", Node::bool, diagnostics) {
            Some(false) => Redact { headers: Vec::new(), fields: Vec::new() },
            Some(true) | None => Redact::default(),
        };
        let headers = section.read("headers", |node, found| list(node, header, found), diagnostics);
        let fields = section.read("fields", |node, found| list(node, field, found), diagnostics);
        redact.headers.extend(headers.unwrap_or_default());
        redact.fields.extend(fields.unwrap_or_default());
        redact
    }
}

fn kind(node: &Node, diagnostics: &mut Diagnostics) -> Option<Kind> {
    let kinds = [
        ("translated", Kind::Translated),
        ("undecided", Kind::Undecided),
        ("failed", Kind::Failed),
        ("shadow", Kind::Shadow),
        ("passed", Kind::Passed),
    ];
    node.word("a kind of exchange", &kinds, diagnostics)
}

fn rule(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text("a rule", diagnostics)?;
    if !text.contains('/') {
        let message = format!("`{text}` does not name a rule");
        let help = "write `rule-set/rule`, as it stands in the log";
        diagnostics.push(Diagnostic::error(message).at(&node.place).help(help));
        return None;
    }
    Some(text.to_owned())
}

fn files(node: &Node, diagnostics: &mut Diagnostics) -> Option<usize> {
    node.integer("`files`", 1..=10_000, diagnostics).and_then(|count| usize::try_from(count).ok())
}

fn header(node: &Node, diagnostics: &mut Diagnostics) -> Option<HeaderName> {
    let text = node.text("a header", diagnostics)?;
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    if name.is_none() {
        diagnostics.error(&node.place, format!("`{text}` is not a header's name"));
    }
    name
}

/// A name as names are compared.
fn field(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text("a field", diagnostics)?;
    let name: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if name.is_empty() {
        diagnostics.error(&node.place, format!("`{text}` has no letter to tell a field by"));
        return None;
    }
    Some(name.to_ascii_lowercase())
}
