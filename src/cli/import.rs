//! `candor import`: an API Gateway definition written as a configuration in Candor's own words. The configuration is the
//! result; what became of each thing of the definition is told on standard error.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use crate::apigateway::read::{self, Options};
use crate::apigateway::write::{Report, write};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};

use super::{Exit, Format, ImportArgs, load};

/// Runs the command.
pub fn run(arguments: &ImportArgs) -> Exit {
    imported(arguments).unwrap_or_else(|problem| {
        eprintln!("{problem}");
        Exit::CouldNot
    })
}

fn imported(arguments: &ImportArgs) -> Result<Exit, Diagnostic> {
    let source = source(&arguments.definition)?;
    let mut problems = Diagnostics::default();
    let api = read::read(&source, &options(arguments), &mut problems);
    let problems = problems.into_sorted();
    let Some(api) = api else {
        load::tell(&problems);
        return Ok(Exit::No);
    };
    put(&write(&api, &source.name), arguments)?;
    let report = Report::new(&api, &problems);
    // What is lost is in the report.
    let advice: Vec<Diagnostic> = problems.into_iter().filter(|problem| problem.loss.is_none()).collect();
    match arguments.format {
        Format::Human => {
            load::tell(&advice);
            eprintln!("{report}");
        }
        Format::Json => eprintln!("{:#}", report.to_json()),
    }
    Ok(if arguments.check && !report.is_full() { Exit::No } else { Exit::Fine })
}

fn source(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    if path != Path::new("-") {
        return load::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| Diagnostic::error(format!("cannot read: {error}")))?;
    load::source("stdin".to_owned(), bytes)
}

fn options(arguments: &ImportArgs) -> Options {
    Options {
        api: arguments.resource.clone(),
        stage: arguments.stage.clone(),
        stage_variables: arguments.stage_variable.clone(),
        parameters: arguments.parameter.clone(),
    }
}

/// Writes the configuration where it belongs.
fn put(text: &str, arguments: &ImportArgs) -> Result<(), Diagnostic> {
    let Some(path) = arguments.output.as_deref().filter(|path| *path != Path::new("-")) else {
        let written = io::stdout().lock().write_all(text.as_bytes());
        return written.map_err(|error| Diagnostic::error(format!("cannot write: {error}")));
    };
    if path.exists() && !arguments.force {
        let problem = Diagnostic::error(format!("`{}` is there already", path.display()));
        return Err(problem.help("`--force` replaces it"));
    }
    replace(path, text)
        .map_err(|error| Diagnostic::error(format!("cannot write `{}`: {error}", path.display())))
}

/// Puts the text there whole or not at all: another file beside it takes its name when it is complete.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let partial = path.with_file_name(format!(".{}.{}", name.display(), std::process::id()));
    let done = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    if done.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&partial);
    }
    done
}
