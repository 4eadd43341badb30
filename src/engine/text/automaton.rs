//! Several searches as one table-driven automaton: a step a byte however many they are, and between two chunks
//! nothing to remember but the number of a state. The table is made once, when rules are loaded; searches that
//! together would need too large a one are divided.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind, Span};
use regex_syntax::hir::{Hir, LookSet};

use super::findings::Findings;

/// Bytes of one table. A larger one takes long to make and does not stay in the processor's cache.
const TABLE_BYTES_MAX: usize = 1 << 20;

/// Searches of one table that are kept as bits of a `u64`.
const BITS: usize = 64;

type Table = dense::DFA<Vec<u32>>;

/// A search, and its number among all of the rule set's.
pub type Search = (usize, Hir);

/// A table for some searches.
#[derive(Debug)]
pub struct Automaton {
    dfa: Table,
    start: StateID,
    /// The numbers of its searches, in the table's own order.
    searches: Vec<usize>,
    ahead: Ahead,
}

/// What a state says of the text to come.
#[derive(Debug)]
enum Ahead {
    /// A match may begin anywhere, so that none is ever ruled out. From the state it started in the table skips to
    /// where one may begin, if that is quickly found.
    Anything(Option<Prefilter>),
    /// For each state the searches that can still match, as bits.
    Open(HashMap<StateID, u64>),
}

/// How far an automaton has come in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// To this state.
    State(StateID),
    /// It reads no further: all is known, or it met what it cannot read (beside `\b`, what is not ASCII).
    Stopped,
}

impl Automaton {
    /// Makes the tables for the searches, within so many bytes. Searches that do not fit into them are left out.
    pub fn build(searches: Vec<Search>, bytes_left: &mut usize) -> Vec<Automaton> {
        let looks = |(_, hir): &Search| -> LookSet { hir.properties().look_set() };
        let (plain, looking): (Vec<_>, Vec<_>) =
            searches.into_iter().partition(|search| looks(search).is_empty());
        let (words, anchored): (Vec<_>, Vec<_>) =
            looking.into_iter().partition(|search| looks(search).contains_word_unicode());
        let mut built = Vec::new();
        divide(&plain, bytes_left, &mut built);
        anchored.chunks(BITS).chain(words.chunks(BITS)).for_each(|some| divide(some, bytes_left, &mut built));
        built
    }

    fn new(searches: &[Search], bytes_max: usize) -> Option<Automaton> {
        let hirs: Vec<&Hir> = searches.iter().map(|(_, hir)| hir).collect();
        let nfa = thompson::Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(bytes_max));
        let nfa = thompson::Compiler::new().configure(nfa).build_many_from_hir(&hirs).ok()?;
        let plain = hirs.iter().all(|hir| hir.properties().look_set().is_empty());
        let prefilter = if plain { prefilter(&hirs) } else { None };
        let table = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Unanchored)
            .unicode_word_boundary(true)
            .accelerate(false)
            .specialize_start_states(prefilter.is_some())
            .dfa_size_limit(Some(bytes_max))
            .determinize_size_limit(Some(bytes_max));
        let dfa = dense::Builder::new().configure(table).build_from_nfa(&nfa).ok()?;
        let start = dfa.start_state(&start::Config::new().anchored(Anchored::No)).ok()?;
        let ahead = if plain { Ahead::Anything(prefilter) } else { Ahead::Open(open(&dfa, start)) };
        Some(Automaton { dfa, start, searches: searches.iter().map(|(number, _)| *number).collect(), ahead })
    }

    /// Before the first byte.
    pub fn start(&self) -> At {
        At::State(self.start)
    }

    /// Reads the next bytes, and writes down what is known after them whatever comes.
    pub fn feed(&self, at: At, text: &[u8], findings: &mut Findings) -> At {
        let At::State(state) = at else { return At::Stopped };
        let state = self.walk(state, text, findings);
        if self.dfa.is_quit_state(state) {
            return At::Stopped;
        }
        self.note_imminent(state, findings);
        self.note_ruled_out(state, findings);
        if self.is_done(findings) { At::Stopped } else { At::State(state) }
    }

    /// The text has ended: what has not matched does not.
    pub fn finish(&self, at: At, findings: &mut Findings) {
        let At::State(state) = at else { return };
        self.note_matches(self.dfa.next_eoi_state(state), findings);
        self.searches.iter().for_each(|search| _ = findings.settle(*search, false));
    }

    fn walk(&self, mut state: StateID, text: &[u8], findings: &mut Findings) -> StateID {
        let mut rest = text;
        loop {
            if state == self.start {
                rest = self.skip(rest);
            }
            let Some(steps) = self.run(&mut state, rest) else { return state };
            rest = rest.get(steps..).unwrap_or_default();
            let stops = self.note_matches(state, findings) && self.is_done(findings);
            if stops || self.dfa.is_quit_state(state) || self.dfa.is_dead_state(state) {
                return state;
            }
        }
    }

    /// Steps until there is something to see in the state; after how many bytes.
    fn run(&self, state: &mut StateID, text: &[u8]) -> Option<usize> {
        let mut now = *state;
        for (index, byte) in text.iter().enumerate() {
            now = self.dfa.next_state(now, *byte);
            if self.dfa.is_special_state(now) {
                *state = now;
                return Some(index + 1);
            }
        }
        *state = now;
        None
    }

    /// The text from where a match may begin. One that begins near its end may show only in the next chunk.
    fn skip<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Ahead::Anything(Some(prefilter)) = &self.ahead else { return text };
        let begin = match prefilter.find(text, Span::from(0..text.len())) {
            Some(candidate) => candidate.start,
            None => text.len().saturating_sub(prefilter.max_needle_len().saturating_sub(1)),
        };
        text.get(begin..).unwrap_or_default()
    }

    /// Writes down what matched when the state was entered; whether any of it is news.
    fn note_matches(&self, state: StateID, findings: &mut Findings) -> bool {
        let mut news = false;
        for own in matches(&self.dfa, state) {
            news |= self.settle(own, true, findings);
        }
        news
    }

    /// A match shows one step late, so that the table can look at what stands behind it. What every step would
    /// show is known before the step.
    fn note_imminent(&self, state: StateID, findings: &mut Findings) {
        for own in matches(&self.dfa, self.dfa.next_eoi_state(state)) {
            if next_states(&self.dfa, state).all(|next| matches(&self.dfa, next).any(|other| other == own)) {
                self.settle(own, true, findings);
            }
        }
    }

    fn note_ruled_out(&self, state: StateID, findings: &mut Findings) {
        let Ahead::Open(open) = &self.ahead else { return };
        let open = open.get(&state).copied().unwrap_or_default();
        (0..self.searches.len()).filter(|own| open & (1 << own) == 0).for_each(|own| {
            self.settle(own, false, findings);
        });
    }

    fn settle(&self, own: usize, matched: bool, findings: &mut Findings) -> bool {
        self.searches.get(own).is_some_and(|search| findings.settle(*search, matched))
    }

    fn is_done(&self, findings: &Findings) -> bool {
        self.searches.iter().all(|search| findings.is_settled(*search))
    }
}

