//! What a scalar means by the core schema of YAML 1.2, and where exactly it stands.

use saphyr_parser::ScalarStyle;
use serde_json::Number;

use super::{Span, Value};

/// The value of a plain scalar: `yes` and `no` are text.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// Whether a plain scalar with this text is this text.
pub(in crate::document) fn is_plain_text(text: &str) -> bool {
    matches!(plain(text), Value::String(_))
}

fn number(text: &str) -> Option<Number> {
    if let Some((digits, radix)) =
        text.strip_prefix("0x").map(|digits| (digits, 16)).or_else(|| text.strip_prefix("0o").map(|digits| (digits, 8)))
    {
        let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        return u64::from_str_radix(digits, radix).ok().filter(|_| all_digits).map(Number::from);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let has_digit = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    if !has_digit || !digits(whole) || !fraction.is_none_or(digits) || !exponent_fits {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if fraction.is_none() && exponent.is_none() {
        if let Ok(number) = text.parse::<u64>() {
            return Some(number.into());
        }
        if let Ok(number) = text.parse::<i64>() {
            return Some(number.into());
        }
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

/// Where a scalar stands: with the header of a block, and without what the parser counts to it, spaces and line ends
/// behind.
pub(super) fn span(text: &str, span: Span, style: ScalarStyle) -> Span {
    let written = &text[span.start..span.end];
    let end = match style {
        ScalarStyle::SingleQuoted => span.start + closed(written, '\''),
        ScalarStyle::DoubleQuoted => span.start + closed(written, '"'),
        _ => span.start + written.trim_end().len(),
    };
    let start = match style {
        ScalarStyle::Literal | ScalarStyle::Folded => header(&text[..span.start]).unwrap_or(span.start),
        _ => span.start,
    };
    Span::new(start, end)
}

/// Behind the closing quote of `written`: the parser counts a comment behind it to the scalar.
fn closed(written: &str, quote: char) -> usize {
    let Some(open) = written.find(quote) else { return written.len() };
    let mut chars = written[open + 1..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let doubled = c == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'');
        if quote == '"' && c == '\\' || quote == '\'' && doubled {
            chars.next();
        } else if c == quote {
            return open + 1 + at + 1;
        }
    }
    written.len()
}

/// Where the header of a block scalar stands, whose content begins behind `before`.
fn header(before: &str) -> Option<usize> {
    let line_start = before.trim_end().rfind('\n').map_or(0, |newline| newline + 1);
    let line = &before[line_start..];
    let line = &line[..line.find(" #").unwrap_or(line.len())];
    line.rfind(['|', '>']).map(|at| line_start + at)
}
