//! Several searches as one table-driven automaton: a step a byte however many they are, and between two chunks
//! nothing to remember but the number of a state.

use std::collections::HashMap;

use regex_automata::Span;
use regex_automata::dfa::Automaton as _;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::StateID;

use super::findings::Findings;
use super::table::{Table, matches, next_states};

/// Some searches, over text in their alphabet.
#[derive(Debug)]
pub struct Automaton {
    table: Table,
    start: StateID,
    /// The numbers of its searches, in the table's own order.
    searches: Vec<usize>,
    ahead: Ahead,
}

/// What a state says of the text to come.
#[derive(Debug)]
pub enum Ahead {
    /// A match may begin anywhere, so that none is ever ruled out. From the state it started in the automaton skips
    /// to where one may begin, if that is quickly found.
    Anything(Option<Prefilter>),
    /// For each state the searches that can still match, as bits.
    Open(HashMap<StateID, u64>),
}

/// How far an automaton has come in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// To this state.
    State(StateID),
    /// It reads no further: all is known, or it met what it cannot read.
    Stopped,
}

impl Automaton {
    /// An automaton that begins in the table's state `start`.
    pub fn new(table: Table, start: StateID, searches: Vec<usize>, ahead: Ahead) -> Automaton {
        Automaton { table, start, searches, ahead }
    }

    /// How large its table is.
    pub fn table_bytes(&self) -> usize {
        self.table.memory_usage()
    }

    /// Before the first byte.
    pub fn start(&self) -> At {
        At::State(self.start)
    }

    /// Reads the next bytes, and writes down what is known after them whatever comes.
    pub fn feed(&self, at: At, text: &[u8], findings: &mut Findings) -> At {
        let At::State(state) = at else { return At::Stopped };
        let state = self.walk(state, text, findings);
        if self.table.is_quit_state(state) {
            return At::Stopped;
        }
        self.note_imminent(state, findings);
        self.note_ruled_out(state, findings);
        if self.is_done(findings) { At::Stopped } else { At::State(state) }
    }

    /// Whether it would skip text in which nothing begins.
    pub fn skips(&self, at: At) -> bool {
        matches!(self.ahead, Ahead::Anything(Some(_))) && at == self.start()
    }

    /// The text has ended: writes down what its end makes match.
    pub fn note_end(&self, at: At, findings: &mut Findings) {
        if let At::State(state) = at {
            self.note_matches(self.table.next_eoi_state(state), findings);
        }
    }

    /// What has not matched in a text that was read to its end does not.
    pub fn rule_out_rest(&self, at: At, findings: &mut Findings) {
        if at != At::Stopped {
            self.searches.iter().for_each(|search| _ = findings.settle(*search, false));
        }
    }

    /// How many searches it makes.
    pub fn width(&self) -> usize {
        self.searches.len()
    }

    fn walk(&self, mut state: StateID, text: &[u8], findings: &mut Findings) -> StateID {
        let mut rest = text;
        loop {
            rest = self.skip(state, rest);
            let Some(steps) = self.run(&mut state, rest) else { return state };
            rest = rest.get(steps..).unwrap_or_default();
            let stops = self.note_matches(state, findings) && self.is_done(findings);
            if stops || self.table.is_quit_state(state) || self.table.is_dead_state(state) {
                return state;
            }
        }
    }

    /// Steps until there is something to see in the state; after how many bytes.
    fn run(&self, state: &mut StateID, text: &[u8]) -> Option<usize> {
        let mut now = *state;
        for (index, byte) in text.iter().enumerate() {
            now = self.table.next_state(now, *byte);
            if self.table.is_special_state(now) {
                *state = now;
                return Some(index + 1);
            }
        }
        *state = now;
        None
    }

    /// The text from where something may come of it: the next byte that leads out of the state or, at the start,
    /// may begin a match.
    fn skip<'t>(&self, state: StateID, text: &'t [u8]) -> &'t [u8] {
        let begin = match &self.ahead {
            Ahead::Anything(Some(prefilter)) if state == self.start => first_candidate(prefilter, text),
            _ if self.table.is_accel_state(state) => self.leading_out(state, text).unwrap_or(text.len()),
            _ => 0,
        };
        text.get(begin..).unwrap_or_default()
    }

    fn leading_out(&self, state: StateID, text: &[u8]) -> Option<usize> {
        match *self.table.accelerator(state) {
            [a] => memchr::memchr(a, text),
            [a, b] => memchr::memchr2(a, b, text),
            [a, b, c] => memchr::memchr3(a, b, c, text),
            _ => Some(0),
        }
    }

    /// Writes down what matched when the state was entered; whether any of it is news.
    fn note_matches(&self, state: StateID, findings: &mut Findings) -> bool {
        let mut news = false;
        for own in matches(&self.table, state) {
            news |= self.settle(own, true, findings);
        }
        news
    }

    /// A match shows one step late, so that the table can look at what stands behind it. What every step would
    /// show is known before the step.
    fn note_imminent(&self, state: StateID, findings: &mut Findings) {
        for own in matches(&self.table, self.table.next_eoi_state(state)) {
            let shows = |next| matches(&self.table, next).any(|other| other == own);
            if next_states(&self.table, state).all(shows) {
                self.settle(own, true, findings);
            }
        }
    }

    fn note_ruled_out(&self, state: StateID, findings: &mut Findings) {
        let Ahead::Open(open) = &self.ahead else { return };
        let open = open.get(&state).copied().unwrap_or_default();
        for own in (0..self.searches.len()).filter(|own| open & (1 << own) == 0) {
            self.settle(own, false, findings);
        }
    }

    fn settle(&self, own: usize, matched: bool, findings: &mut Findings) -> bool {
        self.searches.get(own).is_some_and(|search| findings.settle(*search, matched))
    }

    fn is_done(&self, findings: &Findings) -> bool {
        self.searches.iter().all(|search| findings.is_settled(*search))
    }
}

/// Where a match may begin first. One that begins near the end may show only in the next chunk.
pub fn first_candidate(prefilter: &Prefilter, text: &[u8]) -> usize {
    let Some(last) = (text.len() + 1).checked_sub(prefilter.max_needle_len()) else { return 0 };
    prefilter.find(text, Span::from(0..text.len())).map_or(last, |candidate| candidate.start)
}
