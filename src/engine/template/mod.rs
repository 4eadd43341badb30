//! A mapping template of a rule: what it needs of the exchange, and what it makes of it.

mod inputs;

use http::header::HeaderName;
use http::{HeaderValue, StatusCode};

use super::action::final_status;
use super::found::{Found, Hindrance};
use super::json::{DefinitePath, Path, Step, Want};
use super::mutation::{HeaderOp, is_reserved};
use super::subject::{Subject, Subjects};
use crate::vtl::ast::Span;
use crate::vtl::gateway::{BodyNeeds, Needs, ResponseOverrides, Variables};
use crate::vtl::{Heap, Limits, RenderError, Template};
pub use inputs::CONTEXT;
use inputs::{Gathered, Natives};

/// A parsed template, and what must be known before it can be rendered.
#[derive(Debug)]
pub struct MappingTemplate {
    text: String,
    template: Template,
    needs: Needs,
    body: BodySource,
}

/// Where the body of a template comes from.
#[derive(Debug)]
enum BodySource {
    /// It asks for none.
    Nothing,
    /// Values that the scanner finds, each with the names that lead to it.
    Values(Vec<(Vec<String>, Subject)>),
    /// The whole text.
    Whole(Subject),
}

/// What a template has made.
#[derive(Debug, Default)]
pub struct Rendered {
    /// What it printed.
    pub text: String,
    /// `$context.responseOverride.status`.
    pub status: Option<StatusCode>,
    /// `$context.responseOverride.header`.
    pub headers: Vec<HeaderOp>,
}

impl MappingTemplate {
    /// A template, `text` being what it was parsed from. Registers what it needs.
    pub fn new(text: &str, template: Template, subjects: &mut Subjects) -> MappingTemplate {
        let needs = Needs::of(&template);
        subjects.request_headers |= needs.params || needs.variable("context") || needs.variable("request");
        subjects.all_answer_headers |= needs.variable("answer");
        subjects.circumstances |= needs.params || needs.variable("context");
        let body = BodySource::register(&needs.body, subjects);
        MappingTemplate { text: text.to_owned(), template, needs, body }
    }

    /// Whether the template names a variable.
    pub fn names(&self, variable: &str) -> bool {
        self.needs.variable(variable)
    }

    /// What the template makes of the exchange.
    ///
    /// # Errors
    /// When something it needs is not known, and when it fails.
    pub(super) fn render(&self, found: &Found<'_, '_>) -> Result<Rendered, Hindrance> {
        let gathered = Gathered::of(&self.needs, &self.body, found)?;
        let inputs = gathered.inputs(found);
        let natives = Natives::of(&self.needs, found)?;
        let mut heap = Heap::new(Limits::default());
        let mut variables = Variables::new(&inputs);
        let mut text = String::new();
        let rendered = self.template.render(
            &mut heap,
            |name, heap| match natives.named(name, heap)? {
                Some(value) => Ok(Some(value)),
                None => variables.named(name, heap),
            },
            &mut text,
        );
        rendered.map_err(|error| self.failed(&error))?;
        let overrides = variables.overrides(&mut heap);
        let overrides = overrides.map_err(|fault| Hindrance::Failed(format!("the overrides: {fault}")))?;
        let (status, headers) = overridden(overrides.response).map_err(Hindrance::Failed)?;
        Ok(Rendered { text, status, headers })
    }

    fn failed(&self, error: &RenderError) -> Hindrance {
        let place = error.span.map(|span| place(&self.text, span)).unwrap_or_default();
        Hindrance::Failed(format!("{error}{place}"))
    }
}

impl BodySource {
    fn register(needs: &BodyNeeds, subjects: &mut Subjects) -> BodySource {
        match needs {
            BodyNeeds::Nothing => BodySource::Nothing,
            BodyNeeds::Values(values) => {
                let mut source = |names: &Vec<String>| {
                    let steps: Vec<Step> = names.iter().cloned().map(Step::Name).collect();
                    let path = DefinitePath::from(steps);
                    let written = path.to_string();
                    let json = subjects.json(&written, Path::Definite(path), None, Want::Value);
                    (names.clone(), Subject::Json(json))
                };
                BodySource::Values(values.iter().map(&mut source).collect())
            }
            BodyNeeds::Whole => BodySource::Whole(subjects.whole_body(Subject::Body)),
        }
    }
}

/// Where a span begins, as it follows a message.
fn place(text: &str, span: Span) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    format!(" (line {line}, column {column} of the template)")
}

/// The overrides as they are carried out. API Gateway passes over what is no status; here it is an error, so that a
/// mistake is seen.
fn overridden(overrides: ResponseOverrides) -> Result<(Option<StatusCode>, Vec<HeaderOp>), String> {
    let no_status =
        |text: &str| format!("`$context.responseOverride.status`: `{text}` is not a status from 200 to 599");
    if let Some(text) = overrides.ignored_status {
        return Err(no_status(&text));
    }
    let status = match overrides.status.map(|status| status.to_string()) {
        Some(text) => Some(final_status(&text).ok_or_else(|| no_status(&text))?),
        None => None,
    };
    let mut headers = Vec::new();
    for (name, values) in overrides.headers {
        let written = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !is_reserved(name));
        let Some(header) = written else {
            return Err(format!("a template cannot write the header `{name}`"));
        };
        headers.push(HeaderOp::Remove(header.clone()));
        for value in values {
            let value = HeaderValue::from_str(&value)
                .map_err(|_| format!("the value of header `{header}` is not fit for a header"))?;
            headers.push(HeaderOp::Append(header.clone(), value));
        }
    }
    Ok((status, headers))
}
