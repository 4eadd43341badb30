//! Mapping templates of rules: text, or `{ file: … }`, in whose place the file's text is put before rules are read.

use std::sync::Arc;

use super::template_files::TemplateFiles;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::document::{Node, Value};
use crate::engine::subject::Subjects;
use crate::engine::template::{CONTEXT, MappingTemplate};
use crate::vtl::ast::{Action, Span};
use crate::vtl::{Limits, Template};

/// The key of one template.
pub const ONE: &str = "template";
/// The key of several, by media type.
pub const SEVERAL: &str = "templates";
/// The key of a file that holds one.
pub const FILE: &str = "file";

/// Reads a file that a template names; the place is where it is named.
pub type ReadFile<'a> = &'a dyn Fn(&str, &Place) -> Result<Arc<Source>, Diagnostic>;

/// Reads a template.
pub fn read(
    node: &Node,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<MappingTemplate>> {
    if let Value::Map(_) = node.value {
        let fields = node.fields("a template", &[FILE], diagnostics)?;
        let file = fields.require(FILE, "a template that is not text", diagnostics)?;
        diagnostics.error(&file.place, "a template cannot be in a file of its own here");
        return None;
    }
    let text = node.text("a template", diagnostics)?;
    match Template::parse(text, &Limits::default()) {
        Ok(template) => {
            doubts(&template, node, text, diagnostics);
            Some(Arc::new(MappingTemplate::new(text, template, subjects)))
        }
        Err(error) => {
            let problem = Diagnostic::error(error.message).at(&place(error.span, node, text));
            diagnostics.push(match error.help {
                Some(help) => problem.help(help),
                None => problem,
            });
            None
        }
    }
}

/// What is no mistake and yet does nothing here.
fn doubts(template: &Template, node: &Node, text: &str, diagnostics: &mut Diagnostics) {
    for note in template.notes() {
        let doubt = Diagnostic::warning(note.message.as_str()).at(&place(note.span, node, text));
        diagnostics.push(doubt.help(note.help));
    }
    template.visit(&mut |mention| {
        let member = match mention.reference.steps.first().map(|step| &step.action) {
            Some(Action::Property(name)) => Some(&**name),
            _ => None,
        };
        let doubt = match (mention.variable, member) {
            ("context", Some("requestOverride")) => {
                Diagnostic::warning("`$context.requestOverride` changes nothing: the request has been sent")
            }
            ("context", Some(name)) if !CONTEXT.contains(&name) => Diagnostic::warning(format!(
                "`$context.{name}` prints as nothing: a sidecar does not know it"
            )),
            ("stageVariables", _) => {
                Diagnostic::warning("`$stageVariables` prints as nothing: there is no stage")
            }
            _ => return,
        };
        diagnostics.push(doubt.at(&place(mention.reference.span, node, text)));
    });
}

/// Where a span of the text stands.
fn place(span: Span, node: &Node, text: &str) -> Place {
    let before = text.get(..span.start).unwrap_or(text);
    let marked = text.get(span.start..span.end).unwrap_or_default();
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    let width = marked.lines().next().map_or(1, |line| line.chars().count());
    node.place_in_text(before.matches('\n').count(), column, width)
}

/// Puts the text of files in the place of every `{ file: … }` that stands for a template, and tells which.
pub fn fill_in(node: &mut Node, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> TemplateFiles {
    let mut files = TemplateFiles::default();
    each(node, &mut |template| put_text(template, read_file, &mut files, diagnostics));
    files
}

/// Everything in a node that stands for a template.
fn each(node: &mut Node, visit: &mut dyn FnMut(&mut Node)) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| each(item, visit)),
        Value::Map(entries) => {
            for entry in entries {
                match (entry.key.as_str(), &mut entry.node.value) {
                    (ONE, _) => visit(&mut entry.node),
                    (SEVERAL, Value::Map(templates)) => {
                        templates.iter_mut().for_each(|template| visit(&mut template.node));
                    }
                    (SEVERAL, _) => {}
                    _ => each(&mut entry.node, visit),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

fn put_text(
    node: &mut Node,
    read_file: ReadFile<'_>,
    files: &mut TemplateFiles,
    diagnostics: &mut Diagnostics,
) {
    let Value::Map(entries) = &node.value else { return };
    let [only] = entries.as_slice() else { return };
    let (FILE, Some(path)) = (only.key.as_str(), only.node.scalar_text()) else { return };
    match read_file(path, &only.node.place) {
        Ok(source) => {
            files.add(path, &only.node.place, &source);
            let value = Value::Text(source.text.clone());
            *node = Node { place: Place::whole(&source), value };
        }
        Err(problem) => {
            diagnostics.push(problem);
            // There is nothing more to say of a template that is not there.
            node.value = Value::Text(String::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn parsed(text: &str) -> Node {
        document::parse(&Source::new("rules.yaml", text), &mut Diagnostics::default()).unwrap()
    }

    #[test]
    fn files_are_put_where_they_are_named() {
        let mut node = parsed(
            "rules:\n  - then:\n      body: { template: { file: a.vtl } }\n  - then:\n      body:\n        templates: { a/b: { file: b.vtl }, c/d: text }\n      file: { file: c.vtl }\n",
        );
        let read_file = |path: &str, place: &Place| match path {
            "b.vtl" => Err(Diagnostic::error("cannot read").at(place)),
            path => Ok(Source::new(path, format!("text of {path}"))),
        };
        let mut diagnostics = Diagnostics::default();
        let files = fill_in(&mut node, &read_file, &mut diagnostics);
        assert_eq!(files.texts(), [("a.vtl", "text of a.vtl")]);
        let json = node.to_json().to_string();
        assert_eq!(
            json,
            r#"{"rules":[{"then":{"body":{"template":"text of a.vtl"}}},{"then":{"body":{"templates":{"a/b":"","c/d":"text"}},"file":{"file":"c.vtl"}}}]}"#
        );
        let problems = diagnostics.into_sorted();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].place.as_ref().unwrap().to_string(), "rules.yaml:6:35");
    }

    #[test]
    fn a_mistake_is_shown_where_it_was_written() {
        let check = |text: &str, expected: &str| {
            let node = parsed(text);
            let mut diagnostics = Diagnostics::default();
            assert!(
                read(&node.entry("template").unwrap().node, &mut Subjects::default(), &mut diagnostics)
                    .is_none()
            );
            let problems = diagnostics.into_sorted();
            assert_eq!(problems[0].place.as_ref().unwrap().to_string(), expected, "{text}");
        };
        check("template: 'a #if(1 +) b#end'", "rules.yaml:1:21");
        check("template: a#if(1 +) b#end", "rules.yaml:1:19");
        check("template: |\n  a\n  #if(1 +) b\n  #end\n", "rules.yaml:3:10");
        check("a: b\ntemplate: >\n  a\n  #if(1 +) b\n  #end\n", "rules.yaml:3:3");
    }

    #[test]
    fn what_does_nothing_is_told() {
        let check = |template: &str, expected: &[&str]| {
            let node = parsed(&format!("template: |\n  {template}\n"));
            let mut diagnostics = Diagnostics::default();
            assert!(
                read(&node.entry("template").unwrap().node, &mut Subjects::default(), &mut diagnostics)
                    .is_some()
            );
            let told = diagnostics.into_sorted();
            let told: Vec<String> = told
                .iter()
                .map(|it| format!("{} {}: {}", it.place.as_ref().unwrap().column, it.severity, it.message))
                .collect();
            assert_eq!(told, expected, "{template}");
        };
        check("$context.requestId $context.identity.sourceIp $context.responseOverride.status", &[]);
        check(
            "a $context.authorizer.claims.sub",
            &["5 warning: `$context.authorizer` prints as nothing: a sidecar does not know it"],
        );
        check("$stageVariables.name", &["3 warning: `$stageVariables` prints as nothing: there is no stage"]);
        check(
            "#set($context.requestOverride.path.id = 1)",
            &["8 warning: `$context.requestOverride` changes nothing: the request has been sent"],
        );
        check(
            "#macro(m)x#end #m() #evaluate('x')",
            &[
                "3 warning: a `#macro` defines nothing",
                "18 warning: `#m` prints as it is written",
                "23 warning: `#evaluate` prints as it is written",
            ],
        );
        check("#parse('other.vtl')", &["3 warning: `#parse` finds nothing: a template is alone"]);
    }
}
