//! A pattern as instructions for [`matcher`](super::matcher), and where a match can start at all.

use regex_syntax::hir::ClassUnicode;

use super::syntax::{Case, Mood, Node, Place, Polarity, Times, Width};

/// Where the machine goes on.
pub type Pc = usize;
/// A variable of a run: groups first, then counters and marks.
pub type Register = usize;

/// One step.
#[derive(Debug, Clone)]
pub enum Step {
    /// This character.
    Character(char),
    /// One of these.
    Set(Set),
    /// As many of these as `times` says, without a step for each.
    Run(Set, Times, Mood),
    /// Go on there.
    Jump(Pc),
    /// Go on at the first; should that fail, at the second.
    Split(Pc, Pc),
    /// Write a number.
    Assign(Register, usize),
    /// Write the place.
    Remember(Register),
    /// A group ends here; it began where the register says.
    Close(usize, Register),
    /// Another turn of what follows, or on to the end.
    Loop(Loop),
    /// A turn begins.
    Turn(Loop),
    /// A condition on the place.
    At(At),
    /// What a group matched.
    Back(usize, Case),
    /// Write how much there is to go back to.
    Mark(Register),
    /// Forget all ways back since the mark.
    Cut(Register),
    /// Go back to the place that was remembered.
    Return(Register),
    /// Go back to the mark, and fail there.
    Refuse(Register),
    /// Go back so many characters from the remembered place, the fewest first.
    Behind(Register, Width),
    /// Fail unless this is the remembered place.
    Here(Register),
    /// All is found.
    Match,
}

/// A loop over what is not one character.
#[derive(Debug, Clone, Copy)]
pub struct Loop {
    /// The turns begun.
    pub count: Register,
    /// Where the last one began.
    pub began: Register,
    /// How many.
    pub times: Times,
    /// Which number is tried first.
    pub mood: Mood,
    /// What follows the loop.
    pub exit: Pc,
}

/// A condition on the place, with the sets it needs.
#[derive(Debug, Clone)]
pub enum At {
    /// Between a word's character and another, or not.
    Word(Set, Polarity),
    /// All others.
    Place(Place),
}

/// A set of characters, quick to ask.
#[derive(Debug, Clone)]
pub struct Set {
    ascii: u128,
    others: Box<[(char, char)]>,
}

impl Set {
    fn new(class: &ClassUnicode) -> Set {
        let mut ascii = 0;
        for range in class.ranges() {
            for character in range.start()..=range.end().min('\u{7f}') {
                ascii |= 1u128 << u32::from(character);
            }
        }
        let others = class.ranges().iter().filter(|range| !range.end().is_ascii());
        Set { ascii, others: others.map(|range| (range.start(), range.end())).collect() }
    }

    /// Whether it holds the character.
    #[inline]
    pub fn contains(&self, character: char) -> bool {
        if character.is_ascii() {
            return self.ascii >> u32::from(character) & 1 == 1;
        }
        let after = self.others.partition_point(|(first, _)| *first <= character);
        after.checked_sub(1).and_then(|at| self.others.get(at)).is_some_and(|(_, last)| *last >= character)
    }
}

/// Which bytes a match can begin with.
#[derive(Debug, Clone)]
pub enum Start {
    /// Only at the begin of the text.
    Begin,
    /// Anywhere.
    Anywhere,
    /// Before this byte.
    Byte(u8),
    /// Before one of these bytes.
    Bytes(Box<[bool; 256]>),
}

/// A pattern that can be run.
#[derive(Debug, Clone)]
pub struct Program {
    /// What to do.
    pub steps: Vec<Step>,
    /// How many variables it has; two for each group, the whole match first.
    pub registers: usize,
    /// Where a match can begin.
    pub start: Start,
}

impl Program {
    /// Of a pattern with so many groups.
    pub fn new(node: &Node, groups: usize) -> Program {
        let mut program = Program { steps: Vec::new(), registers: 2 * (groups + 1), start: start(node) };
        program.add(node);
        program.steps.push(Step::Match);
        program
    }

    fn register(&mut self) -> Register {
        self.registers += 1;
        self.registers - 1
    }

    fn end(&self) -> Pc {
        self.steps.len()
    }

    /// A step that is known only later.
    fn reserve(&mut self) -> Pc {
        self.steps.push(Step::Match);
        self.end() - 1
    }

    fn fill(&mut self, at: Pc, step: Step) {
        if let Some(reserved) = self.steps.get_mut(at) {
            *reserved = step;
        }
    }

    // Parsing has bounded how deep nodes are nested.
    fn add(&mut self, node: &Node) {
        match node {
            Node::Empty => {}
            Node::Character(character) => self.steps.push(Step::Character(*character)),
            Node::Set(class) => self.steps.push(Step::Set(Set::new(class))),
            Node::Sequence(nodes) => nodes.iter().for_each(|node| self.add(node)),
            Node::Alternation(branches) => self.add_branches(branches),
            Node::Group(group, node) => {
                let begin = self.register();
                self.steps.push(Step::Remember(begin));
                self.add(node);
                self.steps.push(Step::Close(*group, begin));
            }
            Node::Repeat(node, times, mood) => self.add_repeat(node, *times, *mood),
            Node::Atomic(node) => {
                let mark = self.register();
                self.steps.push(Step::Mark(mark));
                self.add(node);
                self.steps.push(Step::Cut(mark));
            }
            Node::Ahead(node, Polarity::Positive) => {
                let (mark, place) = (self.register(), self.register());
                self.steps.extend([Step::Remember(place), Step::Mark(mark)]);
                self.add(node);
                self.steps.extend([Step::Cut(mark), Step::Return(place)]);
            }
            Node::Ahead(node, Polarity::Negative) => self.add_refused(|program, _| program.add(node)),
            Node::Behind(node, Polarity::Positive, width) => {
                let (mark, place) = (self.register(), self.register());
                self.steps.extend([Step::Remember(place), Step::Mark(mark), Step::Behind(place, *width)]);
                self.add(node);
                self.steps.extend([Step::Here(place), Step::Cut(mark)]);
            }
            Node::Behind(node, Polarity::Negative, width) => self.add_refused(|program, place| {
                program.steps.push(Step::Behind(place, *width));
                program.add(node);
                program.steps.push(Step::Here(place));
            }),
            Node::Back(group, case) => self.steps.push(Step::Back(*group, *case)),
            Node::At(place) => self.steps.push(Step::At(match place {
                Place::WordBoundary(class) => At::Word(Set::new(class), Polarity::Positive),
                Place::NoWordBoundary(class) => At::Word(Set::new(class), Polarity::Negative),
                other => At::Place(other.clone()),
            })),
        }
    }

