//! What is looked for, one subject a file.

pub mod bodies;
pub mod excluded;
pub mod overlap;
pub mod patterns;
pub mod reach;
pub mod retry;
pub mod selector;
