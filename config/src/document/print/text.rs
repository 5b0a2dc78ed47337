//! Single scalars and keys, in quotes where the syntax needs them.

use super::Syntax;
use crate::document::yaml::is_plain_text;

/// A text value on one line.
pub(in crate::document) fn scalar(syntax: Syntax, text: &str) -> String {
    match syntax {
        Syntax::Yaml if is_plain(text) => text.to_owned(),
        Syntax::Yaml if fits_single(text) => format!("'{}'", text.replace('\'', "''")),
        Syntax::Toml if fits_single(text) && !text.contains('\'') => format!("'{text}'"),
        Syntax::Json | Syntax::Yaml | Syntax::Toml => quoted(text),
    }
}

/// A key.
pub(in crate::document) fn key(syntax: Syntax, key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    match syntax {
        Syntax::Toml if is_bare => key.to_owned(),
        Syntax::Json | Syntax::Toml => quoted(key),
        Syntax::Yaml if key == "<<" => "\"<<\"".to_owned(),
        Syntax::Yaml => scalar(syntax, key),
    }
}

/// In double quotes, with escapes that all three syntaxes share.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    if !json.contains(is_invisible) {
        return json;
    }
    json.chars().map(|c| if is_invisible(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

/// Characters that TOML or YAML do not take as they are, beyond those that JSON escapes.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether single quotes show it better than double quotes with backslashes.
fn fits_single(text: &str) -> bool {
    text.contains(['\\', '"']) && !text.chars().any(|c| c.is_control() || is_invisible(c))
}

/// Whether YAML reads it as this text without quotes, in block and in flow style.
fn is_plain(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_alphanumeric() || "/._^$(+\\".contains(c));
    let first_line = !text.starts_with("---") && !text.starts_with("...");
    starts_well
        && first_line
        && is_plain_text(text)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(|c| c.is_control() || is_invisible(c) || ",[]{}\"'`".contains(c))
}
