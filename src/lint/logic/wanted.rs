//! A text of a part that passes some tests and fails others, where each test lets several kinds of texts pass.

use super::language::{Language, Texts};
use super::part::{Kind, Part};
use super::product::{Budget, Member, member};

/// Ways to take one of each test's patterns that are tried before it is given up.
const WAYS_MAX: usize = 256;

/// What is wanted of a text.
pub struct Wanted<'a> {
    /// The part whose value it is.
    pub part: &'a Part,
    /// What kind of value.
    pub kind: Kind,
    /// Where it must not be.
    pub outside: Vec<&'a Texts>,
    /// What it may cost.
    pub budget: &'a Budget,
}

impl<'a> Wanted<'a> {
    /// A text that is in one of each of these.
    pub fn text(&self, inside: &[&'a [Texts]]) -> Member {
        let mut ways = 0;
        self.one_of_each(inside, &mut Vec::new(), &mut ways)
    }

    fn one_of_each(&self, inside: &[&'a [Texts]], taken: &mut Vec<&'a Texts>, ways: &mut usize) -> Member {
        let Some((first, rest)) = inside.split_first() else {
            *ways += 1;
            return if *ways > WAYS_MAX { Member::Unknown } else { self.within(taken) };
        };
        let mut unknown = false;
        for texts in *first {
            taken.push(texts);
            let found = self.one_of_each(rest, taken, ways);
            taken.pop();
            match found {
                Member::Found(text) => return Member::Found(text),
                Member::None => {}
                Member::Unknown => unknown = true,
            }
        }
        if unknown { Member::Unknown } else { Member::None }
    }

    /// A text that is in all that are taken.
    fn within(&self, taken: &[&Texts]) -> Member {
        let constant = match self.kind {
            Kind::Null => return Member::Found(String::new()),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            Kind::Text | Kind::Composite | Kind::Number | Kind::Equal(_) => None,
        };
        if let Some(text) = constant {
            return self.checked(taken, text.to_owned(), Member::None);
        }
        match self.searched(taken, self.part.texts(self.kind), &[]) {
            // The same number can be written in more ways than an automaton can tell.
            Member::None => match self.kind {
                Kind::Equal(index) => self.otherwise_written(taken, index),
                _ => Member::None,
            },
            Member::Found(number) if self.kind == Kind::Number && self.part.names_number(&number) => {
                let named = (0..self.part.numbers.len()).filter_map(|it| self.part.texts(Kind::Equal(it)));
                match self.searched(taken, self.part.texts(self.kind), &named.collect::<Vec<_>>()) {
                    Member::Found(number) if self.part.names_number(&number) => Member::Unknown,
                    other => other,
                }
            }
            other => other,
        }
    }

    fn otherwise_written(&self, taken: &[&Texts], index: usize) -> Member {
        match self.searched(taken, self.part.otherwise_written(index), &[]) {
            Member::None => Member::None,
            Member::Found(text) if self.part.numbers.get(index).is_some_and(|it| it.equals(&text)) => {
                Member::Found(text)
            }
            _ => Member::Unknown,
        }
    }

    fn searched(&self, taken: &[&Texts], values: Option<&Language>, not: &[&Language]) -> Member {
        let Some(values) = values else { return Member::Unknown };
        let known = taken.iter().filter_map(|texts| texts.language.as_ref());
        let inside: Vec<&Language> = [values].into_iter().chain(known).collect();
        let known = self.outside.iter().filter_map(|texts| texts.language.as_ref());
        let outside: Vec<&Language> = known.chain(not.iter().copied()).collect();
        match member(&inside, &outside, self.budget) {
            // Where there was no automaton, the text may be a wrong one, and another right.
            Member::Found(text) => self.checked(taken, text, Member::Unknown),
            other => other,
        }
    }

    fn checked(&self, taken: &[&Texts], text: String, otherwise: Member) -> Member {
        let fits = taken.iter().all(|texts| texts.holds(&text) == Some(true))
            && self.outside.iter().all(|texts| texts.holds(&text) == Some(false));
        if fits { Member::Found(text) } else { otherwise }
    }
}