    fn add_branches(&mut self, branches: &[Node]) {
        let mut ends = Vec::new();
        for (place, branch) in branches.iter().enumerate() {
            if place + 1 == branches.len() {
                self.add(branch);
                break;
            }
            let split = self.reserve();
            self.add(branch);
            ends.push(self.reserve());
            self.fill(split, Step::Split(split + 1, self.end()));
        }
        for end in ends {
            self.fill(end, Step::Jump(self.end()));
        }
    }

    /// What must not match. The mark is made before the way on is remembered, so refusing forgets that way.
    fn add_refused(&mut self, add: impl FnOnce(&mut Program, Register)) {
        let (mark, place) = (self.register(), self.register());
        self.steps.extend([Step::Remember(place), Step::Mark(mark)]);
        let split = self.reserve();
        add(self, place);
        self.steps.push(Step::Refuse(mark));
        self.fill(split, Step::Split(split + 1, self.end()));
    }

    fn add_repeat(&mut self, node: &Node, times: Times, mood: Mood) {
        let set = match node {
            Node::Character(character) => Some(Set::new(&super::class::of(&[(*character, *character)]))),
            Node::Set(class) => Some(Set::new(class)),
            _ => None,
        };
        match (set, mood) {
            (Some(set), _) => self.steps.push(Step::Run(set, times, mood)),
            (None, Mood::Possessive) => {
                let mark = self.register();
                self.steps.push(Step::Mark(mark));
                self.add_loop(node, times, Mood::Greedy);
                self.steps.push(Step::Cut(mark));
            }
            (None, _) => self.add_loop(node, times, mood),
        }
    }

    fn add_loop(&mut self, node: &Node, times: Times, mood: Mood) {
        if times == (Times { min: 0, max: Some(1) }) {
            let split = self.reserve();
            self.add(node);
            let (inside, after) = (split + 1, self.end());
            let (first, second) = if mood == Mood::Lazy { (after, inside) } else { (inside, after) };
            self.fill(split, Step::Split(first, second));
            return;
        }
        let (count, began) = (self.register(), self.register());
        self.steps.push(Step::Assign(count, 0));
        let head = self.reserve();
        let turn = self.reserve();
        self.add(node);
        self.steps.push(Step::Jump(head));
        let state = Loop { count, began, times, mood, exit: self.end() };
        self.fill(head, Step::Loop(state));
        self.fill(turn, Step::Turn(state));
    }
}

fn start(node: &Node) -> Start {
    let mut bytes = [false; 256];
    if begins(node) {
        return Start::Begin;
    }
    if first_bytes(node, &mut bytes) {
        return Start::Anywhere;
    }
    let mut set = bytes.iter().enumerate().filter(|(_, is_first)| **is_first).map(|(byte, _)| byte as u8);
    match (set.next(), set.next()) {
        (Some(only), None) => Start::Byte(only),
        _ => Start::Bytes(Box::new(bytes)),
    }
}

fn begins(node: &Node) -> bool {
    match node {
        Node::At(Place::Begin) => true,
        Node::Sequence(nodes) => nodes.first().is_some_and(begins),
        Node::Group(_, node) | Node::Atomic(node) => begins(node),
        Node::Alternation(branches) => branches.iter().all(begins),
        _ => false,
    }
}

/// Adds the bytes that the node can begin with; says whether it can match without any.
fn first_bytes(node: &Node, bytes: &mut [bool; 256]) -> bool {
    let mut add = |first: u8, last: u8| {
        bytes.iter_mut().take(usize::from(last) + 1).skip(usize::from(first)).for_each(|byte| *byte = true);
    };
    let lead = |character: char| {
        let mut buffer = [0; 4];
        character.encode_utf8(&mut buffer).bytes().next().unwrap_or_default()
    };
    match node {
        Node::Character(character) => {
            add(lead(*character), lead(*character));
            false
        }
        Node::Set(class) => {
            class.ranges().iter().for_each(|range| add(lead(range.start()), lead(range.end())));
            false
        }
        Node::Sequence(nodes) => nodes.iter().all(|node| first_bytes(node, bytes)),
        // Every branch counts, also after one that matches nothing.
        Node::Alternation(branches) => {
            branches.iter().fold(false, |empty, branch| first_bytes(branch, bytes) | empty)
        }
        Node::Group(_, node) | Node::Atomic(node) => first_bytes(node, bytes),
        Node::Repeat(node, times, _) => first_bytes(node, bytes) || times.min == 0,
        Node::Empty | Node::At(_) | Node::Ahead(..) | Node::Behind(..) | Node::Back(..) => true,
    }
}
