//! What keeps the repository as its pages describe it: who imports whom, how files open and how long they are,
//! what every preset and every page must have.

use std::collections::{BTreeMap, BTreeSet};

use candor::rules::presets;
use regex::Regex;

use crate::support::files;

/// Who may import whom. The same table stands in ARCHITECTURE.md, and is changed in both.
const IMPORTS: &str = "\
| module | may import |
|---|---|
| diagnostic | |
| client | |
| document | diagnostic |
| vtl | diagnostic |
| engine | vtl |
| apigateway | engine, vtl, document, diagnostic |
| rules | engine, vtl, document, diagnostic |
| lint | rules, engine, vtl, document, diagnostic |
| settings | apigateway, engine, document, diagnostic |
| live | apigateway, engine, settings, diagnostic |
| case | apigateway, rules, engine, document, diagnostic, settings, live |
| traffic | apigateway, engine, live, diagnostic |
| telemetry | client, settings, engine, live |
| proxy | apigateway, engine, settings, live, telemetry, traffic |
| ext_proc | diagnostic, engine, live, proxy, rules, settings, telemetry |
| admin | case, rules, engine, diagnostic, document, settings, live, telemetry, traffic |
| cli | admin, apigateway, case, client, diagnostic, document, engine, ext_proc, lint, live, proxy, rules, settings, telemetry, traffic, vtl |
| main | cli |
";

const LINES_MAX: usize = 600;

/// The pages that every visitor looks for.
const PAGES: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "COMPATIBILITY.md", "CHANGELOG.md", "LICENSE"];

