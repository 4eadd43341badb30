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
#[cfg(feature = "server")]
pub mod proxy;
pub mod rules;
#[cfg(feature = "server")]
pub mod settings;
#[cfg(feature = "server")]
pub mod telemetry;
