//! `candor render`: what a mapping template makes of a body, byte for byte on standard output. On standard error
//! what it overrides and, when asked for, what each of its references stood for.

mod batch;
pub(super) mod given;
mod seen;

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source};
use crate::vtl::gateway::{Inputs, Overrides, Variables};
use crate::vtl::{Fault, Heap, Limits, RenderError, Template, Watch};

use super::load;
use super::{Exit, RenderArgs};
use given::Given;
use seen::{Seen, one_line};

/// Runs the command.
pub fn run(arguments: &RenderArgs) -> Exit {
    let outcome = match &arguments.template {
        Some(template) => one(template, arguments),
        None => batch::run(io::stdin().lock(), BufWriter::new(io::stdout().lock()), arguments.native)
            .map_err(|error| Diagnostic::error(format!("cannot read or write a line: {error}"))),
    };
    outcome.unwrap_or_else(|diagnostic| {
        load::tell(&[diagnostic]);
        Exit::CouldNot
    })
}

/// Renders one template. What is wrong with it is an answer, too.
fn one(template: &Path, arguments: &RenderArgs) -> Result<Exit, Diagnostic> {
    one_reads_standard_input(template, arguments)?;
    let source = read(template)?;
    let given = given(arguments)?;
    let limits = Limits::default();
    let template = match Template::parse(&source.text, &limits) {
        Ok(template) => template,
        Err(error) => {
            load::tell(&[error.diagnostic(&source)]);
            return Ok(Exit::No);
        }
    };
    let inputs = given.inputs(arguments.native);
    let mut seen = Seen::new(&source);
    let watch: &mut Watch<'_, '_> = &mut |reference, value, heap| seen.note(reference, value, heap);
    let outcome = rendered(&template, &inputs, arguments.explain.then_some(watch), Variables::overrides);
    let exit = match &outcome {
        Ok((output, _)) => print(output),
        Err(_) => Exit::No,
    };
    eprint!("{seen}");
    match &outcome {
        Ok((_, overrides)) => tell(overrides),
        Err(error) => load::tell(&[error.diagnostic(&source)]),
    }
    Ok(exit)
}

/// What a template prints, and what `overrides` reads of its overrides.
fn rendered<'a, T>(
    template: &'a Template,
    inputs: &'a Inputs<'a>,
    watch: Option<&mut Watch<'_, 'a>>,
    overrides: impl FnOnce(&mut Variables<'a>, &mut Heap<'a>) -> Result<T, Fault>,
) -> Result<(String, T), RenderError> {
    let mut heap = Heap::new(Limits::default());
    let mut variables = Variables::new(inputs);
    let mut out = String::new();
    let named = |name: &str, heap: &mut Heap<'a>| variables.named(name, heap);
    match watch {
        Some(watch) => template.render_watched(&mut heap, named, watch, &mut out)?,
        None => template.render(&mut heap, named, &mut out)?,
    }
    Ok((out, overrides(&mut variables, &mut heap)?))
}

/// The output and nothing else. A reader that has seen enough (`| head`) is no reason for words.
fn print(output: &str) -> Exit {
    let mut out = io::stdout().lock();
    let written = out.write_all(output.as_bytes()).and_then(|()| out.flush());
    written.map_or(Exit::CouldNot, |()| Exit::Fine)
}

/// Tells the overrides, one a line, then what is wrong with them.
fn tell(overrides: &Overrides) {
    for line in told(overrides) {
        eprintln!("{}", one_line(&line, usize::MAX));
    }
    if let Some(status) = &overrides.response.ignored_status {
        let ignored = match status.as_str() {
            "" => "the empty status is ignored".to_owned(),
            status => format!("the status `{}` is ignored", one_line(status, 40)),
        };
        let help = "a whole number from 100 to 599 is taken, also as a string";
        load::tell(&[Diagnostic::warning(ignored).help(help)]);
    }
}

fn told(overrides: &Overrides) -> Vec<String> {
    let Overrides { response, request } = overrides;
    let mut lines: Vec<String> = response.status.iter().map(|status| format!("status {status}")).collect();
    for (place, entries) in [
        ("header", &response.headers),
        ("request path", &request.path),
        ("request querystring", &request.querystring),
        ("request header", &request.headers),
    ] {
        for (name, values) in entries {
            lines.extend(values.iter().map(|value| format!("{place} {name}: {value}")));
        }
    }
    lines
}

/// Two readers of it would each get a part.
fn one_reads_standard_input(template: &Path, arguments: &RenderArgs) -> Result<(), Diagnostic> {
    let files = [
        ("TEMPLATE", Some(template)),
        ("--body", arguments.body.as_deref()),
        ("--context", arguments.context.as_deref()),
    ];
    let readers = files.iter().filter(|(_, path)| path.is_some_and(is_standard_input));
    let readers: Vec<&str> = readers.map(|(name, _)| *name).collect();
    match readers.as_slice() {
        [] | [_] => Ok(()),
        readers => Err(Diagnostic::error(format!("`-` is given for {}", readers.join(" and ")))
            .help("standard input can be one of them; name a file for the other")),
    }
}

fn given(arguments: &RenderArgs) -> Result<Given, Diagnostic> {
    let body = arguments.body.as_deref().map(read).transpose()?;
    let context = arguments.context.as_deref().map(read).transpose()?;
    let context = context.map(|source| {
        serde_json::from_str(&source.text).map_err(|error| {
            Diagnostic::error(format!("`{}` is no JSON object: {error}", source.name))
                .help("`--context` takes an object with the members of `$context`")
        })
    });
    Ok(Given {
        body: body.map(|source| source.text.clone()),
        params: Some(arguments.param.iter().cloned().collect()),
        context: context.transpose()?,
        stage_variables: Some(arguments.stage_variable.clone().into()),
    })
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    if !is_standard_input(path) {
        return load::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Diagnostic::error(format!("cannot read standard input: {error}")))?;
    load::source("standard input".to_owned(), bytes)
}
