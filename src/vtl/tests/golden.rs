//! `tests/golden`: what Velocity 1.7 itself made of these templates.

use serde_json::Value;

use super::super::{Heap, Limits, Template};

#[test]
fn templates_of_the_language_alone_print_what_velocity_prints() {
    let cases = include_str!("../../../tests/golden/vtl-public.jsonl").lines().map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        case
    });
    let alone = |case: &Value| {
        case["basis"] == "engine" && case["inputs"].as_object().is_none_or(|inputs| inputs.is_empty())
    };
    let mut count = 0;
    let mut problems = Vec::new();
    for case in cases.filter(alone) {
        count += 1;
        let rendered = render(case["template"].as_str().unwrap());
        let agrees = match (&rendered, case["output"].as_str()) {
            (Ok(rendered), Some(output)) => rendered == output,
            (Err(_), None) => true,
            _ => false,
        };
        if !agrees {
            problems.push(format!("{}: {rendered:?}, Velocity: {}", case["id"], case["output"]));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(count, 631);
}

fn render(template: &str) -> Result<String, String> {
    let template = Template::parse(template, &Limits::default()).map_err(|error| error.message)?;
    let mut heap = Heap::new(Limits::default());
    let mut out = String::new();
    template.render(&mut heap, |_, _| Ok(None), &mut out).map_err(|error| error.message)?;
    Ok(out)
}
