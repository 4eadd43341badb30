//! `candor sleep TIME`: waits, for hooks in images that have no shell and no `sleep`.

use std::time::Duration;

use super::Exit;

/// Waits as long as said.
pub fn run(time: Duration) -> Exit {
    std::thread::sleep(time);
    Exit::Fine
}

/// A time with its unit, `1m 30s`, or seconds alone, as `sleep` takes them elsewhere.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match seconds {
        Some(seconds) => Ok(seconds),
        None => humantime::parse_duration(text).map_err(|_| {
            format!("`{text}` is not a time: a number with its unit, such as `250ms`, `5s`, `1m`")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        };
        check("5s", Some(5000));
        check("250ms", Some(250));
        check("1m 30s", Some(90_000));
        check("5", Some(5000));
        check("0.25", Some(250));
        check("0", Some(0));
        for wrong in ["", "five", "-1", "5 parsecs", "nan", "inf"] {
            check(wrong, None);
        }
    }
}
