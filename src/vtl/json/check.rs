//! Goes through a text once, from end to end: is it JSON as RFC 8259 has it, and where are its landmarks?

use super::super::limits::Meter;
use super::outline::Landmark;
use super::scanner::{Plain, Scanner};

/// The landmarks in the order in which they begin; nothing unless the text is an object or an array, and keeps to the
/// bounds.
pub(super) fn check(text: &str, meter: &Meter) -> Option<Vec<Landmark>> {
    // Places are kept in 32 bits.
    u32::try_from(text.len()).ok()?;
    let landmarks_max = meter.memory_left() / size_of::<Landmark>() / 2;
    let depth_max = meter.limits().depth;
    Check { text: Scanner(text.as_bytes()), landmarks_max, depth_max }.all()
}

struct Check<'t> {
    text: Scanner<'t>,
    landmarks_max: usize,
    depth_max: u32,
}

/// The innermost object or array whose end has not been reached.
#[derive(Clone, Copy)]
struct Open {
    /// The number of its landmark.
    number: u32,
    /// What will end it.
    close: u8,
    /// How many values have begun.
    length: u32,
    /// How many are open.
    depth: u32,
}

/// The number of no landmark.
const NONE: u32 = u32::MAX;
/// The landmarks of most texts.
const LANDMARKS_USUAL: usize = 32;

/// While an object or array is open, what will be the number of the next landmark is that of the one around it.
type Landmarks = Vec<Landmark>;

impl Check<'_> {
    fn all(&self) -> Option<Landmarks> {
        let mut landmarks = Vec::with_capacity(LANDMARKS_USUAL);
        let mut open = Open { number: NONE, close: 0, length: 0, depth: 0 };
        let (mut at, mut first) = self.text.next(0);
        if !matches!(first, b'{' | b'[') {
            return None;
        }
        // Each turn goes past a value, or into one that is not empty.
        loop {
            match first {
                b'"' => at = self.string(at, &mut landmarks)?,
                b'{' | b'[' => {
                    let is_object = first == b'{';
                    open = self.begin(at, first, open, &mut landmarks)?;
                    (at, first) = self.text.next(at + 1);
                    if first != open.close {
                        open.length = 1;
                        if is_object {
                            (at, first) = self.key(at, first, &mut landmarks)?;
                        }
                        continue;
                    }
                }
                _ => at = self.text.word(at)?,
            }
            // Behind a value one object or array may end after the other.
            (at, first) = loop {
                if let Some(next) = self.text.close_behind(b',', at) {
                    break next;
                }
                let mut mark = self.text.byte(at);
                if mark <= b' ' {
                    (at, mark) = self.text.next(at);
                }
                if mark == b',' {
                    break self.text.next(at + 1);
                }
                if mark != open.close {
                    return None;
                }
                at += 1;
                open = self.end(at, open, &mut landmarks)?;
                if open.number == NONE {
                    return Some(landmarks);
                }
            };
            open.length += 1;
            if open.close == b'}' {
                (at, first) = self.key(at, first, &mut landmarks)?;
            }
        }
    }

    /// Goes past a key and its `:`.
    #[inline(always)]
    fn key(&self, at: usize, first: u8, landmarks: &mut Landmarks) -> Option<(usize, u8)> {
        if first != b'"' {
            return None;
        }
        self.text.behind(b':', self.string(at, landmarks)?)
    }

    #[inline(always)]
    fn string(&self, start: usize, landmarks: &mut Landmarks) -> Option<usize> {
        let at = match self.text.plain_string(start) {
            Plain::Ends(end) => return Some(end),
            Plain::Unsure(at) => at,
        };
        let (end, has_escapes) = self.text.unsure_string(start, at)?;
        if has_escapes {
            let next = landmarks.len() as u32 + 1;
            self.add(Landmark { start: start as u32, end: end as u32, length: 0, next }, landmarks)?;
        }
        Some(end)
    }

    fn add(&self, landmark: Landmark, landmarks: &mut Landmarks) -> Option<()> {
        (landmarks.len() < self.landmarks_max).then(|| landmarks.push(landmark))
    }

    #[inline(always)]
    fn begin(&self, start: usize, first: u8, outer: Open, landmarks: &mut Landmarks) -> Option<Open> {
        if outer.depth > self.depth_max {
            return None;
        }
        if let Some(around) = landmarks.get_mut(outer.number as usize) {
            around.length = outer.length;
        }
        let number = landmarks.len() as u32;
        self.add(Landmark { start: start as u32, end: 0, length: 0, next: outer.number }, landmarks)?;
        Some(Open { number, close: closing(first), length: 0, depth: outer.depth + 1 })
    }

    /// What is open behind the end.
    #[inline(always)]
    fn end(&self, end: usize, open: Open, landmarks: &mut Landmarks) -> Option<Open> {
        let next = landmarks.len() as u32;
        let landmark = landmarks.get_mut(open.number as usize)?;
        let number = landmark.next;
        *landmark = Landmark { end: end as u32, length: open.length, next, ..*landmark };
        let (close, length) = match landmarks.get(number as usize) {
            Some(around) => (closing(self.text.byte(around.start as usize)), around.length),
            None => (0, 0),
        };
        Some(Open { number, close, length, depth: open.depth.saturating_sub(1) })
    }
}

/// `}` for `{`, `]` for `[`.
#[inline(always)]
fn closing(first: u8) -> u8 {
    first + 2
}
