//! `candor demo`: the sidecar in front of a legacy backend that misbehaves in every known way.

pub mod legacy;
