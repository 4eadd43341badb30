//! The engine: what an upstream's answer really says, decided by rules. Pure: no I/O, no clock, no log, no panic.

pub mod hold;
