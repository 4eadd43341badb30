//! Reading again what was written.

use super::write;
use crate::apigateway::model::Api;
use crate::apigateway::read::{Options, native};
use crate::diagnostic::{Diagnostics, Source};
use crate::document::parse;

/// The same API, written in Candor's own words and read again. For texts that have no `${NAME}` in them, which is the
/// settings' business.
pub fn again(api: &Api) -> Api {
    let text = write(api, "api.yaml");
    let mut problems = Diagnostics::default();
    let options = Options {
        stage: Some(api.stage.clone()),
        stage_variables: api.stage_variables.clone(),
        ..Options::default()
    };
    let document = parse(&Source::new("candor.yaml", &text), &mut problems).unwrap();
    let api = native::read(&document.entry("api").unwrap().node, &options, &mut problems);
    let problems: Vec<String> = problems.into_sorted().iter().map(ToString::to_string).collect();
    api.unwrap_or_else(|| panic!("{text}\n{}", problems.join("\n")))
}

/// Nothing is lost when an API is written and read again.
#[track_caller]
pub fn check(api: &Api) {
    let written = write(api, "");
    // It is the settings that read `$${` back.
    if !written.contains("$${") {
        assert_eq!(uncommented(&write(&again(api), "")), uncommented(&written));
    }
}

fn uncommented(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("# ")).collect::<Vec<_>>().join("\n")
}
