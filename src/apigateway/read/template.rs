//! Mapping templates by media type.

use std::sync::Arc;

use super::reader::Reader;
use crate::apigateway::model::{MappingTemplate, Templates};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::{Node, Value};
use crate::vtl::gateway::Needs;
use crate::vtl::{Limits, ParseError, Template};

impl<'a> Reader<'a> {
    /// `requestTemplates` or `responseTemplates`.
    pub fn templates(&mut self, node: Option<&'a Node>) -> Templates {
        let mut templates = Vec::new();
        for entry in self.entries(node, "templates by media type") {
            templates.push((entry.key.to_ascii_lowercase(), self.template(&entry.node)));
        }
        Templates(templates)
    }

    /// A template; an empty one is none: what it is for passes as it is.
    fn template(&mut self, node: &'a Node) -> Option<Arc<MappingTemplate>> {
        if node.value == Value::Null {
            return None;
        }
        let text = node.text("a mapping template (text)", self.problems)?;
        if text.is_empty() {
            return None;
        }
        if let Some(known) = self.templates.get(text) {
            return known.clone();
        }
        let template = match Template::parse(text, &Limits::default()) {
            Ok(template) => Some(Arc::new(MappingTemplate {
                source: Source::new(node.place.to_string(), text),
                needs: Needs::of(&template),
                template,
            })),
            Err(error) => {
                self.broken_template(node, text, error);
                None
            }
        };
        self.templates.insert(text.to_owned(), template.clone());
        template
    }

    fn broken_template(&mut self, node: &Node, text: &str, error: ParseError) {
        let before = text.get(..error.span.start).unwrap_or(text);
        let marked = text.get(error.span.start..error.span.end).unwrap_or_default();
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let width = marked.lines().next().map_or(1, |line| line.chars().count());
        let message = format!("mapping template: {}", error.message);
        let problem = Diagnostic::error(message).at(&node.place_in_text(line, column, width));
        self.problems.push(match error.help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }
}
