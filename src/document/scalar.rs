//! What a plain YAML scalar means to Kubernetes' own reader (sigs.k8s.io/yaml over go-yaml v2, YAML 1.1), and which of
//! them are written so that no reader can disagree.
//!
//! The rule: a plain scalar is text, null, `true`, `false`, or a number that JSON writes the same way. Whatever else
//! either YAML version takes for something other than text (`yes`, `0644`, `1_000`, `0o17`, `1.10`, `1.0`, `.inf`) is a
//! violation: quote it, or write what is meant.

use serde_json::{Number, Value};

/// Whether YAML takes this plain scalar for null.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

const fn is_boolean_1_1(text: &str) -> bool {
    matches!(
        text.as_bytes(),
        b"y" | b"Y"
            | b"yes"
            | b"Yes"
            | b"YES"
            | b"n"
            | b"N"
            | b"no"
            | b"No"
            | b"NO"
            | b"on"
            | b"On"
            | b"ON"
            | b"off"
            | b"Off"
            | b"OFF"
            | b"true"
            | b"True"
            | b"TRUE"
            | b"false"
            | b"False"
            | b"FALSE"
    )
}

/// What YAML 1.1 or 1.2 takes this plain scalar for, if not for text: `a boolean`, `a number`, `nothing`.
pub(super) fn meaning(text: &str) -> Option<&'static str> {
    if is_null(text) {
        Some("nothing")
    } else if is_boolean_1_1(text) {
        Some("a boolean")
    } else if is_number(text) {
        Some("a number")
    } else {
        None
    }
}

/// Whether any YAML reader takes it for a number: go-yaml's rules, which drop underscores, and YAML 1.2's `0o`.
fn is_number(text: &str) -> bool {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let bare = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    if matches!(bare, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return false;
    }
    let based = |prefixes: [&str; 2], radix: u32| {
        prefixes
            .iter()
            .filter_map(|prefix| bare.strip_prefix(prefix))
            .any(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    if based(["0x", "0X"], 16) || based(["0o", "0O"], 8) || based(["0b", "0B"], 2) {
        return true;
    }
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (bare, None),
    };
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    number(whole) && number(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent.is_none_or(|e| !e.is_empty() && number(e))
}

/// A plain scalar as JSON, or what YAML takes it for if readers can disagree.
///
/// # Errors
/// `a boolean` or `a number`: what an ambiguous scalar is to some reader.
pub(super) fn to_json(text: &str) -> Result<Value, &'static str> {
    match (text, meaning(text)) {
        (_, None) => Ok(Value::String(text.to_owned())),
        (_, Some("nothing")) => Ok(Value::Null),
        ("true", _) => Ok(Value::Bool(true)),
        ("false", _) => Ok(Value::Bool(false)),
        (_, Some(meaning)) => {
            let number = text.parse::<i64>().ok().map(Number::from).or_else(|| text.parse::<u64>().ok().map(Number::from));
            let number = number.or_else(|| text.parse::<f64>().ok().filter(|value| value.fract() != 0.0).and_then(Number::from_f64));
            match number {
                Some(number) if number.to_string() == text => Ok(Value::Number(number)),
                _ => Err(meaning),
            }
        }
    }
}
