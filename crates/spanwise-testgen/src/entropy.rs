//! Choices made from a slice of bytes.

/// Turns bytes into choices. When the bytes are spent, every choice is the first one, so that whatever is being made ends
/// soon: the first choice is always the simplest.
#[derive(Debug, Clone)]
pub struct Entropy {
    bytes: Vec<u8>,
    at: usize,
}

impl Entropy {
    /// Choices from `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0 }
    }

    /// The next byte, 0 when none is left.
    pub fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    /// Whether no byte is left.
    pub fn is_spent(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// A number below `bound`, which is from 1 to 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    /// True in `share` of 256 cases.
    pub fn chance(&mut self, share: u8) -> bool {
        share > 0 && self.byte() > 255 - share
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A number of which all sizes are likely.
    pub fn number(&mut self) -> u64 {
        let length = self.below(9);
        (0..length).fold(0, |value, _| value << 8 | u64::from(self.byte()))
    }

    /// Puts `items` in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Entropy;

    #[test]
    fn spent_bytes_give_the_first_choice() {
        let mut entropy = Entropy::new(&[5, 255]);
        assert_eq!((entropy.pick(&[1, 2, 3]), entropy.chance(1)), (3, true));
        assert!(entropy.is_spent());
        assert_eq!((entropy.below(7), entropy.chance(255), entropy.number()), (0, false, 0));
    }
}
