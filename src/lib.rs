//! Candor.
pub mod diagnostic;
pub mod document;
pub mod engine;
