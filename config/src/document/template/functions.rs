//! The filters, functions and tests of Tera that make sense in a configuration, on an engine that speaks Jinja.

use std::collections::BTreeMap;

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind};

type Result<T> = std::result::Result<T, Error>;

/// Longest text that a filter may make of another.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// Most numbers that `range` makes.
const MAX_RANGE: i64 = 10_000;

const FUNCTIONS: [&str; 3] = ["get_env", "range", "throw"];

/// Whether a name is one of our functions.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name) || name == "__at"
}

/// Adds what Tera has. Keyword arguments are Tera's; where Jinja takes them by position, so do we. If `lenient`, a
/// variable that is not set has no value, which is no mistake by itself.
pub(super) fn add(environment: &mut Environment<'_>, env: &BTreeMap<String, String>, lenient: bool) {
    for name in ["debug", "namespace", "dict"] {
        environment.remove_global(name);
    }
    let env = env.clone();
    environment.add_function("get_env", move |name: Option<String>, named: Kwargs| {
        let name = match name {
            Some(name) => name,
            None => named.get("name")?,
        };
        let default: Option<Value> = named.get("default")?;
        named.assert_all_used()?;
        match (env.get(&name), default) {
            (Some(value), _) => Ok(Value::from(value.as_str())),
            (None, Some(default)) => Ok(default),
            (None, None) if lenient => Ok(Value::UNDEFINED),
            (None, None) => Err(Error::new(ErrorKind::UndefinedError, format!("the variable `{name}` is not set"))),
        }
    });
    environment.add_function("range", |end: Option<i64>, named: Kwargs| {
        let start: Option<i64> = named.get("start")?;
        let step: Option<i64> = named.get("step_by")?;
        let end = match end {
            Some(end) => end,
            None => named.get("end")?,
        };
        named.assert_all_used()?;
        let (start, step) = (start.unwrap_or(0), step.unwrap_or(1));
        if step < 1 || end.saturating_sub(start) / step > MAX_RANGE {
            return Err(failed(format!("range takes a positive step and makes at most {MAX_RANGE} numbers")));
        }
        let step = usize::try_from(step).unwrap_or(1);
        Ok((start..end).step_by(step).collect::<Value>())
    });
    environment.add_function("throw", |message: Option<String>, named: Kwargs| -> Result<Value> {
        let message = match message {
            Some(message) => message,
            None => named.get("message")?,
        };
        Err(failed(message))
    });
    texts(environment);
    lists(environment);
    numbers(environment);
    tests(environment);
}

fn texts(environment: &mut Environment<'_>) {
    environment.add_filter("replace", |text: String, from: Option<String>, to: Option<String>, named: Kwargs| {
        let from = argument(from, "from", &named)?;
        let to = argument(to, "to", &named)?;
        let many = if from.is_empty() { text.chars().count() + 1 } else { text.matches(&from).count() };
        if text.len() + many * to.len() > MAX_TEXT_BYTES {
            return Err(failed("replace makes more than 1 MiB"));
        }
        Ok(text.replace(&from, &to))
    });
    environment.add_filter("truncate", |text: String, length: Option<usize>, named: Kwargs| -> Result<String> {
        let length = match length {
            Some(length) => length,
            None => named.get::<Option<usize>>("length")?.unwrap_or(255),
        };
        let end: Option<String> = named.get("end")?;
        if text.chars().count() <= length {
            return Ok(text);
        }
        Ok(text.chars().take(length).collect::<String>() + end.as_deref().unwrap_or("…"))
    });
    environment.add_filter("split", |text: String, by: Option<String>, named: Kwargs| -> Result<Vec<String>> {
        let by = argument(by, "pat", &named)?;
        Ok(text.split(&by).map(str::to_owned).collect())
    });
    environment.add_filter("slugify", |text: String| slug(&text));
    environment.add_filter("trim_start", |text: String| text.trim_start().to_owned());
    environment.add_filter("trim_end", |text: String| text.trim_end().to_owned());
    environment.add_filter(
        "trim_start_matches",
        |text: String, pat: Option<String>, named: Kwargs| -> Result<String> {
            let pat = argument(pat, "pat", &named)?;
            Ok(if pat.is_empty() { text } else { text.trim_start_matches(&pat).to_owned() })
        },
    );
    environment.add_filter("trim_end_matches", |text: String, pat: Option<String>, named: Kwargs| -> Result<String> {
        let pat = argument(pat, "pat", &named)?;
        Ok(if pat.is_empty() { text } else { text.trim_end_matches(&pat).to_owned() })
    });
    environment.add_filter("wordcount", |text: String| text.split_whitespace().count());
    environment
        .add_filter("addslashes", |text: String| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "\\'"));
    environment.add_filter("json_encode", |value: Value, named: Kwargs| -> Result<String> {
        let pretty: Option<bool> = named.get("pretty")?;
        let text = if pretty.unwrap_or(false) {
            serde_json::to_string_pretty(&json(&value, 0)?)
        } else {
            serde_json::to_string(&json(&value, 0)?)
        };
        text.map_err(|error| failed(error.to_string()))
    });
    environment.add_filter("as_str", |value: Value| value.to_string());
}

