//! Exact answers about conditions: can this one hold at all, and can it hold where those do not?
//!
//! What a test lets pass is a [`language`]; whether some text is in these and not in those is told by running
//! their automata side by side ([`product`]). [`part`] knows which values each part of an exchange can have,
//! [`universe`] which tests can hold together, and [`solve`] joins them as `all`, `any` and `not` do.
//! Parts are taken to be independent of each other, except for what [`laws`] knows. So a rule that is said
//! never to match never does; one that is not said to may still be one. What costs too much is not decided.

pub mod formula;
pub mod language;
pub mod laws;
pub mod part;
pub mod product;
pub mod solve;
pub mod universe;
mod wanted;
