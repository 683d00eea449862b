//! What a number is worth, whatever its spelling.
//!
//! A JSON number has as many digits as its client likes, and one value has many spellings: `100`, `1e2`, `100.0`. So
//! numbers are compared digit by digit: floating point would take two long ones for the same.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// The value of a number: `0.DIGITS` times ten to the power of `point`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Worth {
    negative: bool,
    /// Without zeros at either end; none at all for zero, which has no sign either.
    digits: String,
    point: i64,
}

impl Worth {
    /// Exponents of 19 digits and more are as good as endless, and equal to one another.
    pub(crate) fn of(number: &Number) -> Self {
        let text = number.as_str();
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Self { negative: false, digits, point: 0 };
        }
        let endless = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
        let exponent: i64 = exponent.parse().unwrap_or(endless);
        let zeros = length(&all) - length(significant);
        Self {
            negative: text.starts_with('-'),
            digits,
            point: exponent.saturating_add(length(whole) - zeros),
        }
    }

    /// What the first so many of its digits are worth. Of two numbers, the smaller one stays the smaller, or equal.
    pub(crate) fn cut(mut self, most: usize) -> Self {
        self.digits.truncate(most);
        self.digits.truncate(self.digits.trim_end_matches('0').len());
        self
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

/// The length of a part of a request, which is far from what an `i64` can't hold.
fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

impl Ord for Worth {
    fn cmp(&self, other: &Self) -> Ordering {
        // Digits after the same point are in the order of their text, as those of a fraction are.
        self.sign().cmp(&other.sign()).then_with(|| {
            let larger = (self.point, &self.digits).cmp(&(other.point, &other.digits));
            if self.negative { larger.reverse() } else { larger }
        })
    }
}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The one spelling of this value: plain, unless that takes many zeros.
impl fmt::Display for Worth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { negative, digits, point } = self;
        if *negative {
            f.write_str("-")?;
        }
        let Ok(place) = usize::try_from(*point) else {
            return if *point > -6 {
                let zeros = "0".repeat(usize::try_from(point.unsigned_abs()).unwrap_or_default());
                write!(f, "0.{zeros}{digits}")
            } else {
                scientific(f, digits, *point)
            };
        };
        match digits.split_at_checked(place) {
            Some(("", "")) => f.write_str("0"),
            Some(("", fraction)) => write!(f, "0.{fraction}"),
            Some((whole, "")) => f.write_str(whole),
            Some((whole, fraction)) => write!(f, "{whole}.{fraction}"),
            None if place <= 21 => write!(f, "{digits:0<place$}"),
            None => scientific(f, digits, *point),
        }
    }
}

fn scientific(f: &mut fmt::Formatter<'_>, digits: &str, point: i64) -> fmt::Result {
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let dot = if rest.is_empty() { "" } else { "." };
    write!(f, "{first}{dot}{rest}e{:+}", point.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(text: &str) -> Worth {
        Worth::of(&text.parse().unwrap())
    }

    #[test]
    fn the_spellings_of_one_value_are_one_value_with_one_spelling() {
        for (spellings, plain) in [
            (&["0", "-0", "0.0", "-0.00e7", "0e99999999999999999999"][..], "0"),
            (&["100", "1e2", "1E+2", "100.0", "0.1e3", "1000e-1"], "100"),
            (&["1.5", "1.50", "15e-1", "0.0015E3"], "1.5"),
            (&["-0.05", "-5e-2"], "-0.05"),
            (&["1e-7", "0.0000001"], "1e-7"),
            (&["1E400", "10e399"], "1e+400"),
            (
                &["12345678901234567890123456789", "12345678901234567890123456789.0"],
                "12345678901234567890123456789",
            ),
        ] {
            for spelling in spellings {
                assert_eq!(worth(spelling).to_string(), plain, "{spelling}");
                assert_eq!(worth(spelling), worth(plain), "{spelling}");
            }
        }
    }

    #[test]
    fn numbers_are_in_the_order_of_their_value() {
        let ascending = [
            "-1e400",
            "-12345678901234567890123456789",
            "-12345678901234567890123456788",
            "-10",
            "-9.5",
            "-1e-7",
            "0",
            "1e-400",
            "0.05",
            "0.5",
            "1",
            "9",
            "9.5",
            "10",
            "12345678901234567890123456788",
            "12345678901234567890123456789",
            "1e400",
            "1e9999999999999999999",
        ];
        for pair in ascending.windows(2) {
            assert!(worth(pair[0]) < worth(pair[1]), "{pair:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn floats_and_their_worths_are_in_one_order(left: f64, right: f64) {
            let of = |value: f64| Some(Worth::of(&Number::from_f64(value)?));
            if let (Some(one), Some(other)) = (of(left), of(right)) {
                proptest::prop_assert_eq!(Some(one.cmp(&other)), left.partial_cmp(&right));
            }
        }
    }
}
