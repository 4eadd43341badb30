//! What is logged: what is wrong with it, and what is probably not meant.

use super::*;

#[test]
fn wrong_values_are_told() {
    check_message("log: { format: xml }", "`xml` is not a log format");
    check_message("log: { filter: 'a=b=c' }", "`a=b=c` is not a log filter");
    check_message("log: { sample: 5 }", "`5` is not a rate from 0 to 1");
    check_message("log: { sample: 1% }", "`1%` is not a rate from 0 to 1");
    check_message("log: { sample: -1 }", "`-1` is not a rate from 0 to 1");
    check_message("log: { sample: [0.1] }", "expected a rate, found a list");
    let problems =
        told("version: 1\nlog: { sampel: 1 }\nupstreams: { a: { url: 'http://a' } }", &Beside::default());
    assert!(problems.contains("did you mean `sample`?"), "{problems}");
}

#[test]
fn a_misspelt_level_is_warned_of() {
    let text = "version: 1\nupstreams: { a: { url: 'http://a' } }\nlog: { filter: debg }";
    let (settings, problems) = load(Some(text), &Beside::default());
    assert_eq!(settings.unwrap().log.filter, "debg");
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(problem.message, "`debg` is no level, so only the target of that name is logged");
    assert_eq!(problem.help.as_deref(), Some("did you mean `debug`?"));
}
