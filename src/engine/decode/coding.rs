//! The codings that `Content-Encoding` names, in the order in which they were applied.

use std::fmt;

use http::HeaderValue;

/// Codings that may lie upon each other. Nobody means more than two.
pub const LAYERS_MAX: usize = 4;

/// One content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952: any number of members. Other bytes after the last one count for nothing, as for browsers.
    Gzip,
    /// RFC 1950, or the bare RFC 1951 stream that many servers send under this name.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878: any number of frames. Other bytes after the last one count for nothing.
    Zstd,
}

/// The coding's registered name.
impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        })
    }
}

/// What `Content-Encoding` says: none, one, or several codings, the first one applied first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codings(Vec<Coding>);

/// A `Content-Encoding` that is not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCoding {
    /// The coding as sent, or all of them where there are more than [`LAYERS_MAX`].
    pub name: String,
}

impl Codings {
    /// Reads the values of all `Content-Encoding` lines: comma-separated names in any letter case. `identity` means
    /// none, and `x-gzip` is `gzip` (RFC 9110, section 8.4.1).
    ///
    /// # Errors
    /// On the first name that is not known, and on too many.
    pub fn parse<'v>(lines: impl IntoIterator<Item = &'v HeaderValue>) -> Result<Codings, UnknownCoding> {
        let mut codings = Vec::new();
        for line in lines {
            for name in line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                codings.extend(coding(name)?);
            }
        }
        if codings.len() > LAYERS_MAX {
            let names: Vec<String> = codings.iter().map(Coding::to_string).collect();
            return Err(UnknownCoding { name: names.join(", ") });
        }
        Ok(Codings(codings))
    }

    /// Whether the body is not encoded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The codings in the order in which they have to be undone.
    pub fn outermost_first(&self) -> impl Iterator<Item = Coding> + '_ {
        self.0.iter().rev().copied()
    }
}

fn coding(name: &[u8]) -> Result<Option<Coding>, UnknownCoding> {
    match name.to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Ok(None),
        b"gzip" | b"x-gzip" => Ok(Some(Coding::Gzip)),
        b"deflate" => Ok(Some(Coding::Deflate)),
        b"br" => Ok(Some(Coding::Brotli)),
        b"zstd" => Ok(Some(Coding::Zstd)),
        _ => Err(UnknownCoding { name: String::from_utf8_lossy(name).into_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codings outermost first, or the unknown one.
    #[track_caller]
    fn check(lines: &[&'static str], expected: Result<&str, &str>) {
        let values: Vec<HeaderValue> = lines.iter().map(|line| HeaderValue::from_static(line)).collect();
        let parsed = Codings::parse(&values).map(|codings| {
            let names: Vec<String> = codings.outermost_first().map(|coding| coding.to_string()).collect();
            names.join(" ")
        });
        assert_eq!(
            parsed,
            expected.map(str::to_owned).map_err(|name| UnknownCoding { name: name.to_owned() })
        );
    }

    #[test]
    fn the_coding_applied_last_is_undone_first() {
        check(&["gzip"], Ok("gzip"));
        check(&["gzip, br"], Ok("br gzip"));
        check(&["gzip", "br,zstd"], Ok("zstd br gzip"));
        check(&["deflate"], Ok("deflate"));
    }

    #[test]
    fn names_come_in_many_forms() {
        check(&[], Ok(""));
        check(&["GZip"], Ok("gzip"));
        check(&["x-gzip"], Ok("gzip"));
        check(&["identity"], Ok(""));
        check(&["", " , "], Ok(""));
        check(&["identity ,\tBR , Identity"], Ok("br"));
    }

    #[test]
    fn what_is_not_known_is_named() {
        check(&["compress"], Err("compress"));
        check(&["gzip, UTF-8, x"], Err("UTF-8"));
        check(&["gzip;q=1"], Err("gzip;q=1"));
        check(&["gzip, gzip", "gzip,gzip"], Ok("gzip gzip gzip gzip"));
        check(&["gzip, gzip", "gzip,gzip,br"], Err("gzip, gzip, gzip, gzip, br"));
        let binary = HeaderValue::from_bytes(b"gz\xff").unwrap();
        assert_eq!(Codings::parse([&binary]).unwrap_err().name, "gz\u{fffd}");
    }
}
