//! What a template asks of its inputs, told before it is rendered.

use super::super::ast::{Action, Expression, Reference};
use super::super::jsonpath::Path;
use super::super::template::{Mention, Template};

/// What must be at hand when a template is rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Of the body.
    pub body: BodyNeeds,
    /// `$input.params`.
    pub params: bool,
    /// Of `$context` more than its overrides, which are always there.
    pub context: bool,
    /// The variables that it names.
    variables: Vec<String>,
}

/// What must be known of the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BodyNeeds {
    /// Nothing.
    #[default]
    Nothing,
    /// The values at these names, none of which lies within another: `$.error.code` is `["error", "code"]`.
    Values(Vec<Vec<String>>),
    /// All of it.
    Whole,
}

impl Needs {
    /// The needs of a template.
    pub fn of(template: &Template) -> Needs {
        let variables = template.variables().iter().map(|name| name.to_string()).collect();
        let mut needs = Needs { variables, ..Needs::default() };
        template.visit(&mut |mention| needs.note(mention));
        if let BodyNeeds::Values(values) = &mut needs.body {
            values.sort();
            // What begins like another one follows it.
            values.dedup_by(|longer, shorter| longer.starts_with(shorter));
        }
        needs
    }

    /// Whether the template names a variable.
    pub fn variable(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable == name)
    }

    fn note(&mut self, mention: Mention<'_>) {
        let action = first_action(mention.reference);
        if mention.variable == "context" {
            self.context |= !matches!(action, Some(Action::Property(name)) if OVERRIDES.contains(&&**name));
        }
        if mention.variable != "input" {
            return;
        }
        match action {
            // Under another name it may be asked for anything.
            None => (self.body, self.params) = (BodyNeeds::Whole, true),
            Some(Action::Property(name)) if **name == *"body" => self.body = BodyNeeds::Whole,
            Some(Action::Call(name, arguments)) => match (&**name, &**arguments) {
                ("params", _) => self.params = true,
                ("path" | "json", [Expression::String(path)]) => self.value(path),
                ("path" | "json", _) => self.body = BodyNeeds::Whole,
                _ => {}
            },
            Some(Action::Property(_) | Action::Index(_)) => {}
        }
    }

    fn value(&mut self, path: &str) {
        let names = Path::parse(path).map(|path| path.leading_names().map(str::to_owned).collect::<Vec<_>>());
        match (&mut self.body, names) {
            (BodyNeeds::Whole, _) => {}
            (BodyNeeds::Values(values), Ok(names)) if !names.is_empty() => values.push(names),
            (BodyNeeds::Nothing, Ok(names)) if !names.is_empty() => {
                self.body = BodyNeeds::Values(vec![names]);
            }
            _ => self.body = BodyNeeds::Whole,
        }
    }
}

/// The members of `$context` that templates write to.
const OVERRIDES: [&str; 2] = ["requestOverride", "responseOverride"];

fn first_action(reference: &Reference) -> Option<&Action> {
    reference.steps.first().map(|step| &step.action)
}

#[cfg(test)]
mod tests {
    use super::super::super::Limits;
    use super::*;

    fn needs(template: &str) -> Needs {
        Needs::of(&Template::parse(template, &Limits::default()).unwrap())
    }

    #[test]
    fn the_body_is_needed_as_far_as_the_template_looks_into_it() {
        let check = |template: &str, expected: &[&str]| {
            let values = expected.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect();
            assert_eq!(needs(template).body, BodyNeeds::Values(values), "{template}");
        };
        check("$input.path('$.code')", &["code"]);
        check("$input.json('code')", &["code"]);
        check("#set($context.responseOverride.status = $input.path('$.a.b'))", &["a.b"]);
        check(
            "#foreach($i in $input.path('$.items'))$i.id $input.json(\"$['error']\")#end",
            &["error", "items"],
        );
        check("$input.path('$.items[0].id')$input.path('$.items[*].name')", &["items"]);
        check(
            "$input.path('$.a.b')$input.path('$.a')$input.path('$.ab')$input.path('$.a.c.d')",
            &["a", "ab"],
        );
        check("$input.path('$.a..b')$input.path('$.text.length()')", &["a", "text"]);
        check("\"$util.parseJson($input.path('$.errorMessage')).errors\"", &["errorMessage"]);
    }

    #[test]
    fn all_of_the_body_is_needed_where_it_cannot_be_told() {
        for template in [
            "$input.body",
            "$input.json('$')",
            "$input.path('$..id')",
            "$input.path('$[0]')",
            "$input.path(\"$.${name}\")",
            "$input.path($path)",
            "$input.path('$.a')$input.path('$')$input.path('$.b')",
            "#set($i = $input)$i.body",
            "$input.path('$.[')",
        ] {
            assert_eq!(needs(template).body, BodyNeeds::Whole, "{template}");
        }
    }

    #[test]
    fn parameters_and_variables_are_told() {
        let check = |template: &str, params: bool, variables: &[&str]| {
            let needs = needs(template);
            assert_eq!(needs.params, params, "{template}");
            assert_eq!(needs.context, template.contains("$context.requestId"), "{template}");
            assert_eq!(
                (needs.body, needs.variables),
                (BodyNeeds::Nothing, variables.iter().map(|v| v.to_string()).collect())
            );
        };
        check("text", false, &[]);
        check("$input.params('id')", true, &["input"]);
        check("$context.requestId $input.nothing $a", false, &["context", "input", "a"]);
        check("#set($context.responseOverride.status = 1)", false, &["context"]);
    }
}
