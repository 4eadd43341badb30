//! What a template says, after parsing.

/// The block of a `#define`.
#[derive(Debug)]
pub struct Define {}
