//! The command line: every command is a function from its arguments to what the process ends with.

pub mod demo;
pub mod health;
