//! Neutral values that look like the vendors' own, made anew at every start, so that no two sandboxes share one.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Makes values that cannot be guessed from each other.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    made: u64,
}

impl Secrets {
    /// `length` characters of lower-case letters and digits.
    ///
    /// The standard library's keyed hash is randomness enough for a sandbox, and costs no dependency.
    pub(crate) fn text(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let mut word = self.word();
            for _ in 0..12 {
                if text.len() < length {
                    text.push(char::from(LETTERS[usize::from(word.to_le_bytes()[0] & 31)]));
                    word >>= 5;
                }
            }
        }
        text
    }

    /// Six digits, as BILL sends them to a phone.
    pub(crate) fn six_digits(&mut self) -> String {
        format!("{:06}", self.word() % 1_000_000)
    }

    /// In the form of a UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.word(), self.word());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }

    fn word(&mut self) -> u64 {
        self.made += 1;
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(self.made);
        hasher.finish()
    }
}
