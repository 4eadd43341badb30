//! `java.math.BigDecimal`: exact decimal numbers, which JSON texts with many digits become.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use num_bigint::{BigInt, Sign};

/// The longest whole number, bits: about 20,000 digits. Beyond that a result is an error, not a wait.
pub const BITS_MAX: u64 = 1 << 16;
/// No text with more digits is read.
pub const DIGITS_MAX: usize = 20_000;

/// `unscaled × 10^-scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// All digits.
    pub unscaled: BigInt,
    /// How many of them stand after the point.
    pub scale: i32,
}

impl Decimal {
    /// `new BigDecimal(double)`: every binary digit, exactly. There is none for infinity and NaN.
    pub fn from_double(double: f64) -> Option<Decimal> {
        if !double.is_finite() {
            return None;
        }
        let bits = double.to_bits();
        let biased = (bits >> 52 & 0x7ff) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let significand = if biased == 0 { fraction << 1 } else { fraction | 1 << 52 };
        if significand == 0 {
            return Some(Decimal::from(BigInt::ZERO));
        }
        let shift = significand.trailing_zeros();
        let exponent = biased - 1075 + shift as i32;
        let whole = BigInt::from(significand >> shift);
        let whole = if double < 0.0 { -whole } else { whole };
        Some(match exponent {
            0.. => Decimal::from(whole << exponent),
            _ => Decimal { unscaled: whole * BigInt::from(5).pow(exponent.unsigned_abs()), scale: -exponent },
        })
    }

    /// `new BigDecimal(String)`: `-12.50E3`. Nothing for other text, nor for one that is too long to be kept.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if digits.len() + fraction.len() == 0 || !all_digits(digits) || !all_digits(fraction) {
            return None;
        }
        if digits.len() + fraction.len() > DIGITS_MAX {
            return None;
        }
        let unscaled = BigInt::parse_bytes(format!("{digits}{fraction}").as_bytes(), 10)?;
        let unscaled = if whole.starts_with('-') { -unscaled } else { unscaled };
        let scale = i32::try_from((fraction.len() as i64).checked_sub(exponent)?).ok()?;
        Some(Decimal { unscaled, scale })
    }

    /// Whether it is zero, whatever its scale.
    pub fn is_zero(&self) -> bool {
        self.unscaled.sign() == Sign::NoSign
    }

    /// The sum, with the greater scale; nothing if it is too long.
    pub fn plus(&self, other: &Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let unscaled = &*self.at_scale(scale)? + &*other.at_scale(scale)?;
        Some(Decimal { unscaled, scale })
    }

    /// The difference, with the greater scale; nothing if it is too long.
    pub fn minus(&self, other: &Decimal) -> Option<Decimal> {
        self.plus(&Decimal { unscaled: -&other.unscaled, scale: other.scale })
    }

    /// The product, with the sum of the scales; nothing if it is too long.
    pub fn times(&self, other: &Decimal) -> Option<Decimal> {
        let scale = self.scale.checked_add(other.scale)?;
        if self.unscaled.bits() + other.unscaled.bits() > BITS_MAX {
            return None;
        }
        Some(Decimal { unscaled: &self.unscaled * &other.unscaled, scale })
    }

    /// The quotient with the scale of the dividend, the nearest one, of two equally near the one nearer to zero
    /// (`ROUND_HALF_DOWN`). The divisor is not zero; nothing if the result is too long.
    pub fn over(&self, divisor: &Decimal) -> Option<Decimal> {
        let power = power_of_ten(divisor.scale.unsigned_abs())?;
        let (dividend, divisor) = match divisor.scale {
            0.. => (&self.unscaled * power, divisor.unscaled.clone()),
            _ => (self.unscaled.clone(), &divisor.unscaled * power),
        };
        let quotient = dividend.checked_div(&divisor)?;
        let rest = dividend - &quotient * &divisor;
        let twice = rest.magnitude() * 2u32;
        let unscaled = match twice.cmp(divisor.magnitude()) {
            Ordering::Greater if rest.sign() == divisor.sign() => quotient + 1,
            Ordering::Greater => quotient - 1,
            _ => quotient,
        };
        Some(Decimal { unscaled, scale: self.scale })
    }

    /// The whole part; nothing if it is too long.
    pub fn whole(&self) -> Option<BigInt> {
        let power = power_of_ten(self.scale.unsigned_abs());
        match self.scale {
            ..0 => Some(&self.unscaled * power?),
            0 => Some(self.unscaled.clone()),
            // A power of ten that is too long is longer than any number kept.
            _ => Some(power.map_or(BigInt::ZERO, |power| &self.unscaled / power)),
        }
    }

    /// The nearest double.
    pub fn to_double(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// `hashCode()`.
    pub fn hash_code(&self) -> i32 {
        hash_code(&self.unscaled).wrapping_mul(31).wrapping_add(self.scale)
    }

    /// All digits, were there `scale` of them after the point; not fewer than there are.
    fn at_scale(&self, scale: i32) -> Option<Cow<'_, BigInt>> {
        match scale.checked_sub(self.scale)? {
            0 => Some(Cow::Borrowed(&self.unscaled)),
            _ if self.is_zero() => Some(Cow::Owned(BigInt::ZERO)),
            more => Some(Cow::Owned(&self.unscaled * power_of_ten(more.unsigned_abs())?)),
        }
    }

    /// The power of ten of the first digit.
    fn magnitude(&self, digits: usize) -> i64 {
        digits as i64 - 1 - i64::from(self.scale)
    }
}