#[test]
fn imports_run_as_the_table_says() {
    let allowed = allowed();
    let mut problems = Vec::new();
    for path in files::with_extension("src", &["rs"]) {
        let module = module(&path);
        // It declares the modules and imports none.
        if module == "lib" {
            continue;
        }
        let Some(allowed) = allowed.get(module) else {
            problems.push(format!("{path}: `{module}` has no row in the table"));
            continue;
        };
        let root = if module == "main" { "candor" } else { "crate" };
        for imported in imported(root, &files::text(&path)) {
            if imported != module && !allowed.contains(imported.as_str()) {
                problems.push(format!("{path}: `{module}` may not import `{imported}`"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_row_of_the_import_table_is_a_module() {
    let sources = files::with_extension("src", &["rs"]);
    let modules: BTreeSet<&str> = sources.iter().map(|path| module(path)).filter(|m| *m != "lib").collect();
    assert_eq!(modules, allowed().into_keys().collect());
}

#[test]
fn the_architecture_page_has_the_import_table() {
    assert!(files::text("ARCHITECTURE.md").contains(IMPORTS), "not in ARCHITECTURE.md:\n{IMPORTS}");
}

#[test]
fn imports_are_found_however_they_are_written() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(
            imported("crate", text).iter().map(String::as_str).collect::<Vec<_>>(),
            expected,
            "{text}"
        );
    };
    check("use crate::engine::{Answer, RuleSet};", &["engine"]);
    check("let x = crate::rules::read(crate::document::parse(s));", &["document", "rules"]);
    check("use crate::{cli, engine::{json, xml}, live as l};", &["cli", "engine", "live"]);
    check("pub use crate :: {\n    cli,\n    live,\n};", &["cli", "live"]);
    check("use super::cli; use candor::live; mycrate::engine::x()", &[]);
    check("//! [`x`](crate::engine)\n/// crate::rules\nuse a::b; // crate::live", &[]);
}

#[test]
fn source_files_open_with_what_they_are() {
    let silent = |path: &String| !files::text(path).starts_with("//! ");
    let mut sources = files::with_extension("src", &["rs"]);
    // A module of tests is described by what it tests.
    sources.retain(|path| !path.ends_with("/tests.rs") && silent(path));
    assert_eq!(sources, Vec::<String>::new(), "these do not begin with `//! `");
}

#[test]
fn source_files_are_short_enough_to_read() {
    let lines = |path: String| (files::text(&path).lines().count(), path);
    let sources = files::with_extension("src", &["rs"]).into_iter().map(lines);
    let long: Vec<_> = sources.filter(|(lines, _)| *lines > LINES_MAX).collect();
    assert_eq!(long, [], "these have more than {LINES_MAX} lines");
}

#[test]
fn nothing_is_left_to_be_done() {
    let unfinished = ["todo!", "unimplemented!", "dbg!"];
    let holds = |path: &String| unfinished.iter().any(|word| code(&files::text(path)).contains(word));
    let sources: Vec<_> = files::with_extension("src", &["rs"]).into_iter().filter(holds).collect();
    assert_eq!(sources, Vec::<String>::new(), "these hold one of {unfinished:?}");
}

#[test]
fn every_preset_has_cases_and_a_section_in_the_rules_page() {
    let page = files::text("docs/rules.md");
    // "### `soap`", "### soap: faults".
    let first_word =
        |line: &'_ str| line.split(['#', ' ', '`', ':']).find(|word| !word.is_empty()).map(str::to_owned);
    let headings: BTreeSet<String> =
        page.lines().filter(|line| line.starts_with('#')).filter_map(first_word).collect();
    let mut missing = Vec::new();
    for name in presets::names() {
        let cases = format!("tests/cases/presets/{name}.yaml");
        if !files::path(&cases).exists() {
            missing.push(cases);
        }
        if !headings.contains(name) {
            missing.push(format!("a heading `{name}` in docs/rules.md"));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_pages_are_there() {
    let missing: Vec<_> = PAGES.into_iter().filter(|page| !files::path(page).is_file()).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_dependency_says_what_it_is_for() {
    for manifest in ["Cargo.toml", "envoy-module/Cargo.toml"] {
        let text = files::text(manifest);
        let of_dependencies = |section: &&str| section.lines().next().unwrap().ends_with("dependencies]");
        let lines = text.split("\n[").filter(of_dependencies).flat_map(|section| section.lines().skip(1));
        let dependencies = lines.filter(|line| line.contains(" = ") && !line.starts_with('#'));
        let silent: Vec<&str> = dependencies.clone().filter(|line| !line.contains(" # ")).collect();
        assert!(dependencies.count() > 0, "{manifest} has no dependencies");
        assert_eq!(silent, Vec::<&str>::new(), "{manifest}");
    }
}

#[test]
fn every_exception_to_what_may_be_in_the_program_has_a_reason() {
    let text = files::text("deny.toml");
    let exceptions = text.lines().filter(|line| line.contains("crate = ") && !line.contains("allow = "));
    let silent: Vec<&str> = exceptions.clone().filter(|line| !line.contains("reason = \"")).collect();
    assert!(exceptions.count() > 0);
    assert_eq!(silent, Vec::<&str>::new());
}

#[test]
fn what_is_built_to_be_checked_or_shipped_is_of_the_lock_file() {
    // Not in comments, which speak of commands; on pages and in manifests, of what is built to be run elsewhere.
    let any = Regex::new(r"^[^#]*\bcargo (build|check|clippy|doc|install|run|test|tree)\b").unwrap();
    let release = Regex::new(r"\bcargo build --release\b").unwrap();
    let own = [".ci/run", "Dockerfile"].map(|path| (path.to_owned(), &any));
    let pages = files::with_extension("docs", &["md"]).into_iter().chain(["bench/README.md".to_owned()]);
    let shown = pages.chain(files::with_extension("deploy", &["yaml"])).map(|path| (path, &release));
    let (mut commands, mut loose) = (0, Vec::new());
    for (path, command) in own.into_iter().chain(shown) {
        for line in files::text(&path).lines().filter(|line| command.is_match(line)) {
            commands += 1;
            if !line.contains("--locked") {
                loose.push(format!("{path}: {line}"));
            }
        }
    }
    assert!(commands > 8, "only {commands} commands");
    assert_eq!(loose, Vec::<String>::new());
}

#[test]
fn the_image_is_built_by_the_compiler_that_the_profile_was_counted_with() {
    let version = |path: &str, begin: &str| {
        let line = files::text(path).lines().find_map(|line| line.strip_prefix(begin).map(str::to_owned));
        line.map(|rest| rest.trim_matches([' ', '=', '"']).to_owned())
    };
    let image = version("Dockerfile", "ARG RUST");
    assert!(image.is_some());
    assert_eq!(image, version("rust-toolchain.toml", "channel"));
}

/// Module -> the modules it may import.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let row = |line: &'static str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let names = |cell: &'static str| cell.split(", ").filter(|name| !name.is_empty()).collect();
        (cells.next().unwrap(), names(cells.next().unwrap()))
    };
    IMPORTS.lines().skip(2).map(row).collect()
}

/// The module of a source file: `src/engine/json/mod.rs` is of `engine`.
fn module(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap();
    below.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The modules that a source text names by paths from the crate's root.
fn imported(root: &str, text: &str) -> BTreeSet<String> {
    let (code, path) = (code(text), Regex::new(&format!(r"\b{root}\s*::\s*")).unwrap());
    path.find_iter(&code).flat_map(|found| first_names(&code[found.end()..])).collect()
}

/// The first segment of a path, or of each path in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |path: &str| {
        path.trim_start().chars().take_while(|c| *c == '_' || c.is_alphanumeric()).collect::<String>()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut names, mut begin) = (0_usize, Vec::new(), 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&group[begin..at]));
                begin = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The text without its comments. A `//` after white space begins one; those in addresses follow a colon.
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let comment = line.match_indices("//").map(|(at, _)| at).find(|at| {
            let before = &line[..*at];
            before.is_empty() || before.ends_with(char::is_whitespace)
        });
        code.push_str(&line[..comment.unwrap_or(line.len())]);
        code.push('\n');
    }
    code
}
