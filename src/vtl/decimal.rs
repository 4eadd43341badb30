//! `java.math.BigDecimal`.

use num_bigint::BigInt;

/// `unscaled × 10^-scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// All digits.
    pub unscaled: BigInt,
    /// How many of them stand after the point.
    pub scale: i32,
}
