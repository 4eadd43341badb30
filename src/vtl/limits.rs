//! How much one template may do. Work is counted, not timed: the same template ends at the same place everywhere.

use super::fault::Fault;

/// The bounds of one template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the template, bytes. API Gateway's quota is 300 KB.
    pub template_bytes: usize,
    /// Turns of one `#foreach`, after which it ends silently, as on API Gateway.
    pub loop_turns: u32,
    /// Work of one render: nodes evaluated, turns taken, and what methods and regular expressions do, in units of
    /// about 10 ns.
    pub steps: u64,
    /// How deep directives, references and values may be nested.
    pub depth: u32,
    /// Length of what is printed, bytes. API Gateway's quota for a payload is 10 MB.
    pub output_bytes: usize,
    /// All that a render makes in memory, bytes, whether still in use or not.
    pub memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            template_bytes: 300 * 1024,
            loop_turns: 1000,
            steps: 1_000_000,
            depth: 100,
            output_bytes: 10_000_000,
            memory_bytes: 64 << 20,
        }
    }
}

/// What a render has used of its bounds.
#[derive(Debug, Clone)]
pub struct Meter {
    limits: Limits,
    steps: u64,
    memory: usize,
}

impl Meter {
    /// Nothing used yet.
    pub fn new(limits: Limits) -> Meter {
        Meter { limits, steps: 0, memory: 0 }
    }

    /// The bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts work. Once a bound is reached there is no more of anything.
    #[inline]
    pub fn work(&mut self, steps: u64) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.limits.steps { Err(self.exhausted()) } else { Ok(()) }
    }

    /// How much work is left.
    pub fn steps_left(&self) -> u64 {
        self.limits.steps.saturating_sub(self.steps)
    }

    /// Counts memory, and the work of writing to it.
    pub fn allocate(&mut self, bytes: usize) -> Result<(), Fault> {
        self.memory = self.memory.saturating_add(bytes);
        let is_too_much = self.memory > self.limits.memory_bytes;
        self.work(if is_too_much { u64::MAX } else { bytes as u64 / 128 })
    }

    /// How much memory is left, bytes.
    pub fn memory_left(&self) -> usize {
        self.limits.memory_bytes.saturating_sub(self.memory)
    }

    #[cold]
    fn exhausted(&self) -> Fault {
        Fault::limit(match self.memory > self.limits.memory_bytes {
            true => format!("more than {} bytes of values", self.limits.memory_bytes),
            false => format!("more than {} steps", self.limits.steps),
        })
    }

    /// Whether something nested so deep may be looked into.
    pub fn descend(&self, depth: u32) -> Result<(), Fault> {
        if depth > self.limits.depth {
            return Err(Fault::limit(format!("nested deeper than {}", self.limits.depth)));
        }
        Ok(())
    }
}
