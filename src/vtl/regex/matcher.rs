//! Runs a program over a text as Java does: the first way that leads to a match, going back where one does not.
//! Every step is counted; nothing recurses.

use memchr::memchr;

use super::program::{At, Loop, Pc, Program, Register, Set, Start, Step};
use super::syntax::{Case, Lines, Mood, Place, Polarity, Times, Width};

/// More ways back than this are not kept: 16 MB of them.
const WAYS_MAX: usize = 500_000;
/// No place, no group.
const NONE: usize = usize::MAX;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

/// A program at work on a text.
pub struct Matcher<'p, 't> {
    program: &'p Program,
    text: &'t str,
    registers: Vec<usize>,
    ways: Vec<Way>,
    /// Whether the match must reach the end.
    full: bool,
    /// Where the last match ended.
    last: usize,
    steps: u64,
    steps_max: u64,
}

/// What is done when something fails: undo, or go on elsewhere.
enum Way {
    /// Go on here.
    Go(Pc, usize),
    /// A variable had another value.
    Undo(Register, usize),
    /// A greedy run gives up one character, from the place down to the least.
    Fewer(Pc, usize, usize),
    /// A lazy run takes one more character, so many times at most.
    More(Pc, usize, u32),
    /// A look-behind begins one character earlier, so many times at most.
    Earlier(Pc, usize, u32),
}

impl<'p, 't> Matcher<'p, 't> {
    /// A run that may take so many steps.
    pub fn new(program: &'p Program, text: &'t str, steps_max: u64) -> Matcher<'p, 't> {
        let registers = vec![NONE; program.registers];
        Matcher { program, text, registers, ways: Vec::new(), full: false, last: 0, steps: 0, steps_max }
    }

    /// How many steps it has taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether all of the text matches.
    pub fn is_full_match(&mut self) -> Result<bool, Exhausted> {
        self.full = true;
        self.run_at(0)
    }

    /// Whether there is a match at a place or after; its groups are then to be had.
    pub fn find(&mut self, from: usize, last: usize) -> Result<bool, Exhausted> {
        self.full = false;
        self.last = last;
        let mut at = Some(from);
        while let Some(place) = at.and_then(|at| self.candidate(at)) {
            if self.run_at(place)? {
                return Ok(true);
            }
            at = self.next(place);
        }
        Ok(false)
    }

    /// Where a group stands; 0 is the whole match.
    pub fn group(&self, group: usize) -> Option<(usize, usize)> {
        let (begin, end) = (self.register(2 * group), self.register(2 * group + 1));
        (end != NONE).then_some((begin, end))
    }

    /// The next place at which a match can begin.
    fn candidate(&mut self, from: usize) -> Option<usize> {
        let rest = self.text.as_bytes().get(from..)?;
        let skipped = match &self.program.start {
            Start::Begin if from > 0 => return None,
            Start::Begin | Start::Anywhere => 0,
            Start::Byte(byte) => memchr(*byte, rest)?,
            Start::Bytes(bytes) => {
                rest.iter().position(|byte| bytes.get(usize::from(*byte)).copied().unwrap_or(true))?
            }
        };
        self.steps += skipped as u64 / 16;
        Some(from + skipped)
    }

    fn next(&self, place: usize) -> Option<usize> {
        self.character(place).map(|character| place + character.len_utf8())
    }

    #[inline]
    fn character(&self, at: usize) -> Option<char> {
        match *self.text.as_bytes().get(at)? {
            byte if byte.is_ascii() => Some(char::from(byte)),
            _ => self.text.get(at..)?.chars().next(),
        }
    }

    fn before(&self, at: usize) -> Option<char> {
        self.text.get(..at)?.chars().next_back()
    }

    fn register(&self, register: Register) -> usize {
        self.registers.get(register).copied().unwrap_or(NONE)
    }

    fn set(&mut self, register: Register, value: usize) -> Result<(), Exhausted> {
        let Some(slot) = self.registers.get_mut(register) else { return Ok(()) };
        let old = std::mem::replace(slot, value);
        if old == value || self.ways.is_empty() {
            return Ok(());
        }
        self.keep(Way::Undo(register, old))
    }

    fn keep(&mut self, way: Way) -> Result<(), Exhausted> {
        if self.ways.len() >= WAYS_MAX {
            return Err(Exhausted);
        }
        self.ways.push(way);
        Ok(())
    }

    fn run_at(&mut self, begin: usize) -> Result<bool, Exhausted> {
        self.ways.clear();
        self.registers.fill(NONE);
        let (mut pc, mut at) = (0, begin);
        loop {
            self.steps += 1;
            if self.steps > self.steps_max {
                return Err(Exhausted);
            }
            // A program ends with `Match`, and nothing jumps behind it.
            let step = self.program.steps.get(pc).unwrap_or(&Step::Match);
            let next = match step {
                Step::Match if !self.full || at == self.text.len() => {
                    self.ways.clear();
                    self.set(0, begin)?;
                    self.set(1, at)?;
                    return Ok(true);
                }
                Step::Match => None,
                step => self.step(step, pc, at)?,
            };
            match next.or_else(|| self.back()) {
                Some(next) => (pc, at) = next,
                None => return Ok(false),
            }
        }
    }

