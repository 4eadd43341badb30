//! What the language as a whole does: recorded results of real Velocity, its traps one by one, errors and bounds.

mod bounds;
mod errors;
mod golden;
mod language;

use super::{Heap, Limits, RenderError, Template};

/// What a template prints that is given no variables. (A parse error is a test's mistake.)
fn render(template: &str) -> Result<String, RenderError> {
    let template = Template::parse(template, &Limits::default()).expect("a template that parses");
    let mut heap = Heap::new(Limits::default());
    let mut out = String::new();
    template.render(&mut heap, |_, _| Ok(None), &mut out).map(|()| out)
}