fn lists(environment: &mut Environment<'_>) {
    environment.add_filter("default", |value: &Value, other: Option<Value>, named: Kwargs| -> Result<Value> {
        let other = match other {
            Some(other) => other,
            None => named.get("value")?,
        };
        Ok(if value.is_undefined() || value.is_none() { other } else { value.clone() })
    });
    environment.add_filter("join", |list: Value, by: Option<String>, named: Kwargs| -> Result<String> {
        let by = match by {
            Some(by) => by,
            None => named.get::<Option<String>>("sep")?.unwrap_or_default(),
        };
        let mut text = String::new();
        for (index, item) in list.try_iter()?.enumerate() {
            if index > 0 {
                text += &by;
            }
            text += &item.to_string();
            if text.len() > MAX_TEXT_BYTES {
                return Err(failed("join makes more than 1 MiB"));
            }
        }
        Ok(text)
    });
    environment.add_filter("nth", |list: Value, n: Option<usize>, named: Kwargs| -> Result<Value> {
        let n = match n {
            Some(n) => n,
            None => named.get("n")?,
        };
        Ok(list.try_iter()?.nth(n).unwrap_or(Value::UNDEFINED))
    });
    environment.add_filter("get", |map: Value, key: Option<String>, named: Kwargs| -> Result<Value> {
        let key = argument(key, "key", &named)?;
        let default: Option<Value> = named.get("default")?;
        let found = map.get_attr(&key)?;
        Ok(if found.is_undefined() { default.unwrap_or(found) } else { found })
    });
    environment.add_filter("concat", |list: Value, with: Option<Value>, named: Kwargs| -> Result<Vec<Value>> {
        let with = match with {
            Some(with) => with,
            None => named.get("with")?,
        };
        let mut all: Vec<Value> = list.try_iter()?.take(MAX_TEXT_BYTES).collect();
        match with.try_iter() {
            Ok(items) if with.as_str().is_none() => all.extend(items.take(MAX_TEXT_BYTES)),
            _ => all.push(with),
        }
        Ok(all)
    });
    environment.add_filter("slice", |list: Value, named: Kwargs| -> Result<Vec<Value>> {
        let (start, end): (Option<usize>, Option<usize>) = (named.get("start")?, named.get("end")?);
        let start = start.unwrap_or(0);
        let count = end.map_or(usize::MAX, |end| end.saturating_sub(start));
        Ok(list.try_iter()?.skip(start).take(count).collect())
    });
}

