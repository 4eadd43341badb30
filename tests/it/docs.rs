//! Every YAML block of the pages, and every configuration that ships, is one that Candor takes.
//!
//! A block is what the word after `yaml` says: nothing for a configuration (all of one, or some of its top-level
//! keys), `rule` for a rule or a list of them, `case` for a case file, which must hold as well, `broken` for a
//! configuration that must be refused, `advice CODE` for a configuration, a rule or a list of them that loads and about
//! which lint has exactly this to say; it has nothing to say of all others, cases aside. Without such a word, a block with keys of other programs is theirs.

use std::sync::LazyLock;

use candor::case;
use candor::cli::load;
use candor::diagnostic::{Diagnostic, Diagnostics, Severity, Source};
use candor::document::{self, Node};
use candor::lint::{self, Given, Report};
use candor::rules::Quick;
use candor::settings::Layers;

use regex::{Captures, Regex};

use crate::support::certificates::{Authority, Folder};
use crate::support::files;

/// Top-level keys of files that are not Candor's: compose files, Kubernetes manifests.
const FOREIGN_KEYS: [&str; 2] = ["services", "apiVersion"];
/// Stands in where an example names no upstream, and for every variable that a file refers to.
const UPSTREAM: &str = "http://127.0.0.1:9000";

#[test]
fn examples_on_the_pages_are_taken() {
    let pages = files::with_extension("docs", &["md"]);
    let blocks: Vec<Block> = pages
        .into_iter()
        .chain(["README.md".to_owned()])
        .flat_map(|page| blocks(&page, &files::text(&page)))
        .collect();
    assert!(!blocks.is_empty(), "no YAML on any page");
    let problems: Vec<String> = blocks.iter().filter_map(|block| block.problem()).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn configurations_that_ship_are_taken() {
    let shipped = |path: &String| {
        let name = path.rsplit('/').next().unwrap();
        path.starts_with("config/") || name.starts_with("candor")
    };
    let folders = ["config", "deploy"].map(|folder| files::with_extension(folder, &["yaml", "yml"]));
    let paths: Vec<String> = folders.into_iter().flatten().filter(shipped).collect();
    assert!(!paths.is_empty(), "no configuration ships");
    let told = |path: String| {
        let text = files::text(&path);
        let advised = || {
            let report = advice(&path, &text);
            (!report.advice.is_empty()).then(|| format!("{report:#?}"))
        };
        told(&configured(&path, &text)).or_else(advised)
    };
    let problems: Vec<String> = paths.into_iter().filter_map(told).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn blocks_are_judged_by_their_word() {
    let check = |text: &str, expected: Option<&str>| {
        let blocks = blocks("page.md", text);
        assert_eq!(blocks.len(), 1, "{text}");
        let problem = blocks[0].problem();
        let fits = match expected {
            Some(expected) => problem.as_ref().is_some_and(|problem| problem.contains(expected)),
            None => problem.is_none(),
        };
        assert!(fits, "{text}\n{problem:?}\nshould be {expected:?}");
    };
    check("a\n```yaml\nhold: { max_bytes: 1KiB }\n```\nb", None);
    check("```yaml\nhold: { max_byte: 1KiB }\n```", Some("page.md block at line 1:1:9"));
    check("1. item\n\n   ```yaml\n   hold:\n     max_bytes: 1\n   ```", None);
    check("```yaml\nservices: { a: {} }\n```", None);
    check("```yaml\nsurprise: 1\n```", Some("unknown key"));
    check("```yaml\n- a\n```", Some("expected the configuration"));
    check("```yaml rule\nwhen: { status: 200 }\nthen: { status: 404 }\n```", None);
    check("```yaml rule\n- when: { status: 200 }\n  then: { status: 404 }\n```", None);
    check("```yaml rule\nwhen: { status: 200 }\n```", Some("a rule needs `then`"));
    check("```yaml case\ncases: [ { name: a, expect: { status: 200 } } ]\n```", None);
    check("```yaml case\ncases: [ { name: a, expect: { status: 404 } } ]\n```", Some("expected `404`"));
    check("```yaml broken\nhold: { max_byte: 1KiB }\n```", None);
    check("```yaml broken\nhold: { max_bytes: 1KiB }\n```", Some("nothing is wrong"));
    check("```yaml rules\na: 1\n```", Some("`yaml rules` means nothing"));
    let empty = "when: { header: x, matches: 'a*' }\nthen: { status: 404 }\n```";
    check(&format!("```yaml advice matches-empty\nname: a\n{empty}"), None);
    check(&format!("```yaml advice open-selector\nname: a\n{empty}"), Some("advice"));
    check(&format!("```yaml rule\n{empty}"), Some("MatchesEmpty"));
}

/// A fenced block whose language is YAML.
pub struct Block {
    /// The page and the line of its fence.
    place: String,
    /// What follows `yaml` on the fence.
    pub word: String,
    text: String,
}

impl Block {
    /// What is wrong with it; nothing when it is as its word says.
    fn problem(&self) -> Option<String> {
        match self.word.as_str() {
            "" if self.is_foreign() => None,
            "" | "rule" => {
                told(&configured(&self.place, &self.configuration())).or_else(|| self.advised(&[]))
            }
            "case" => self.case_problem(),
            "broken" => {
                let refused =
                    configured(&self.place, &self.text).iter().any(|d| d.severity == Severity::Error);
                (!refused).then(|| format!("{}: nothing is wrong with it", self.place))
            }
            word if word.starts_with("advice ") => {
                let expected = word.split_once(' ').unwrap().1;
                told(&configured(&self.place, &self.configuration())).or_else(|| self.advised(&[expected]))
            }
            word => Some(format!("{}: `yaml {word}` means nothing", self.place)),
        }
    }

    /// The block as a configuration.
    pub fn configuration(&self) -> String {
        let may_be_rule = self.word.starts_with("advice ");
        let looks_so = self.text.starts_with("name:") || self.text.starts_with("- ");
        let is_rule = self.word == "rule" || (may_be_rule && looks_so);
        if is_rule { as_rules(&self.text) } else { self.text.clone() }
    }

    /// What is wrong with the advice on it.
    fn advised(&self, expected: &[&str]) -> Option<String> {
        let report = advice(&self.place, &self.configuration());
        let codes: Vec<&str> = report.advice.iter().map(|advice| advice.lint.code()).collect();
        (codes != expected).then(|| format!("{}: advice {report:#?}", self.place))
    }

    fn is_foreign(&self) -> bool {
        let node = document::parse(&Source::new(&self.place, &self.text), &mut Diagnostics::default());
        node.is_some_and(|node| FOREIGN_KEYS.iter().any(|key| node.entry(key).is_some()))
    }

    fn case_problem(&self) -> Option<String> {
        let mut diagnostics = Diagnostics::default();
        let file = case::read(&Source::new(&self.place, &self.text), &mut diagnostics);
        let cases = file.map(|file| file.cases).unwrap_or_default();
        let mismatch = cases.iter().find_map(|case| {
            let mismatch = case.expectation.mismatches(&case.evaluate()).into_iter().next()?;
            Some(format!("{}: {}: {mismatch}", self.place, case.name))
        });
        told(&diagnostics.into_sorted()).or(mismatch)
    }
}

/// The YAML blocks of a page, without the indentation of their fences.
pub fn blocks(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(language) = line[indent..].strip_prefix("```") else { continue };
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        let text: String =
            inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
        if let Some(word) = language.strip_prefix("yaml") {
            let place = format!("{page} block at line {}", number + 1);
            blocks.push(Block { place, word: word.trim().to_owned(), text });
        }
    }
    blocks
}

/// One rule, or a list of rules, as the rules of a set.
fn as_rules(text: &str) -> String {
    let is_list = text.starts_with('-');
    let mut rules = String::from("rule_sets:\n  default:\n    rules:\n");
    for (index, line) in text.lines().enumerate() {
        rules.push_str(match (is_list, index) {
            (true, _) => "      ",
            (false, 0) => "      - ",
            (false, _) => "        ",
        });
        rules.push_str(line);
        rules.push('\n');
    }
    rules
}

/// What is told of a configuration, of which an example may leave out the version and the upstream.
fn configured(name: &str, text: &str) -> Vec<Diagnostic> {
    load::compile(&layers(name, text), Some(UPSTREAM)).diagnostics
}

/// What lint says of it.
pub fn advice(name: &str, text: &str) -> Report {
    let layers = layers(name, text);
    let loaded = load::compile(&layers, Some(UPSTREAM)).configuration.unwrap();
    let (document, quick) = layers.merge(&mut Diagnostics::default()).unwrap();
    lint::lint(&Given {
        document: Some(&document),
        quick: Quick { presets: &quick.presets, lines: &quick.rules },
        rules: &loaded.rules,
        inspect: &loaded.settings.inspect,
        overlaps: false,
    })
}

fn layers(name: &str, text: &str) -> Layers {
    let file = Source::new(name, with_certificates(text));
    let has_version = document::parse(&file, &mut Diagnostics::default())
        .is_none_or(|node: Node| node.entry("version").is_some());
    let version = (!has_version).then(|| Source::new("version", "version: 1"));
    Layers {
        files: version.into_iter().chain([file]).collect(),
        environment: variables(text).map(|name| (name, UPSTREAM.to_owned())).collect(),
        flags: Vec::new(),
    }
}

/// The text with files of certificates and keys that are there, in the place of those that an example names.
fn with_certificates(text: &str) -> String {
    static FOLDER: LazyLock<Folder> = LazyLock::new(|| {
        let folder = Folder::new();
        folder.write_signed("it", &Authority::new().sign("it.test"));
        folder
    });
    let names = Regex::new(r"[\w/.-]+\.(pem|crt|key)\b").unwrap();
    let stand_in = |found: &Captures<'_>| {
        let name = if &found[1] == "key" { "it.key" } else { "it.pem" };
        FOLDER.file(name).to_str().unwrap().to_owned()
    };
    names.replace_all(text, stand_in).into_owned()
}

/// The variables that a text refers to and gives no default: `${NAME}`, not `${NAME:-default}`.
fn variables(text: &str) -> impl Iterator<Item = String> {
    let references = text.split("${").skip(1).filter_map(|after| after.split('}').next());
    references.filter(|reference| !reference.contains(":-")).map(str::to_owned)
}

fn told(diagnostics: &[Diagnostic]) -> Option<String> {
    let text: String = diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect();
    (!text.is_empty()).then_some(text)
}
