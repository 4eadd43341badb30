//! A search for paths in a document that goes by in pieces. Of what was read only an unfinished tag, reference or
//! the like is kept until the rest of it comes.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesText, Event};

use super::path::ElementPath;
use super::search::Search;
use super::{Found, NotXml};

/// Bytes of markup that are waited for. Whoever begins a longer comment or CDATA section is read at the end.
const TAIL_BYTES_MAX: usize = 64 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// What has been learnt of a document so far.
#[derive(Debug, Default)]
pub struct Scan {
    search: Search,
    progress: Progress,
    /// Bytes of the document before the tail.
    offset: usize,
    /// The beginning of what the last piece did not finish.
    tail: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Progress {
    /// Before the first character that is not white space.
    #[default]
    Before,
    Inside,
    /// Nothing more will be learnt.
    Over(Option<NotXml>),
    /// It cannot be read as it goes by.
    Lost,
}

/// What is known of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State<'s> {
    /// Nothing yet.
    Pending,
    /// The document has no such element.
    Missing,
    /// Its value.
    Found(&'s str),
}

impl Scan {
    /// A scan for so many paths.
    pub fn new(paths: &[ElementPath]) -> Scan {
        let progress = if paths.is_empty() { Progress::Over(None) } else { Progress::Before };
        Scan { search: Search::new(paths.len()), progress, ..Scan::default() }
    }

    /// Reads the next characters.
    pub fn feed(&mut self, paths: &[ElementPath], text: &str) {
        let Some(text) = self.begin(text) else { return };
        // Only with one of these can markup or a reference be finished.
        if self.tail.starts_with(['<', '&']) && !text.contains(['>', ';', '&', '<']) {
            self.tail.push_str(text);
        } else {
            self.read(paths, text, false);
        }
        if self.tail.len() > TAIL_BYTES_MAX {
            self.lose();
        }
    }

    /// Reads the last characters.
    pub fn finish(&mut self, paths: &[ElementPath], text: &str) {
        if let Some(text) = self.begin(text) {
            self.read(paths, text, true);
        } else if self.progress == Progress::Before {
            self.progress = Progress::Over(Some(NotXml::at(self.offset, "empty")));
        }
    }

    /// What follows cannot be read.
    pub fn lose(&mut self) {
        if !self.is_over() {
            (self.progress, self.tail) = (Progress::Lost, String::new());
        }
    }

    /// What is known of a path, by its index.
    pub fn state(&self, index: usize) -> State<'_> {
        match self.search.value(index) {
            Some(value) => State::Found(value),
            None if self.is_over() || self.search.rules_out(index) => State::Missing,
            None => State::Pending,
        }
    }

    /// Of how many paths it is known what they lead to. Grows, so a change says that something new is known.
    pub fn settled(&self, paths: &[ElementPath]) -> usize {
        if self.is_over() { paths.len() } else { self.search.settled() }
    }

    /// Whether reading on would tell nothing.
    pub fn is_idle(&self) -> bool {
        self.is_over() || self.progress == Progress::Lost
    }

    /// Why the document is not XML, as far as it was read.
    pub fn not_xml(&self) -> Option<&NotXml> {
        match &self.progress {
            Progress::Over(not_xml) => not_xml.as_ref(),
            _ => None,
        }
    }

    /// All that was found; the document is over.
    pub(super) fn into_found(self) -> Found {
        let not_xml = self.not_xml().cloned();
        Found { values: self.search.into_values(), not_xml }
    }

    fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Over(_))
    }

    /// The text without what may stand before the document; nothing where that is all, or it is no document.
    fn begin<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if self.progress == Progress::Before {
            let marked = if self.offset == 0 { text.strip_prefix(BYTE_ORDER_MARK) } else { None };
            let document = marked.unwrap_or(text).trim_ascii_start();
            self.offset += text.len() - document.len();
            self.progress = match document.bytes().next()? {
                b'<' => Progress::Inside,
                _ => Progress::Over(Some(NotXml::at(self.offset, "does not begin with `<`"))),
            };
            return self.begin(document);
        }
        (self.progress == Progress::Inside).then_some(text)
    }

    fn read(&mut self, paths: &[ElementPath], text: &str, is_last: bool) {
        let tail = std::mem::take(&mut self.tail);
        let text = if tail.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(tail + text) };
        let piece = Piece { text: &text, offset: self.offset, is_last };
        match piece.read(&mut self.search, paths) {
            Ok(_) if is_last || self.search.is_settled() => self.progress = Progress::Over(None),
            Ok(read) => {
                self.offset += read;
                text.get(read..).unwrap_or_default().clone_into(&mut self.tail);
            }
            Err(not_xml) => self.progress = Progress::Over(Some(not_xml)),
        }
    }
}

/// A piece of a document that begins between two events.
struct Piece<'t> {
    text: &'t str,
    /// Bytes of the document before it.
    offset: usize,
    is_last: bool,
}

impl Piece<'_> {
    /// Gives the search the events in the piece; the bytes that were read for good.
    fn read(&self, search: &mut Search, paths: &[ElementPath]) -> Result<usize, NotXml> {
        // The reader takes a byte order mark at its beginning for no text.
        let document = self.text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(self.text);
        let start = self.text.len() - document.len();
        if start > 0 {
            self.event(&Event::Text(BytesText::from_escaped("\u{feff}")), 0, search, paths)?;
        }
        let mut reader = Reader::from_str(document);
        // The search knows what is open, also from earlier pieces.
        let config = reader.config_mut();
        (config.check_end_names, config.allow_unmatched_ends, config.allow_dangling_amp) =
            (false, true, true);
        loop {
            let at = start + reader.buffer_position() as usize;
            if search.is_settled() {
                return Ok(at);
            }
            let event = match reader.read_event() {
                Err(quick_xml::Error::Syntax(_)) if !self.is_last => return Ok(at),
                Err(error) => {
                    let at = start + reader.error_position() as usize;
                    return Err(NotXml::at(self.offset + at, &syntax_message(&error)));
                }
                Ok(Event::Eof) if !self.is_last => return Ok(at),
                Ok(event) => event,
            };
            let end = start + reader.buffer_position() as usize;
            match event {
                Event::Text(text) if end == self.text.len() && !self.is_last => {
                    return self.open_text(&text, at, search, paths);
                }
                Event::Eof => return self.event(&Event::Eof, at, search, paths).map(|()| at),
                event => self.event(&event, at, search, paths)?,
            }
        }
    }

    /// Text that may go on in the next piece: a reference may become whole there, a line break one of two characters.
    fn open_text(
        &self,
        text: &str,
        at: usize,
        search: &mut Search,
        paths: &[ElementPath],
    ) -> Result<usize, NotXml> {
        if text.starts_with('&') {
            return Ok(at);
        }
        let closed = text.strip_suffix('\r').unwrap_or(text);
        self.event(&Event::Text(BytesText::from_escaped(closed)), at, search, paths)?;
        Ok(at + closed.len())
    }

    fn event(
        &self,
        event: &Event,
        at: usize,
        search: &mut Search,
        paths: &[ElementPath],
    ) -> Result<(), NotXml> {
        search.event(paths, event).map_err(|reason| {
            let before = match event {
                Event::Text(text) => text.len() - text.trim_ascii_start().len(),
                _ => 0,
            };
            NotXml::at(self.offset + at + before, &reason)
        })
    }
}

/// The message without the parser's "syntax error:" in front: the reader was told "not XML" already.
fn syntax_message(error: &quick_xml::Error) -> String {
    match error {
        quick_xml::Error::Syntax(error) => error.to_string(),
        quick_xml::Error::IllFormed(error) => error.to_string(),
        error => error.to_string(),
    }
}
