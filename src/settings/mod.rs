//! x
pub mod variables;
