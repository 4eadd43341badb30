//! The engine.
pub mod exchange;
pub mod mutation;
pub mod problem;
