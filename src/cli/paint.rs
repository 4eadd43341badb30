//! Colour and numbers for people at a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal};

/// Whether there is colour.
#[derive(Debug, Clone, Copy)]
pub struct Paint(bool);

/// A colour, by what it says.
#[derive(Debug, Clone, Copy)]
pub enum Colour {
    /// Wrong, or to be looked at.
    Red,
    /// As it should be.
    Green,
}

impl Paint {
    /// Colour on a terminal, unless the environment has `NO_COLOR` (<https://no-color.org>).
    pub fn of_stdout() -> Paint {
        Paint(io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()))
    }

    /// The text in this colour.
    pub fn put(self, colour: Colour, text: impl Display) -> String {
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// A number with its thousands apart: `1,204`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let check = |number, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn colour_is_only_where_it_can_be_seen() {
        assert_eq!(Paint(false).put(Colour::Red, 404), "404");
        assert_eq!(Paint(true).put(Colour::Green, 404), "\x1b[32m404\x1b[0m");
    }
}
