//! `candor check`: finds everything that `serve` could refuse.

use serde_json::json;

use super::load::{self, Configuration, Options};
use super::{Exit, Format, counted};

/// Runs the command. The problems are the result, so they go to standard output.
pub fn run(options: &Options, format: Format) -> Exit {
    let loaded = match load::load(options) {
        Ok(loaded) => loaded,
        Err(diagnostic) => {
            match format {
                Format::Human => eprintln!("{diagnostic}"),
                Format::Json => println!("{}", json!({ "problems": [diagnostic.to_json()] })),
            }
            return Exit::CouldNot;
        }
    };
    let exit = load::verdict(&loaded.diagnostics);
    if format == Format::Json {
        let problems: Vec<_> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.to_json()).collect();
        println!("{}", json!({ "problems": problems }));
        return exit;
    }
    for diagnostic in &loaded.diagnostics {
        println!("{diagnostic}\n");
    }
    match &loaded.configuration {
        Some(configuration) => println!("ok: {}", contents(configuration)),
        None => println!("{}", counted(loaded.diagnostics.len(), "problem")),
    }
    exit
}

/// What there is, in numbers.
fn contents(configuration: &Configuration) -> String {
    let Configuration { settings, rules, deployment, .. } = configuration;
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
