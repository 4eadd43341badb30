//! JSON as rules see it: paths into a body, and the two ways to follow them.
//!
//! A [`Path`] is parsed when rules are loaded. Definite paths share one [`PathSet`] and are found by a
//! [`Scan`], which reads the body as it arrives and builds nothing, or by a [`Skim`], which reads it only if
//! it must; every other path is a [`Query`] over the [`tree`] of a whole body. Both see the first of two equal keys, and numbers as they were written.

mod block;
mod capture;
mod names;
mod pass;
mod path;
mod path_set;
#[cfg(test)]
mod properties;
mod query;
mod scalar;
mod scan;
mod skim;
mod skip;
mod tree;
mod value;

pub use path::{DefinitePath, Path, PathError, Step};
pub use path_set::{PathSet, Slot, Want};
pub use query::Query;
pub use scan::{Document, Scan, State};
pub use skim::Skim;
pub use tree::tree;
pub use value::{JsonText, Kind};

/// RFC 8259 section 8.1: not to be sent, but to be ignored by who receives it.
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
