//! Advice on rules that load and work, and probably not as their author meant.
pub mod logic;