/// One table if it fits, else one for each half.
fn divide(searches: &[Search], bytes_left: &mut usize, built: &mut Vec<Automaton>) {
    let bytes_max = TABLE_BYTES_MAX.min(*bytes_left);
    if searches.is_empty() || bytes_max == 0 {
        return;
    }
    let automaton = Automaton::new(searches, bytes_max);
    // A table that becomes too large has cost the time for its bytes all the same.
    *bytes_left -= automaton.as_ref().map_or(bytes_max, |made| made.dfa.memory_usage().min(bytes_max));
    match automaton {
        Some(automaton) => built.push(automaton),
        None if searches.len() == 1 => {}
        None => {
            let (first, second) = searches.split_at(searches.len() / 2);
            divide(first, bytes_left, built);
            divide(second, bytes_left, built);
        }
    }
}

/// Finds where a match may begin, if that is faster than a step a byte.
fn prefilter(hirs: &[&Hir]) -> Option<Prefilter> {
    Prefilter::from_hirs_prefix(MatchKind::LeftmostFirst, hirs).filter(Prefilter::is_fast)
}

/// For each state the searches that match in a next one or can from there.
fn open(dfa: &Table, start: StateID) -> HashMap<StateID, u64> {
    let mut states = vec![start];
    let mut open = HashMap::from([(start, 0)]);
    let mut next = 0;
    while let Some(state) = states.get(next).copied() {
        next += 1;
        for reached in next_states(dfa, state) {
            if open.insert(reached, 0).is_none() {
                states.push(reached);
            }
        }
    }
    // Most paths lead away from the start: backwards, few rounds find all.
    loop {
        let mut news = false;
        for state in states.iter().rev() {
            let bits = next_states(dfa, *state).fold(0, |bits, next| bits | ahead(dfa, &open, next));
            news |= open.insert(*state, bits) != Some(bits);
        }
        if !news {
            return open;
        }
    }
}

/// What a step to the state tells and leaves open; behind what cannot be read, everything.
fn ahead(dfa: &Table, open: &HashMap<StateID, u64>, state: StateID) -> u64 {
    if dfa.is_quit_state(state) {
        return u64::MAX;
    }
    matches(dfa, state).fold(open.get(&state).copied().unwrap_or_default(), |bits, own| bits | 1 << own)
}

/// The searches, in the table's own order, that matched when the state was entered.
fn matches(dfa: &Table, state: StateID) -> impl Iterator<Item = usize> {
    let count = if dfa.is_match_state(state) { dfa.match_len(state) } else { 0 };
    (0..count).map(move |index| dfa.match_pattern(state, index).as_usize())
}

/// All states that one more byte, or the end of the text, leads to.
fn next_states(dfa: &Table, state: StateID) -> impl Iterator<Item = StateID> {
    dfa.byte_classes().representatives(..).map(move |unit| match unit.as_u8() {
        Some(byte) => dfa.next_state(state, byte),
        None => dfa.next_eoi_state(state),
    })
}
