//! Chance that can be had again: the same number gives the same throws.

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(number: u64) -> Dice {
        Dice(number)
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below another.
    pub fn below(&mut self, end: usize) -> usize {
        (self.throw() % end.max(1) as u64) as usize
    }

    /// One time out of so many.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn one_of<'s>(&mut self, words: &[&'s str]) -> &'s str {
        words[self.below(words.len())]
    }

    /// A place between two characters.
    pub fn place(&mut self, text: &str) -> usize {
        let wanted = self.below(text.len() + 1);
        (0..=wanted).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
    }
}