impl From<BigInt> for Decimal {
    fn from(unscaled: BigInt) -> Decimal {
        Decimal { unscaled, scale: 0 }
    }
}

/// `compareTo`: 1.0 and 1.00 are the same, though not equal.
pub fn compare(left: &Decimal, right: &Decimal) -> Ordering {
    let signs = left.unscaled.sign().cmp(&right.unscaled.sign());
    if signs != Ordering::Equal || left.is_zero() {
        return signs;
    }
    let scale = left.scale.max(right.scale);
    if let (Some(left), Some(right)) = (left.at_scale(scale), right.at_scale(scale)) {
        return left.cmp(&right);
    }
    // So far apart in scale that the first digits settle it.
    let magnitude = |decimal: &Decimal| decimal.magnitude(decimal.unscaled.magnitude().to_string().len());
    let order = magnitude(left).cmp(&magnitude(right));
    if left.unscaled.sign() == Sign::Minus { order.reverse() } else { order }
}

/// `BigInteger.hashCode()`.
pub fn hash_code(number: &BigInt) -> i32 {
    let (sign, digits) = number.to_u32_digits();
    let hash = digits.iter().rev().fold(0u32, |hash, digit| hash.wrapping_mul(31).wrapping_add(*digit));
    let hash = hash.cast_signed();
    if sign == Sign::Minus { hash.wrapping_neg() } else { hash }
}

/// Nothing if it is longer than any number kept.
fn power_of_ten(exponent: u32) -> Option<BigInt> {
    (exponent as usize <= DIGITS_MAX).then(|| BigInt::from(10).pow(exponent))
}

