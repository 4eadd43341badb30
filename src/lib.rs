//! Candor.
pub mod diagnostic;
pub mod document;
pub mod engine;
#[cfg(feature = "server")]
pub mod settings;
