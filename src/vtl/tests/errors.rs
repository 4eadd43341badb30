//! Every template in `tests/templates` is wrong in one way; a snapshot shows what its author is told.

use std::path::Path;

use insta::assert_snapshot;

use super::super::{Heap, Limits, Template};
use crate::diagnostic::{Diagnostic, Source};

#[test]
fn authors_are_told_what_is_wrong_and_where() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let diagnostic = diagnostic(&Source::new(format!("{name}.vtl"), text));
        assert_snapshot!(name, diagnostic.to_string());
    }
}

fn diagnostic(source: &std::sync::Arc<Source>) -> Diagnostic {
    let template = match Template::parse(&source.text, &Limits::default()) {
        Ok(template) => template,
        Err(error) => return error.diagnostic(source),
    };
    let mut heap = Heap::new(Limits::default());
    let error = template.render(&mut heap, |_, _| Ok(None), &mut String::new()).expect_err(&source.name);
    error.diagnostic(source)
}
