//! The engine: what an upstream's answer really says, decided from values alone.
//! Pure: no I/O, no clock, no logging, no panic.

pub mod envelope;
pub mod xml;
