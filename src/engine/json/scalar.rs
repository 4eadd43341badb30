//! Literals and numbers, byte by byte: where they end and whether they are what they began as.
//! Checked by the whole grammar (RFC 8259 sections 3 and 6), because they are short and end without a mark.

/// A literal or number that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar {
    /// `rest` is still to come.
    Literal {
        rest: &'static [u8],
        null: bool,
    },
    Number(Digit),
}

/// The last part of a number that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digit {
    Minus,
    LeadingZero,
    Whole,
    Point,
    Fraction,
    ExponentMark,
    ExponentSign,
    Exponent,
}

/// How far a scalar goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Perhaps beyond these bytes.
    Open,
    /// It is whole after this many bytes.
    Whole(usize),
    /// The byte at this position cannot be part of it, and it is not whole.
    Broken(usize),
}

impl Scalar {
    /// The scalar that begins with `byte`.
    pub fn begin(byte: u8) -> Option<Scalar> {
        Some(match byte {
            b'n' => Scalar::Literal { rest: b"ull", null: true },
            b't' => Scalar::Literal { rest: b"rue", null: false },
            b'f' => Scalar::Literal { rest: b"alse", null: false },
            b'-' => Scalar::Number(Digit::Minus),
            b'0' => Scalar::Number(Digit::LeadingZero),
            b'1'..=b'9' => Scalar::Number(Digit::Whole),
            _ => return None,
        })
    }

    /// Goes on over `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) -> Extent {
        match self {
            Scalar::Literal { rest, .. } => extend_literal(rest, bytes),
            Scalar::Number(last) => extend_number(last, bytes),
        }
    }

    /// Whether it is whole when nothing follows: a number has no other end at the end of a document.
    pub fn may_end(&self) -> bool {
        match self {
            Scalar::Literal { rest, .. } => rest.is_empty(),
            Scalar::Number(last) => last.may_be_last(),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Scalar::Literal { null: true, .. })
    }
}

fn extend_literal(rest: &mut &'static [u8], bytes: &[u8]) -> Extent {
    for (at, byte) in bytes.iter().enumerate() {
        match rest.split_first() {
            Some((expected, others)) if expected == byte => *rest = others,
            _ => return Extent::Broken(at),
        }
        if rest.is_empty() {
            return Extent::Whole(at + 1);
        }
    }
    Extent::Open
}

fn extend_number(last: &mut Digit, bytes: &[u8]) -> Extent {
    for (at, byte) in bytes.iter().enumerate() {
        match last.followed_by(*byte) {
            Some(next) => *last = next,
            // `007` and `404abc` are not the numbers `0` and `404`.
            None if last.may_be_last() && ends_number(*byte) => return Extent::Whole(at),
            None => return Extent::Broken(at),
        }
    }
    Extent::Open
}

fn ends_number(byte: u8) -> bool {
    matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')
}

impl Digit {
    fn followed_by(self, byte: u8) -> Option<Digit> {
        use Digit::*;
        Some(match (self, byte) {
            (Minus, b'0') => LeadingZero,
            (Minus | Whole, b'0'..=b'9') => Whole,
            (LeadingZero | Whole, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (LeadingZero | Whole | Fraction, b'e' | b'E') => ExponentMark,
            (ExponentMark, b'+' | b'-') => ExponentSign,
            (ExponentMark | ExponentSign | Exponent, b'0'..=b'9') => Exponent,
            _ => return None,
        })
    }

    fn may_be_last(self) -> bool {
        matches!(self, Digit::LeadingZero | Digit::Whole | Digit::Fraction | Digit::Exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Extent) {
        let (first, rest) = text.as_bytes().split_first().unwrap();
        assert_eq!(Scalar::begin(*first).unwrap().extend(rest), expected, "{text}");
    }

    #[test]
    fn a_literal_ends_with_its_last_letter() {
        check("null,", Extent::Whole(3));
        check("true", Extent::Whole(3));
        check("falsehood", Extent::Whole(4));
        check("nul", Extent::Open);
        check("no", Extent::Broken(0));
        check("tru e", Extent::Broken(2));
    }

    #[test]
    fn a_number_ends_before_what_cannot_follow() {
        check("404,", Extent::Whole(2));
        check("0}", Extent::Whole(0));
        check("-0.50e+10]", Extent::Whole(8));
        check("1E3 ", Extent::Whole(2));
        check("12345678901234567890", Extent::Open);
        check("7 00", Extent::Whole(0));
        check("007", Extent::Broken(0));
        check("404abc", Extent::Broken(2));
        check("1.2.3", Extent::Broken(2));
        check("-,", Extent::Broken(0));
        check("1.,", Extent::Broken(1));
        check("1e+}", Extent::Broken(2));
    }

    #[test]
    fn no_other_byte_begins_a_scalar() {
        for byte in *b"NTF+.x'{[\"\xff" {
            assert!(Scalar::begin(byte).is_none(), "{byte:#x}");
        }
    }
}
