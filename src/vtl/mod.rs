//! Mapping templates: the Velocity Template Language as API Gateway runs it, which is Apache Velocity 1.7 with four
//! differences. Knows nothing of HTTP nor of API Gateway's objects; those come in as [`Object`]s.

pub mod ast;
pub mod decimal;
mod equality;
mod error;
mod fault;
pub mod gateway;
mod heap;
pub mod json;
pub mod jsonpath;
mod limits;
pub mod methods;
pub mod number;
mod object;
mod parse;
mod print;
pub mod regex;
mod render;
mod template;
mod value;

pub use error::{ParseError, RenderError};
pub use fault::{Fault, FaultKind};
pub use heap::{Heap, ListId, ListKind, MapId, MapKind};
pub use limits::{Limits, Meter};
pub use object::Object;
pub use render::Watch;
pub use template::{Mention, Note, Template};
pub use value::{Text, Value, View};

#[cfg(test)]
mod tests;
