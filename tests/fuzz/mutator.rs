//! Mutations that know what a document is made of: bytes, lines with their indentation, and words between punctuation.

use super::numbers::Numbers;

/// Bytes that mean something to YAML, to lines, or to UTF-8.
const TELLING: &[u8] = b":-#&*!|>'\"%@`{}[],? \t\r\n\0.~/\\<=0\xff\xc3\x80\x07";

/// Words that a reader treats in a way of its own.
const WORDS: &[&str] = &[
    "null",
    "~",
    "true",
    "no",
    "0",
    "-1",
    "0x7f",
    "1e309",
    "18446744073709551616",
    ".nan",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "::",
    "0.0.0.0/0",
    "::/0",
    "10.0.0.1/33",
    "[::1]:6443",
    "v1.37.2",
    "v999999999999.0.0",
    "{}",
    "[]",
    "<<",
    "---",
    "...",
    "!!binary",
    "|",
    "https://[",
    "http://a:99999/",
    "é",
    "\u{feff}",
    "\"\\ud800\"",
    "kind: Node",
    "kind: Cluster",
    "secret",
    "inline",
    "url",
    "disk",
];

/// Makes one input after another out of seeds.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    numbers: Numbers,
}

impl Mutator {
    /// Always the same inputs for the same seeds.
    pub fn new(seeds: Vec<Vec<u8>>) -> Self {
        Self { seeds, numbers: Numbers(0x9e37_79b9_7f4a_7c15) }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.numbers.below(limit.max(1))
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        self.seeds[at].clone()
    }

    /// A seed after one to four mutations.
    pub fn next(&mut self) -> Vec<u8> {
        let mut input = self.seed();
        for _ in 0..=self.below(4) {
            match self.below(4) {
                0 => self.byte(&mut input),
                1 => self.word(&mut input),
                2 => self.line(&mut input),
                _ => self.splice(&mut input),
            }
        }
        input
    }

    fn byte(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        let byte = TELLING[self.below(TELLING.len())];
        match self.below(4) {
            0 => input.insert(at, byte),
            _ if input.is_empty() => {}
            1 => input[at] = byte,
            2 => input[at] ^= 1 << self.below(8),
            _ => drop(input.remove(at)),
        }
    }

    /// The word around a random place becomes another.
    fn word(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        let edge = |byte: &u8| b" \n\r\t:,{}[]\"'".contains(byte);
        let from = input[..at].iter().rposition(edge).map_or(0, |before| before + 1);
        let to = input[at..].iter().position(edge).map_or(input.len(), |after| at + after);
        let word = WORDS[self.below(WORDS.len())];
        input.splice(from..to.max(from), word.bytes());
    }

    /// A line goes, comes twice, moves, changes its indentation, or comes from another seed.
    fn line(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        if lines.is_empty() {
            return;
        }
        let (at, to) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(6) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(to, lines[at].clone()),
            2 => lines.swap(at, to),
            3 => lines[at].splice(..0, *b"  ").for_each(drop),
            4 => drop(lines[at].starts_with(b"  ").then(|| lines[at].drain(..2).for_each(drop))),
            _ => {
                let other = self.seed();
                let others: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
                // One fixture is empty and has no line to give.
                let from = self.below(others.len());
                lines.extend(others.get(from).map(|line| line.to_vec()));
                let last = lines.len() - 1;
                lines.swap(to, last);
            }
        }
        *input = lines.concat();
    }

    /// The rest of another seed, or nothing, after a random place.
    fn splice(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        match self.below(8) {
            0 => input.truncate(at),
            1 => {
                let other = self.seed();
                let from = self.below(other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => self.byte(input),
        }
    }
}
