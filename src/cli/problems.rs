//! Problems as people read them: a warning that holds in several places is told at the first, with the lines of the
//! others. Each error stands alone, because each must be mended.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Severity};

/// What a problem says, wherever in its file it is.
type Said<'d> = (&'d str, Option<&'d str>, Option<&'d str>);

/// The texts to print, in the order of the problems.
pub fn shown(diagnostics: &[Diagnostic]) -> Vec<String> {
    let mut places: HashMap<Said<'_>, Vec<&Diagnostic>> = HashMap::new();
    for warning in diagnostics.iter().filter(|it| it.severity == Severity::Warning) {
        places.entry(said(warning)).or_default().push(warning);
    }
    let mut shown = Vec::new();
    for diagnostic in diagnostics {
        match diagnostic.severity {
            Severity::Error => shown.push(diagnostic.to_string()),
            // The first has all; for the others there is nothing left.
            Severity::Warning => {
                let all = places.remove(&said(diagnostic));
                shown.extend(all.map(|all| format!("{diagnostic}{}", also(diagnostic, &all))));
            }
        }
    }
    shown
}

fn said(diagnostic: &Diagnostic) -> Said<'_> {
    let file = diagnostic.place.as_ref().map(|place| place.source.name.as_str());
    (&diagnostic.message, diagnostic.help.as_deref(), file)
}

/// The other lines it is about; nothing if there are none.
fn also(first: &Diagnostic, all: &[&Diagnostic]) -> String {
    let line = |diagnostic: &Diagnostic| diagnostic.place.as_ref().map(|place| place.line);
    let mut lines: Vec<usize> =
        all.iter().filter_map(|it| line(it)).filter(|it| Some(*it) != line(first)).collect();
    lines.dedup();
    let texts: Vec<String> = lines.iter().map(usize::to_string).collect();
    match texts.len() {
        0 => String::new(),
        1 => format!("\n  = also in line {}", texts.join("")),
        _ => format!("\n  = also in lines {}", texts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Place, Source};

    #[test]
    fn a_warning_is_told_once_with_all_its_lines() {
        let source = Source::new("f", "a\nb\nc\n");
        let at = |line: usize| Place { source: source.clone(), line, column: 1, width: 1 };
        let check = |diagnostics: &[Diagnostic], expected: &[&str]| {
            let shown = shown(diagnostics);
            let ends: Vec<&str> = shown.iter().filter_map(|text| text.lines().last()).collect();
            assert_eq!(ends, expected);
        };
        let warning = |line: usize| Diagnostic::warning("odd").at(&at(line));
        check(&[warning(1)], &["  | ^"]);
        check(&[warning(1), warning(1)], &["  | ^"]);
        check(&[warning(1), warning(2)], &["  = also in line 2"]);
        check(&[warning(1), warning(2), warning(2), warning(3)], &["  = also in lines 2, 3"]);
        check(&[warning(1), Diagnostic::warning("odd")], &["  | ^", "warning: odd"]);
        check(&[warning(1), warning(2).help("x")], &["  | ^", "  = help: x"]);
        let error = |line: usize| Diagnostic::error("odd").at(&at(line));
        check(&[error(1), error(2)], &["  | ^", "  | ^"]);
    }
}
