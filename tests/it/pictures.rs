//! Pictures of what commands print, drawn from what they do print.

use std::fmt::Write;
use std::fs;

use crate::support::files;

/// Characters on a line, and what a line and a character take, in pixels.
const COLUMNS: usize = 100;
const LINE: usize = 18;
const CHARACTER: f64 = 7.8;
const MARGIN: usize = 16;

#[test]
fn the_picture_of_explain_shows_what_it_prints() {
    let page = files::text("docs/rules.md");
    let block = page.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (drawn, place) = (picture("candor explain: what every rule saw", block), "docs/images/explain.svg");
    if std::env::var_os("CANDOR_UPDATE_DOCS").is_some() {
        fs::write(files::path(place), &drawn).unwrap();
    }
    assert_eq!(files::text(place), drawn, "{place}: run with CANDOR_UPDATE_DOCS=1 to draw it anew");
}

/// A terminal with this text.
fn picture(title: &str, text: &str) -> String {
    let coloured = |line| {
        wrapped(line).into_iter().map(move |(indent, piece)| (indent, piece, colour(line.trim_start())))
    };
    let lines: Vec<_> = text.lines().flat_map(coloured).collect();
    let height = lines.len() * LINE + 2 * MARGIN;
    let width = (COLUMNS as f64 * CHARACTER) as usize + 2 * MARGIN;
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14181d\"/>\n\
         <g font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"13\" fill=\"#d5dbe1\">\n"
    );
    for (number, (indent, line, colour)) in lines.iter().enumerate() {
        let (x, y) = (MARGIN as f64 + *indent as f64 * CHARACTER, MARGIN + number * LINE + 13);
        // Spaces in a row would be drawn as one.
        let line =
            line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace("  ", " \u{a0}");
        writeln!(drawn, "<text x=\"{x}\" y=\"{y}\"{colour}>{line}</text>").unwrap();
    }
    drawn + "</g>\n</svg>\n"
}

/// A line in pieces that fit, each with how far in it begins.
fn wrapped(line: &str) -> Vec<(usize, String)> {
    let indent = line.len() - line.trim_start().len();
    let mut pieces = vec![(indent, String::new())];
    for word in line.trim_start().split_inclusive(' ') {
        let (from, piece) = pieces.last_mut().unwrap();
        if *from + piece.chars().count() + word.trim_end().chars().count() > COLUMNS {
            pieces.push((indent + 4, word.to_owned()));
        } else {
            piece.push_str(word);
        }
    }
    pieces
}

/// What holds is green, what does not is red.
fn colour(line: &str) -> &'static str {
    match line {
        _ if line.starts_with("yes ") || line.contains(": fired") => " fill=\"#7fd18b\"",
        _ if line.starts_with("no ") => " fill=\"#f0938a\"",
        _ if line.starts_with("$ ") => " font-weight=\"bold\"",
        _ => "",
    }
}
