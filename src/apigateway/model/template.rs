//! Mapping templates by media type.

use std::sync::Arc;

use crate::diagnostic::Source;
use crate::vtl::Template;
use crate::vtl::gateway::Needs;

/// Mapping templates by media type, in the order written.
#[derive(Debug, Default)]
pub struct Templates(pub Vec<(String, Option<Arc<MappingTemplate>>)>);

/// A mapping template.
#[derive(Debug)]
pub struct MappingTemplate {
    /// Its text, with the name by which problems in it are told.
    pub source: Arc<Source>,
    /// Parsed.
    pub template: Template,
    /// What it asks for.
    pub needs: Needs,
}

impl Templates {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The template for a media type (lower case, without parameters). `Some(None)`: bodies of that type pass as they are.
    pub fn exact(&self, media_type: &str) -> Option<Option<&MappingTemplate>> {
        let entry = self.0.iter().find(|(known, _)| known == media_type);
        entry.map(|(_, template)| template.as_deref())
    }

    /// The one written first.
    pub fn first(&self) -> Option<Option<&MappingTemplate>> {
        self.0.first().map(|(_, template)| template.as_deref())
    }
}