/// `toString()`: plain digits unless the scale is negative or the first digit comes after more than five zeros.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.unscaled);
        }
        let digits = self.unscaled.magnitude().to_string();
        let magnitude = self.magnitude(digits.len());
        if self.unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        if self.scale > 0 && magnitude >= -6 {
            let scale = self.scale.unsigned_abs() as usize;
            return match digits.len().checked_sub(scale).and_then(|whole| digits.split_at_checked(whole)) {
                None | Some(("", _)) => write!(f, "0.{digits:0>scale$}"),
                Some((whole, fraction)) => write!(f, "{whole}.{fraction}"),
            };
        }
        let (first, others) = digits.split_at_checked(1).unwrap_or((&digits, ""));
        f.write_str(first)?;
        if !others.is_empty() {
            write!(f, ".{others}")?;
        }
        if magnitude == 0 { Ok(()) } else { write!(f, "E{magnitude:+}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn texts_are_kept_as_they_are_written() {
        let check = |text: &str, expected: &str| assert_eq!(decimal(text).to_string(), expected, "{text}");
        check("0", "0");
        check("-0.00", "0.00");
        check("+1.", "1");
        check(".5", "0.5");
        check("1.50", "1.50");
        check("-1.50e3", "-1.50E+3");
        check("1e3", "1E+3");
        check("123456789012345678901234567890.5", "123456789012345678901234567890.5");
        check("0.000001", "0.000001");
        check("0.0000001", "1E-7");
        check("0.00000012", "1.2E-7");
        check("-0.00000012", "-1.2E-7");
        check("0E-7", "0E-7");
        check("0E+3", "0E+3");
        check("12E-1", "1.2");
        check("1E-2147483647", "1E-2147483647");
    }

    #[test]
    fn other_texts_are_not_numbers() {
        for text in ["", ".", "-", "1e", "1e99999999999999999999", "1E-9999999999", "a", "1_0", "0x1", "1.-5"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn doubles_are_expanded_exactly() {
        let check = |double: f64, expected: &str| {
            assert_eq!(Decimal::from_double(double).unwrap().to_string(), expected);
        };
        check(0.0, "0");
        check(-0.0, "0");
        check(0.1, "0.1000000000000000055511151231257827021181583404541015625");
        check(-2.5, "-2.5");
        check(1e22, "10000000000000000000000");
        check(3.0, "3");
        assert_eq!(Decimal::from_double(f64::NAN), None);
        let least = Decimal::from_double(5e-324).unwrap();
        assert_eq!((least.scale, least.to_double()), (1074, 5e-324));
        assert_eq!(Decimal::from_double(f64::MAX).unwrap().to_double(), f64::MAX);
    }

    #[test]
    fn arithmetic_keeps_the_scales_of_java() {
        let check = |left: &str, operator: char, right: &str, expected: &str| {
            let (left, right) = (decimal(left), decimal(right));
            let result = match operator {
                '+' => left.plus(&right),
                '-' => left.minus(&right),
                '*' => left.times(&right),
                _ => left.over(&right),
            };
            assert_eq!(result.unwrap().to_string(), expected);
        };
        check("1.50", '+', "1", "2.50");
        check("1E3", '+', "1", "1001");
        check("1.5", '-', "1.50", "0.00");
        check("1.50", '*', "2.0", "3.000");
        check("1.00", '/', "3", "0.33");
        check("2.00", '/', "3", "0.67");
        check("-2.00", '/', "3", "-0.67");
        check("2.00", '/', "-3", "-0.67");
        check("1", '/', "2", "0");
        check("3", '/', "2", "1");
        check("-3", '/', "2", "-1");
        check("1", '/', "0.25", "4");
        check("1E3", '/', "1E2", "0E+3");
        check("5", '/', "1E1", "0");
    }

    #[test]
    fn results_that_would_be_too_long_are_refused() {
        let (vast, one) = (decimal("1E999999999"), decimal("1"));
        assert_eq!(vast.plus(&one), None);
        assert_eq!(one.over(&vast), None);
        assert_eq!(vast.whole(), None);
        assert_eq!(decimal("1E-999999999").whole(), Some(BigInt::ZERO));
        assert_eq!(compare(&vast, &one), Ordering::Greater);
        assert_eq!(compare(&decimal("-1E999999999"), &one), Ordering::Less);
        assert_eq!(compare(&decimal("-1E999999999"), &decimal("-1")), Ordering::Less);
        assert_eq!(compare(&decimal("1.0"), &decimal("1.00")), Ordering::Equal);
        assert_eq!(compare(&decimal("0E999999999"), &decimal("0")), Ordering::Equal);
    }

    #[test]
    fn hash_codes_are_those_of_java() {
        assert_eq!(hash_code(&BigInt::from(1u64 << 32)), 31);
        assert_eq!(hash_code(&"-123456789012345678901234567890".parse().unwrap()), -1915528825);
        assert_eq!(decimal("1.50").hash_code(), 150 * 31 + 2);
    }
}
