//! From the characters of a block to its structure, carrying over what a block does not end.

/// Bits of one block of 64 bytes: bit `i` is byte `i`.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    pub(super) quotes: u64,
    pub(super) backslashes: u64,
    /// `{}[]:,`, in strings or not.
    pub(super) operators: u64,
}

/// What a block leaves to the next.
#[derive(Default)]
pub(super) struct State {
    /// 1 if the last byte was a backslash that escapes the next.
    escaping: u64,
    /// All ones if the last byte was in a string.
    in_string: u64,
}

const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;

impl State {
    pub(super) fn in_string(&self) -> bool {
        self.in_string != 0
    }

    /// The quotes and operators of the next block that are structure. `prefix_xor` sets each bit to the exclusive
    /// or of all bits up to it.
    #[inline(always)]
    pub(super) fn step(&mut self, masks: Masks, prefix_xor: impl Fn(u64) -> u64) -> u64 {
        let quotes = masks.quotes & !self.escaped(masks.backslashes);
        let in_string = prefix_xor(quotes) ^ self.in_string;
        self.in_string = 0u64.wrapping_sub(in_string >> 63);
        masks.operators & !in_string | quotes
    }

    /// The bytes that a backslash escapes: those after a backslash that is itself not escaped. Subtracting finds
    /// the ends of all runs at once; whether a run started on an odd or an even byte says which of its
    /// backslashes escape.
    #[inline(always)]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaping);
        }
        let potential = backslashes & !self.escaping;
        let maybe_escaped = potential << 1;
        let even_or_odd = (maybe_escaped | ODD).wrapping_sub(potential) ^ ODD;
        let escaped = even_or_odd ^ (backslashes | self.escaping);
        self.escaping = (even_or_odd & backslashes) >> 63;
        escaped
    }
}
