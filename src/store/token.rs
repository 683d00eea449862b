//! Bearer tokens: what one looks like, how it is made, and the hash it is checked by.
//!
//! `rollcall_<43>_<6>`: a prefix that secret scanners find, 256 random bits in base 62, and a CRC-32 so that a
//! scanner (or we) can tell a token from a look-alike, and a torn copy from a wrong one, without asking anybody.

use std::fmt;

use sha2::{Digest, Sha256};

/// A bearer token. It is shown nowhere: only [`Token::reveal`] gives its text, to be put into a Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// The operating system has no randomness to give; no token can be issued.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes, so that no token can be issued: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

const PREFIX: &str = "rollcall_";
const SECRET_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;
const LENGTH: usize = PREFIX.len() + SECRET_DIGITS + 1 + CHECKSUM_DIGITS;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Token {
    /// A new token from 256 random bits of the operating system.
    pub fn issue() -> Result<Self, NoRandomness> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits)?;
        Ok(Self::from_bits(bits))
    }

    /// The token that these bits make.
    pub fn from_bits(bits: [u8; 32]) -> Self {
        let body = format!("{PREFIX}{}", base62(&bits, SECRET_DIGITS));
        let checksum = checksum(&body);
        Self(format!("{body}_{checksum}"))
    }

    /// Reads a token; `None` unless prefix, length, alphabet and checksum are right.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH || !text.is_ascii() || !text.starts_with(PREFIX) {
            return None;
        }
        let (body, sum) = text.rsplit_once('_')?;
        let secret = body.strip_prefix(PREFIX)?;
        let is_token = secret.len() == SECRET_DIGITS
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && sum == checksum(body);
        is_token.then(|| Self(text.to_owned()))
    }

    /// SHA-256 in hexadecimal: what a status holds and what requests are checked against. A plain hash is enough,
    /// because 256 random bits can't be guessed.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }

    /// The text itself, for the Secret and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rollcall_(redacted)")
    }
}

fn checksum(body: &str) -> String {
    base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECKSUM_DIGITS)
}

/// A big-endian number in base 62 with leading zeros. `digits` must be enough for all bits of `number`.
fn base62(number: &[u8], digits: usize) -> String {
    let mut rest = number.to_vec();
    let mut text = vec![ALPHABET[0]; digits];
    for digit in text.iter_mut().rev() {
        *digit = ALPHABET[divide_by_62(&mut rest)];
    }
    text.into_iter().map(char::from).collect()
}

/// Divides in place and gives the remainder.
fn divide_by_62(number: &mut [u8]) -> usize {
    let mut remainder = 0_u16;
    for byte in number {
        let value = (remainder << 8) | u16::from(*byte);
        // The remainder is below 62, so the quotient is below 256.
        *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
        remainder = value % 62;
    }
    usize::from(remainder)
}

fn hex(bytes: &[u8]) -> String {
    let digit = |four_bits: u8| char::from_digit(u32::from(four_bits), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issued_token_is_read_back() {
        let token = Token::issue().unwrap();
        assert_eq!(Token::parse(token.reveal()), Some(token));
    }

    #[test]
    fn the_largest_secret_fits_its_digits() {
        let token = Token::from_bits([0xff; 32]);
        assert_eq!(token.reveal().len(), LENGTH);
        assert_ne!(token, Token::from_bits([0xfe; 32]));
        let shifted = Token::from_bits([0x7f; 32]);
        assert_ne!(token.reveal()[..52], shifted.reveal()[..52], "the first digit carries the highest bits");
    }

    #[test]
    fn one_changed_character_is_noticed() {
        let token = Token::from_bits([7; 32]);
        for position in 0..LENGTH {
            let mut text = token.reveal().as_bytes().to_vec();
            text[position] = if text[position] == b'x' { b'y' } else { b'x' };
            let text = String::from_utf8(text).unwrap();
            assert_eq!(Token::parse(&text), None, "changed at {position}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = Token::from_bits([1; 32]);
        let cut = &token.reveal()[..LENGTH - 1];
        let long = format!("{}0", token.reveal());
        let wide = "rollcall_äääääääääääääääääääää_000000".to_owned();
        for text in ["", "rollcall_", "x", cut, &long, &wide, &" ".repeat(LENGTH), &"_".repeat(LENGTH)] {
            assert_eq!(Token::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_hash_is_the_one_that_sha256sum_prints() {
        let token = Token(String::from("abc"));
        assert_eq!(token.hash(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = Token::from_bits([9; 32]);
        for shown in [format!("{token}"), format!("{token:?}"), format!("{:#?}", Some(&token))] {
            assert!(!shown.contains(&token.reveal()[9..20]), "{shown}");
        }
    }
}