    /// Where to go on; nothing where it fails.
    fn step(&mut self, step: &'p Step, pc: Pc, at: usize) -> Result<Option<(Pc, usize)>, Exhausted> {
        let on = Some((pc + 1, at));
        Ok(match step {
            Step::Character(expected) => {
                self.character(at).filter(|found| found == expected).map(|found| (pc + 1, at + found.len_utf8()))
            }
            Step::Set(set) => self
                .character(at)
                .filter(|found| set.contains(*found))
                .map(|found| (pc + 1, at + found.len_utf8())),
            Step::Run(set, times, mood) => self.run(set, *times, *mood, pc, at)?,
            Step::Jump(pc) => Some((*pc, at)),
            Step::Split(first, second) => {
                self.keep(Way::Go(*second, at))?;
                Some((*first, at))
            }
            Step::Assign(register, value) => {
                self.set(*register, *value)?;
                on
            }
            Step::Remember(register) => {
                self.set(*register, at)?;
                on
            }
            Step::Close(group, begin) => {
                self.set(2 * group, self.register(*begin))?;
                self.set(2 * group + 1, at)?;
                on
            }
            Step::Loop(state) => self.another_turn(*state, pc, at)?,
            Step::Turn(state) => {
                self.set(state.count, self.register(state.count).saturating_add(1))?;
                self.set(state.began, at)?;
                on
            }
            Step::At(condition) => on.filter(|_| self.holds(condition, at)),
            Step::Back(group, case) => self.repeat_of(*group, *case, at).map(|at| (pc + 1, at)),
            Step::Mark(register) => {
                // The number of ways may be the same as before, and must still be undone.
                self.set(*register, self.ways.len())?;
                on
            }
            Step::Cut(register) => {
                self.cut(self.register(*register));
                on
            }
            Step::Return(register) => Some((pc + 1, self.register(*register))),
            Step::Refuse(register) => {
                let mark = self.register(*register);
                while self.ways.len() > mark {
                    if let Some(Way::Undo(register, old)) = self.ways.pop()
                        && let Some(slot) = self.registers.get_mut(register)
                    {
                        *slot = old;
                    }
                }
                None
            }
            Step::Behind(place, width) => self.behind(self.register(*place), *width, pc)?,
            Step::Here(register) => on.filter(|_| self.register(*register) == at),
            Step::Match => None,
        })
    }

    /// The next way that was kept.
    fn back(&mut self) -> Option<(Pc, usize)> {
        loop {
            match self.ways.pop()? {
                Way::Go(pc, at) => return Some((pc, at)),
                Way::Undo(register, old) => {
                    if let Some(slot) = self.registers.get_mut(register) {
                        *slot = old;
                    }
                }
                Way::Fewer(pc, at, least) => {
                    let at = at - self.before(at).map_or(0, char::len_utf8);
                    if at > least {
                        self.ways.push(Way::Fewer(pc, at, least));
                    }
                    return Some((pc + 1, at));
                }
                Way::More(pc, at, more) => {
                    let Some(Step::Run(set, ..)) = self.program.steps.get(pc) else { continue };
                    let Some(found) = self.character(at).filter(|found| set.contains(*found)) else { continue };
                    let at = at + found.len_utf8();
                    if more > 1 {
                        self.ways.push(Way::More(pc, at, more - 1));
                    }
                    return Some((pc + 1, at));
                }
                Way::Earlier(pc, at, more) => {
                    let Some(before) = self.before(at) else { continue };
                    let at = at - before.len_utf8();
                    if more > 1 {
                        self.ways.push(Way::Earlier(pc, at, more - 1));
                    }
                    return Some((pc + 1, at));
                }
            }
        }
    }

    fn run(
        &mut self,
        set: &Set,
        times: Times,
        mood: Mood,
        pc: Pc,
        begin: usize,
    ) -> Result<Option<(Pc, usize)>, Exhausted> {
        let most = if mood == Mood::Lazy { Some(times.min) } else { times.max };
        let (mut at, mut count, mut least) = (begin, 0, begin);
        while most.is_none_or(|most| count < most) {
            let Some(found) = self.character(at).filter(|found| set.contains(*found)) else { break };
            at += found.len_utf8();
            count += 1;
            if count == times.min {
                least = at;
            }
        }
        self.steps += u64::from(count) / 8;
        if count < times.min {
            return Ok(None);
        }
        match mood {
            Mood::Greedy if at > least => self.keep(Way::Fewer(pc, at, least))?,
            Mood::Lazy => match times.max.map_or(u32::MAX, |max| max - times.min) {
                0 => {}
                more => self.keep(Way::More(pc, at, more))?,
            },
            _ => {}
        }
        Ok(Some((pc + 1, at)))
    }

