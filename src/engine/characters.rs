//! The characters of a body that goes by, across any cut, as long as they are surely what the whole body will be
//! read as. What is not UTF-8 only the whole body tells how to read (see [`charset::text`]).

use super::charset;

/// Bytes of the longest character.
const CHARACTER_BYTES_MAX: usize = 4;

/// Joins characters that are cut in two.
#[derive(Debug, Default)]
pub struct Characters {
    /// The bytes of a character of which the rest is to come.
    cut: Vec<u8>,
    /// The body's first bytes, where it may say its own encoding.
    opening: Option<Vec<u8>>,
    /// Whether a byte has come.
    begun: bool,
}

/// From here on only the whole body tells what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl Characters {
    /// Gives `sink` the characters that are whole now.
    ///
    /// # Errors
    /// When the bytes are not UTF-8, or may be meant as something else. Some of them may have been given before.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(&str)) -> Result<(), Unreadable> {
        self.open(bytes);
        while !self.cut.is_empty() {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            self.cut.push(*first);
            bytes = rest;
            let cut = std::mem::take(&mut self.cut);
            self.give(&cut, sink)?;
        }
        self.give(bytes, sink)
    }

    /// The body has ended.
    ///
    /// # Errors
    /// When it ended within a character.
    pub fn finish(&self) -> Result<(), Unreadable> {
        if self.cut.is_empty() { Ok(()) } else { Err(Unreadable) }
    }

    fn give(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&str)) -> Result<(), Unreadable> {
        let (text, rest) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, &[][..]),
            Err(error) if error.error_len().is_none() => {
                let (text, rest) = bytes.split_at(error.valid_up_to());
                (std::str::from_utf8(text).map_err(|_| Unreadable)?, rest)
            }
            Err(_) => return Err(Unreadable),
        };
        self.doubt(text)?;
        if !text.is_empty() {
            sink(text);
        }
        self.cut.reserve(CHARACTER_BYTES_MAX);
        self.cut.extend_from_slice(rest);
        Ok(())
    }

    /// Keeps the first bytes of what may be XML.
    fn open(&mut self, bytes: &[u8]) {
        if !self.begun && bytes.first().is_some_and(|first| *first == b'<' || first.is_ascii_whitespace()) {
            self.opening = Some(Vec::new());
        }
        self.begun |= !bytes.is_empty();
        if let Some(opening) = &mut self.opening {
            let room = charset::DECLARATION_BYTES_MAX - opening.len();
            opening.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        }
    }

    /// ASCII is the same in every encoding that a body can declare; anything else may be meant otherwise there.
    fn doubt(&mut self, text: &str) -> Result<(), Unreadable> {
        match &self.opening {
            Some(opening) if !text.is_ascii() => {
                if charset::may_declare(opening) {
                    return Err(Unreadable);
                }
                self.opening = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of the body in chunks of every size; `None` when it turns out to be unreadable.
    #[track_caller]
    fn check(body: &[u8], expected: Option<&str>) {
        for size in 1..=body.len().max(1) {
            let (mut characters, mut text) = (Characters::default(), String::new());
            let fed = body.chunks(size).try_for_each(|chunk| {
                characters.feed(chunk, &mut |piece| {
                    assert!(!piece.is_empty());
                    text.push_str(piece);
                })
            });
            let read = fed.and_then(|()| characters.finish()).is_ok();
            assert_eq!(read.then_some(text.as_str()), expected, "in chunks of {size}");
        }
    }

    #[test]
    fn cut_characters_are_joined() {
        check(b"", Some(""));
        check("grün, 20 €, 😀".as_bytes(), Some("grün, 20 €, 😀"));
        check("\u{feff}\u{fffd}".as_bytes(), Some("\u{feff}\u{fffd}"));
    }

    #[test]
    fn what_is_not_utf8_is_left_to_the_whole() {
        check(b"gr\xfcn", None);
        check(b"20 \xe2\x82", None);
        check(b"20 \xe2\x82.", None);
        check(b"\xc0\x80", None);
    }

    #[test]
    fn another_encoding_in_a_declaration_is_left_to_the_whole_unless_all_is_ascii() {
        let xml = |declaration: &str, text: &str| format!(" <?xml {declaration}?><a>{text}</a>");
        let read = |text: String| check(text.as_bytes(), Some(&text));
        read(xml("encoding='latin1'", "green"));
        read(xml("encoding='utf-8'", "grün"));
        read(xml("version='1.0'", "grün"));
        read("<a>grün</a>".to_owned());
        check(xml("encoding='latin1'", "grün").as_bytes(), None);
        check("<?xml ü".as_bytes(), None);
    }
}
