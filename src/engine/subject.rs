//! What a condition looks at and a value is taken from: one part of the exchange. [`Subjects`] holds all the
//! paths that a rule set's rules name, so that one pass over the body finds them all.

use std::fmt;

use http::header::HeaderName;

use super::json::{DefinitePath, Path, PathSet, Query, Slot, Want};
use super::xml::ElementPath;

/// One part of the exchange.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The upstream's status as three digits.
    Status,
    /// A header of the answer, each of its values.
    Header(HeaderName),
    /// The answer's media type without parameters, lower case.
    ContentType,
    /// The request's method.
    Method,
    /// The request's path, percent-encoding as sent.
    Path,
    /// A query parameter, decoded, each of its values.
    Query(String),
    /// A header of the request, each of its values.
    RequestHeader(HeaderName),
    /// Values in a JSON body.
    Json(JsonSubject),
    /// `errorMessage` of an error as AWS Lambda writes it: text at the top level of a JSON object.
    Error(JsonSubject),
    /// The body as text.
    Body,
    /// The text of an element or attribute of an XML body: index into [`Subjects::elements`].
    Xml {
        /// Index of the path.
        index: usize,
        /// The path as written.
        written: String,
    },
    /// Whether the body has no bytes.
    EmptyBody,
}

/// Values at a JSON path, perhaps within a text that is itself JSON.
#[derive(Debug, Clone)]
pub struct JsonSubject {
    /// The path as written.
    pub written: String,
    /// The path within the body.
    pub outer: JsonPlace,
    /// `$.errorMessage | $.code`: a path within the JSON that the outer text holds.
    pub inner: Option<Box<Path>>,
}

/// How the outer path is found.
#[derive(Debug, Clone, Copy)]
pub enum JsonPlace {
    /// By the scanner, while the body goes by.
    Slot(Slot),
    /// In a tree of the whole body: index into [`Subjects::queries`].
    Query(usize),
}

/// The paths of a rule set, each once.
#[derive(Debug, Default)]
pub struct Subjects {
    /// Paths that the scanner fills.
    pub paths: PathSet,
    /// Paths that need a tree.
    pub queries: Vec<Query>,
    /// XML element paths.
    pub elements: Vec<ElementPath>,
    /// Whether something reads the body in another way than the scanner.
    pub whole_body: bool,
    /// Whether something reads the body at all.
    pub body: bool,
    /// Whether something reads the request's headers.
    pub request_headers: bool,
    /// Headers of the answer that something reads by their names.
    pub answer_headers: Vec<HeaderName>,
    /// Whether something reads whatever headers the answer has.
    pub all_answer_headers: bool,
    /// Whether something asks for the [`Circumstances`](super::exchange::Circumstances) of the request.
    pub circumstances: bool,
}

impl Subjects {
    /// Registers a JSON path, `written` being its text.
    pub fn json(&mut self, written: &str, outer: Path, inner: Option<Path>, want: Want) -> JsonSubject {
        // Looking inside a text needs the text, not only its presence.
        let want = if inner.is_some() { Want::Value } else { want };
        self.body = true;
        let outer = match outer {
            Path::Definite(path) => JsonPlace::Slot(self.slot(&path, want)),
            Path::Query(query) => {
                self.whole_body = true;
                self.queries.push(query);
                JsonPlace::Query(self.queries.len() - 1)
            }
        };
        JsonSubject { written: written.to_owned(), outer, inner: inner.map(Box::new) }
    }

    fn slot(&mut self, path: &DefinitePath, want: Want) -> Slot {
        self.paths.insert(path, want)
    }

    /// Registers an XML element path.
    pub fn xml(&mut self, path: ElementPath) -> Subject {
        (self.body, self.whole_body) = (true, true);
        let written = path.to_string();
        self.elements.push(path);
        Subject::Xml { index: self.elements.len() - 1, written }
    }

    /// Registers a subject that reads the whole body as text.
    pub fn whole_body(&mut self, subject: Subject) -> Subject {
        (self.body, self.whole_body) = (true, true);
        subject
    }

    /// Registers a header of the answer.
    pub fn answer_header(&mut self, name: HeaderName) -> Subject {
        self.answer_headers.push(name.clone());
        Subject::Header(name)
    }

    /// Registers a request header.
    pub fn request_header(&mut self, name: HeaderName) -> Subject {
        self.request_headers = true;
        Subject::RequestHeader(name)
    }
}

impl Subject {
    /// Whether the body is needed to know it.
    pub fn reads_body(&self) -> bool {
        matches!(
            self,
            Subject::Json(_) | Subject::Error(_) | Subject::Body | Subject::Xml { .. } | Subject::EmptyBody
        )
    }
}

/// The form of the `--rule` flag and of `from:`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Status => f.write_str("status"),
            Subject::Header(name) => write!(f, "header.{name}"),
            Subject::ContentType => f.write_str("content_type"),
            Subject::Method => f.write_str("method"),
            Subject::Path => f.write_str("path"),
            Subject::Query(name) => write!(f, "query.{name}"),
            Subject::RequestHeader(name) => write!(f, "request.header.{name}"),
            Subject::Json(json) => f.write_str(&json.written),
            Subject::Error(_) => f.write_str("error"),
            Subject::Body => f.write_str("body"),
            Subject::Xml { written, .. } => write!(f, "xml.{written}"),
            Subject::EmptyBody => f.write_str("empty_body"),
        }
    }
}
