//! Mapping templates: the Velocity Template Language as API Gateway runs it, which is Apache Velocity 1.7 with four
//! differences. A library of its own: pure, bounded, without panics. It knows nothing of HTTP, and of API Gateway
//! only in [`gateway`], whose objects are [`Object`]s as any host's may be.
//!
//! ```text
//! text -> parse/ -> ast -> render/ -> text
//!                           |  values: value, heap, number, decimal, print, equality
//!                           |  what is done with them: methods/, regex/
//!                           `- what comes from outside: object; gateway/ with json/, jsonpath/
//! ```
//!
//! A [`Template`] is parsed once and shared by threads; a render has a [`Heap`] of its own, where its lists and maps
//! live and its [`Meter`] counts. What is an error in Velocity is one here: a [`ParseError`] before anything is
//! rendered, a [`RenderError`] where Java would have thrown or a bound of [`Limits`] is reached, both with their place.
//!
//! ```
//! use candor::vtl::{Heap, Limits, ListKind, Template, Value};
//!
//! let limits = Limits::default();
//! let template = Template::parse("#foreach($name in $names)$foreach.count $name.toUpperCase() #end", &limits)?;
//! let mut heap = Heap::new(limits);
//! let mut out = String::new();
//! template.render(
//!     &mut heap,
//!     |name, heap| match name {
//!         "names" => {
//!             heap.make_list(ListKind::List, vec![Value::borrowed("ada"), Value::borrowed("alan")]).map(Some)
//!         }
//!         _ => Ok(None),
//!     },
//!     &mut out,
//! )?;
//! assert_eq!(out, "1 ADA 2 ALAN ");
//!
//! let error = Template::parse("#if($a)", &limits).unwrap_err();
//! assert_eq!(error.to_string(), "`#if` has no `#end`");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
