//! `candor check`: finds everything that `serve` could refuse.

use std::io;

use serde_json::{Value, json};

use super::colour::{Colour, When};
use super::load::{self, Configuration, Loaded, Options};
use super::{Exit, Format, counted, lint, problems};
use crate::diagnostic::Diagnostic;
use crate::lint::Report;

/// Runs the command. The problems are the result, so they go to standard output; so does advice, if it is wanted.
pub fn run(options: &Options, advise: bool, format: Format) -> Exit {
    let loaded = match load::load(options) {
        Ok(loaded) => loaded,
        Err(diagnostic) => return could_not(&diagnostic, format),
    };
    let advice = match &loaded.configuration {
        Some(configuration) if advise => match lint::of(configuration, options, false) {
            Ok(advice) => Some(advice),
            Err(diagnostic) => return could_not(&diagnostic, format),
        },
        _ => None,
    };
    match format {
        Format::Human => print(&loaded, advice.as_ref()),
        Format::Json => println!("{}", to_json(&loaded, advice.as_ref())),
    }
    match (load::verdict(&loaded.diagnostics), advice) {
        (Exit::Fine, Some(advice)) => lint::exit(&advice),
        (exit, _) => exit,
    }
}

fn could_not(diagnostic: &Diagnostic, format: Format) -> Exit {
    match format {
        Format::Human => eprintln!("{diagnostic}"),
        Format::Json => println!("{}", json!({ "problems": [diagnostic.to_json()] })),
    }
    Exit::CouldNot
}

fn to_json(loaded: &Loaded, advice: Option<&Report>) -> Value {
    let problems: Vec<_> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.to_json()).collect();
    let mut told = json!({ "problems": problems });
    if let (Some(told), Some(Value::Object(advice))) = (told.as_object_mut(), advice.map(lint::to_json)) {
        told.extend(advice);
    }
    told
}

fn print(loaded: &Loaded, advice: Option<&Report>) {
    problems::shown(&loaded.diagnostics).iter().for_each(|text| println!("{text}\n"));
    if let Some(advice) = advice {
        let mut out = io::stdout().lock();
        let colour = Colour::of(When::Auto, &out);
        // A reader that has seen enough (`| head`) is no failure.
        let _ = lint::print_human(&mut out, colour, advice);
    }
    match &loaded.configuration {
        Some(configuration) => println!("ok: {}", contents(configuration)),
        None => println!("{}", counted(loaded.diagnostics.len(), "problem")),
    }
}

/// What there is, in numbers.
fn contents(configuration: &Configuration) -> String {
    let Configuration { settings, rules, deployment } = configuration;
    let rule_count: usize = rules.sets.iter().map(|set| set.rules.len()).sum();
    let mut parts = vec![
        counted(settings.upstreams.len(), "upstream"),
        counted(rules.routes.iter().count(), "route"),
        counted(rules.sets.len(), "rule set"),
        counted(rule_count, "rule"),
    ];
    if let Some(deployment) = deployment {
        parts.push(format!("an API of {}", counted(deployment.api.methods.len(), "method")));
    }
    parts.join(", ")
}
