//! The engine: reads an upstream's answer and decides what it really says.
//! Pure: no I/O, no clock, no logging, no panic.

pub mod json;