    /// A turn that matched nothing is the last one, as in Java.
    fn another_turn(&mut self, state: Loop, pc: Pc, at: usize) -> Result<Option<(Pc, usize)>, Exhausted> {
        let count = self.register(state.count);
        let stuck = count > 0 && self.register(state.began) == at;
        let more = state.times.max.is_none_or(|max| count < max as usize);
        if stuck || !more {
            return Ok(Some((state.exit, at)));
        }
        if count < state.times.min as usize {
            return Ok(Some((pc + 1, at)));
        }
        let (first, second) =
            if state.mood == Mood::Lazy { (state.exit, pc + 1) } else { (pc + 1, state.exit) };
        self.keep(Way::Go(second, at))?;
        Ok(Some((first, at)))
    }

    fn behind(&mut self, place: usize, width: Width, pc: Pc) -> Result<Option<(Pc, usize)>, Exhausted> {
        let mut at = place;
        for _ in 0..width.min {
            let Some(before) = self.before(at) else { return Ok(None) };
            self.steps += 1;
            at -= before.len_utf8();
        }
        if width.max > width.min {
            self.keep(Way::Earlier(pc, at, width.max - width.min))?;
        }
        Ok(Some((pc + 1, at)))
    }

    /// Forgets the ways since the mark, but not what is to be undone.
    fn cut(&mut self, mark: usize) {
        self.steps += self.ways.len().saturating_sub(mark) as u64 / 8;
        let mut kept = mark;
        for at in mark..self.ways.len() {
            if matches!(self.ways.get(at), Some(Way::Undo(..))) {
                self.ways.swap(at, kept);
                kept += 1;
            }
        }
        self.ways.truncate(kept);
    }

    fn repeat_of(&mut self, group: usize, case: Case, at: usize) -> Option<usize> {
        let (begin, end) = self.group(group)?;
        let text = self.text;
        let (expected, rest) = (text.get(begin..end)?, text.get(at..)?);
        self.steps += expected.len() as u64 / 8;
        if case == Case::Exact {
            return rest.starts_with(expected).then_some(at + expected.len());
        }
        let mut found = rest.chars();
        for expected in expected.chars() {
            if !same(found.next()?, expected, case) {
                return None;
            }
        }
        Some(self.text.len() - found.as_str().len())
    }

    fn holds(&self, condition: &At, at: usize) -> bool {
        match condition {
            At::Word(set, polarity) => {
                let is_word = |character: Option<char>| character.is_some_and(|character| set.contains(character));
                let between = is_word(self.before(at)) != is_word(self.character(at));
                between == (*polarity == Polarity::Positive)
            }
            At::Place(place) => self.is_at(place, at),
        }
    }

    fn is_at(&self, place: &Place, at: usize) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        let after_return = self.before(at) == Some('\r');
        match place {
            Place::Begin => at == 0,
            Place::End => rest.is_empty(),
            Place::LastMatch => at == self.last,
            Place::BeforeLastTerminator(Lines::Unix) => matches!(rest, "" | "\n"),
            Place::BeforeLastTerminator(Lines::Any) => match rest {
                "" | "\r\n" | "\r" | "\u{85}" | "\u{2028}" | "\u{2029}" => true,
                "\n" => !after_return,
                _ => false,
            },
            // Not at the end, even of an empty text.
            Place::LineBegin(_) if rest.is_empty() => false,
            Place::LineBegin(Lines::Unix) => matches!(self.before(at), None | Some('\n')),
            Place::LineBegin(Lines::Any) => match self.before(at) {
                None | Some('\n' | '\u{85}' | '\u{2028}' | '\u{2029}') => true,
                Some('\r') => !rest.starts_with('\n'),
                _ => false,
            },
            Place::LineEnd(Lines::Unix) => rest.is_empty() || rest.starts_with('\n'),
            Place::LineEnd(Lines::Any) => match rest.chars().next() {
                None | Some('\r' | '\u{85}' | '\u{2028}' | '\u{2029}') => true,
                Some('\n') => !after_return,
                _ => false,
            },
            Place::WordBoundary(_) | Place::NoWordBoundary(_) => false,
        }
    }
}

fn same(left: char, right: char, case: Case) -> bool {
    let fold = |character: char| character.to_uppercase().flat_map(char::to_lowercase);
    left == right
        || match case {
            Case::Exact => false,
            Case::Ascii => left.eq_ignore_ascii_case(&right),
            Case::Unicode => fold(left).eq(fold(right)),
        }
}
