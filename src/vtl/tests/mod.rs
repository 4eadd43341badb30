//! What the language as a whole does: its traps one by one, errors and bounds. What real Velocity answered to the
//! templates of `tests/golden` is compared beside API Gateway's objects.

mod bounds;
mod errors;
mod fuzz;
mod hostile;
mod hostile_cases;
mod language;

use super::{Heap, Limits, RenderError, Template};

/// What a template prints that is given no variables. (A parse error is a test's mistake.)
fn render(template: &str) -> Result<String, RenderError> {
    let template = Template::parse(template, &Limits::default()).expect("a template that parses");
    let mut heap = Heap::new(Limits::default());
    let mut out = String::new();
    template.render(&mut heap, |_, _| Ok(None), &mut out).map(|()| out)
}
