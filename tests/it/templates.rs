//! The page on templates says of every method what the code says.

use std::fmt::Write;
use std::fs;

use candor::vtl::methods::{self, Class, Kind, Method};

use crate::support::files;

const PAGE: &str = "docs/templates.md";
const BEGIN: &str =
    "<!-- The tables below are written by `UPDATE_DOCS=1 cargo test --test it templates`. -->\n";
const END: &str = "<!-- Here the tables end. -->";

#[test]
fn the_page_lists_every_method() {
    let page = files::text(PAGE);
    let (before, rest) = page.split_once(BEGIN).unwrap_or_else(|| panic!("{PAGE} lacks {BEGIN}"));
    let (written, after) = rest.split_once(END).unwrap_or_else(|| panic!("{PAGE} lacks {END}"));
    let tables: String = methods::all().into_iter().map(table).collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(files::path(PAGE), format!("{before}{BEGIN}{tables}\n{END}{after}")).unwrap();
        return;
    }
    assert!(
        written.trim_end() == tables.trim_end(),
        "{PAGE} is not up to date; write it by `UPDATE_DOCS=1 cargo test --test it templates`"
    );
}

fn table(class: &Class) -> String {
    let mut table = format!("\n### {}\n\nFrom {}.\n\n", class.name, class.from);
    table.push_str("| method | gives | example | prints |\n|---|---|---|---|\n");
    for method in class.methods {
        let (example, prints) = (code(method.example), code(method.prints));
        let signature = code(&signature(method));
        writeln!(table, "| {signature} | {} | {example} | {prints} |", method.returns).unwrap();
    }
    table
}

fn signature(method: &Method) -> String {
    let kinds: Vec<&str> = method.parameters.iter().map(|kind| Kind::name(*kind)).collect();
    format!("{}({})", method.name, kinds.join(", "))
}

/// As code in a cell of a table, where a bar must be escaped even so.
fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", text.replace('|', "\\|")) }
}
