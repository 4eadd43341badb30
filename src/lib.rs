//! Candor.
#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod cli;
pub mod diagnostic;
pub mod document;
pub mod engine;
#[cfg(feature = "server")]
pub mod live;
pub mod rules;
#[cfg(feature = "server")]
pub mod settings;
