//! How the tables of automata are made: which searches share one, how large it may become, and what is known of the
//! text to come in each of its states.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

use super::alphabet::Alphabet;
use super::automaton::{Ahead, Automaton};

/// A table of states by bytes.
pub type Table = dense::DFA<Vec<u32>>;

/// A search, and its number among all of the rule set's.
pub type Search = (usize, Hir);

/// Bytes of one table. A larger one takes long to make and does not stay in the processor's cache.
const TABLE_BYTES_MAX: usize = 512 << 10;

/// Searches that are kept as bits of a `u64`.
const BITS: usize = 64;

/// What searches look at beside the characters that they match. Those of one kind share a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// At nothing: the table may skip to where a match can begin.
    Nowhere,
    /// At the ends of the text or of lines.
    AtEnds,
    /// At Unicode's word boundaries: the table cannot read letters beyond ASCII.
    BetweenWords,
}

impl Looks {
    fn of((_, hir): &Search) -> Looks {
        match hir.properties().look_set() {
            looks if looks.contains_word_unicode() => Looks::BetweenWords,
            looks if looks.is_empty() => Looks::Nowhere,
            _ => Looks::AtEnds,
        }
    }
}

/// Makes the automata for the searches, with tables of so many bytes at most. Searches that do not fit are left out.
pub fn automata(searches: &[Search], alphabet: &Alphabet, bytes_left: &mut usize) -> Vec<Automaton> {
    let mut built = Vec::new();
    for looks in [Looks::Nowhere, Looks::AtEnds, Looks::BetweenWords] {
        let alike: Vec<Search> =
            searches.iter().filter(|search| Looks::of(search) == looks).cloned().collect();
        let together_max = if looks == Looks::Nowhere { usize::MAX } else { BITS };
        for some in alike.chunks(together_max) {
            divide(some, looks, alphabet, bytes_left, &mut built);
        }
    }
    built
}

/// One table if it fits, else one for each half.
fn divide(
    searches: &[Search],
    looks: Looks,
    alphabet: &Alphabet,
    bytes_left: &mut usize,
    built: &mut Vec<Automaton>,
) {
    let bytes_max = TABLE_BYTES_MAX.min(*bytes_left);
    let automaton = automaton(searches, looks, alphabet, bytes_max);
    // A table that becomes too large has taken the time for its bytes all the same.
    *bytes_left -= automaton.as_ref().map_or(bytes_max, |made| made.table_bytes().min(bytes_max));
    match automaton {
        Some(automaton) => built.push(automaton),
        None if searches.len() == 1 || *bytes_left == 0 => {}
        None => {
            let (first, second) = searches.split_at(searches.len() / 2);
            divide(first, looks, alphabet, bytes_left, built);
            divide(second, looks, alphabet, bytes_left, built);
        }
    }
}

fn automaton(searches: &[Search], looks: Looks, alphabet: &Alphabet, bytes_max: usize) -> Option<Automaton> {
    let spelled: Vec<Hir> = searches.iter().map(|(_, hir)| alphabet.spell(hir)).collect::<Option<_>>()?;
    let prefilter = if looks == Looks::Nowhere { prefilter(&spelled) } else { None };
    let nfa = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(bytes_max));
    let nfa = thompson::Compiler::new().configure(nfa).build_many_from_hir(&spelled).ok()?;
    let mut config = dense::Config::new()
        .match_kind(MatchKind::All)
        .start_kind(StartKind::Unanchored)
        .specialize_start_states(prefilter.is_some())
        .dfa_size_limit(Some(bytes_max))
        .determinize_size_limit(Some(bytes_max));
    if looks == Looks::BetweenWords {
        config = alphabet.words().fold(config, |config, kind| config.quit(kind, true));
    }
    let table = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
    let start = table.start_state(&start::Config::new().anchored(Anchored::No)).ok()?;
    let ahead = match looks {
        Looks::Nowhere => Ahead::Anything(prefilter),
        Looks::AtEnds | Looks::BetweenWords => Ahead::Open(open(&table, start)),
    };
    Some(Automaton::new(table, start, searches.iter().map(|(number, _)| *number).collect(), ahead))
}

/// Finds where a match of any of the searches may begin that look at nothing else.
pub fn common_prefilter(searches: &[Search], alphabet: &Alphabet) -> Option<Prefilter> {
    let nowhere = searches.iter().filter(|search| Looks::of(search) == Looks::Nowhere);
    prefilter(&nowhere.map(|(_, hir)| alphabet.spell(hir)).collect::<Option<Vec<Hir>>>()?)
}

/// Finds where a match may begin, if that is faster than a step a byte.
fn prefilter(spelled: &[Hir]) -> Option<Prefilter> {
    Prefilter::from_hirs_prefix(MatchKind::LeftmostFirst, spelled).filter(Prefilter::is_fast)
}

/// For each state the searches that match in one that can be reached from it, as bits.
fn open(table: &Table, start: StateID) -> HashMap<StateID, u64> {
    let mut states = vec![start];
    let mut numbers = HashMap::from([(start, 0)]);
    let mut reached: Vec<Vec<usize>> = Vec::new();
    while let Some(state) = states.get(reached.len()).copied() {
        let next = next_states(table, state).map(|next| {
            *numbers.entry(next).or_insert_with(|| {
                states.push(next);
                states.len() - 1
            })
        });
        let mut next: Vec<usize> = next.collect();
        next.dedup();
        reached.push(next);
    }
    let told: Vec<u64> = states.iter().map(|state| told(table, *state)).collect();
    let open = spread(&told, &reached);
    states.into_iter().zip(open).collect()
}

/// What entering the state tells, as bits; behind what cannot be read, everything is open.
fn told(table: &Table, state: StateID) -> u64 {
    if table.is_quit_state(state) {
        u64::MAX
    } else {
        matches(table, state).fold(0, |bits, own| bits | 1 << own)
    }
}

/// For each node what is told in those that can be reached from it.
fn spread(told: &[u64], reached: &[Vec<usize>]) -> Vec<u64> {
    let mut open = vec![0; told.len()];
    loop {
        let mut news = false;
        // Most edges lead away from the first node, so that backwards few rounds are needed.
        for (node, next) in reached.iter().enumerate().rev() {
            let at = |of: &[u64], node: &usize| of.get(*node).copied().unwrap_or_default();
            let bits = next.iter().fold(0, |bits, next| bits | at(told, next) | at(&open, next));
            if let Some(known) = open.get_mut(node) {
                news |= *known != bits;
                *known = bits;
            }
        }
        if !news {
            return open;
        }
    }
}

/// The searches, in the table's own order, that matched when the state was entered.
pub fn matches(table: &Table, state: StateID) -> impl Iterator<Item = usize> {
    let count = if table.is_match_state(state) { table.match_len(state) } else { 0 };
    (0..count).map(move |index| table.match_pattern(state, index).as_usize())
}

/// All states that one more byte, or the end of the text, leads to.
pub fn next_states(table: &Table, state: StateID) -> impl Iterator<Item = StateID> {
    table.byte_classes().representatives(..).map(move |unit| match unit.as_u8() {
        Some(byte) => table.next_state(state, byte),
        None => table.next_eoi_state(state),
    })
}