fn numbers(environment: &mut Environment<'_>) {
    environment.add_filter("int", |value: Value, default: Option<i64>, named: Kwargs| -> Result<i64> {
        let (by_name, base): (Option<i64>, Option<u32>) = (named.get("default")?, named.get("base")?);
        let base = base.filter(|base| (2..=36).contains(base)).unwrap_or(10);
        let text = value.to_string();
        let whole = text.trim().split('.').next().unwrap_or_default();
        let read = i64::from_str_radix(whole, base).ok().or(default).or(by_name);
        read.ok_or_else(|| failed(format!("`{text}` is not a number, and there is no default")))
    });
    environment.add_filter("float", |value: Value, default: Option<f64>, named: Kwargs| -> Result<f64> {
        let by_name: Option<f64> = named.get("default")?;
        let text = value.to_string();
        let read = text.trim().parse().ok().or(default).or(by_name);
        read.ok_or_else(|| failed(format!("`{text}` is not a number, and there is no default")))
    });
}

fn tests(environment: &mut Environment<'_>) {
    let text_test = |environment: &mut Environment<'_>, name: &'static str, holds: fn(&str, &str) -> bool| {
        environment.add_test(name, move |text: String, other: Option<String>, named: Kwargs| -> Result<bool> {
            Ok(holds(&text, &argument(other, "pat", &named)?))
        });
    };
    text_test(environment, "starting_with", |text, start| text.starts_with(start));
    text_test(environment, "ending_with", |text, end| text.ends_with(end));
    text_test(environment, "containing", |text, part| text.contains(part));
    text_test(environment, "matching", |text, pattern| {
        let regex = fancy_regex::RegexBuilder::new(pattern).backtrack_limit(10_000).build();
        regex.is_ok_and(|regex| regex.is_match(text).unwrap_or(false))
    });
    environment.add_test("object", |value: Value| value.kind() == minijinja::value::ValueKind::Map);
}

/// An argument by position or by name.
fn argument(by_position: Option<String>, name: &str, named: &Kwargs) -> Result<String> {
    match by_position {
        Some(value) => Ok(value),
        None => named.get(name),
    }
}

fn failed(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

fn json(value: &Value, depth: usize) -> Result<serde_json::Value> {
    use minijinja::value::ValueKind;
    if depth > crate::document::MAX_DEPTH {
        return Err(failed("nested too deeply"));
    }
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => serde_json::Value::Null,
        ValueKind::Bool => value.is_true().into(),
        ValueKind::Number => serde_json::from_str(&value.to_string()).unwrap_or_else(|_| value.to_string().into()),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Result<Vec<_>> = value.try_iter()?.map(|item| json(&item, depth + 1)).collect();
            items?.into()
        }
        ValueKind::Map => {
            let mut entries = serde_json::Map::new();
            for key in value.try_iter()? {
                entries.insert(key.to_string(), json(&value.get_item(&key)?, depth + 1)?);
            }
            entries.into()
        }
        _ => value.to_string().into(),
    })
}

/// Tera quotes text by backticks, too.
pub(super) fn translated(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut quote = None;
    for c in inner.chars() {
        match quote {
            None if matches!(c, '"' | '\'' | '`') => {
                quote = Some(c);
                text.push(if c == '`' { '"' } else { c });
            }
            Some('`') if c == '`' => {
                quote = None;
                text.push('"');
            }
            Some('`') if c == '"' || c == '\\' => text.extend(['\\', c]),
            Some(open) if c == open => {
                quote = None;
                text.push(c);
            }
            _ => text.push(c),
        }
    }
    text
}

/// The words of an expression outside of quotes.
pub(super) fn names(inner: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    let quoted = move |c: char| match quote {
        Some(open) => {
            if c == open {
                quote = None;
            }
            true
        }
        None if matches!(c, '"' | '\'' | '`') => {
            quote = Some(c);
            true
        }
        None => !(c.is_alphanumeric() || c == '_'),
    };
    inner.split(quoted).filter(|word| !word.is_empty())
}
