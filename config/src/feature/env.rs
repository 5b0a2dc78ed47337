//! Which environment variables the program gets, and the rules that decide it.

use std::collections::BTreeMap;

use fancy_regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mapping::{Mapping, Rewrite};

/// Environment variables of the target. Patterns know `*` (any characters) and `?` (one).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-short" = { "true": {}, "false": { "enabled": false } }))]
pub struct Env {
    /// Whether the target's variables are imported.
    #[schemars(extend("x-status" = "internal"))]
    pub enabled: bool,
    /// Import these only. Also brings back variables that are excluded by default. Not together with `exclude`.
    #[schemars(extend(
        "x-core" = true,
        "x-short" = "names",
        "x-meaning" = "variable",
        "x-env" = "MIRRORD_OVERRIDE_ENV_VARS_INCLUDE",
        "x-flag" = "-s --override-env-vars-include",
        "examples" = [["DATABASE_URL", "CACHE_*"], "DATABASE_URL;CACHE_*"]
    ))]
    pub include: Option<Vec<String>>,
    /// Import everything except these. Not together with `include`.
    #[schemars(extend(
        "x-core" = true,
        "x-short" = "names",
        "x-meaning" = "variable",
        "x-env" = "MIRRORD_OVERRIDE_ENV_VARS_EXCLUDE",
        "x-flag" = "-x --override-env-vars-exclude",
        "examples" = [["PORT", "OTEL_*"], "PORT;OTEL_*"]
    ))]
    pub exclude: Option<Vec<String>>,
    /// Final values; beat every other source.
    #[schemars(extend("x-core" = true, "x-meaning" = "variable", "examples" = [{ "LOG_LEVEL": "debug" }]))]
    pub r#override: BTreeMap<String, String>,
    /// Changes imported values: regular expression over the name, to the new value, where `$1` stands for a capture.
    #[schemars(extend("x-core" = true, "x-meaning" = "variable", "examples" = [{ ".+_TIMEOUT": "10000" }]))]
    pub mapping: Mapping,
    /// Drop these names from the program's environment, ignoring case.
    #[schemars(extend("x-core" = true, "x-short" = "list", "x-meaning" = "variable", "examples" = [["AWS_PROFILE"]]))]
    pub unset: Vec<String>,
    /// Dotenv file that is laid over the imported variables.
    #[schemars(extend(
        "x-core" = true,
        "x-meaning" = "file",
        "x-env" = "MIRRORD_OVERRIDE_ENV_VARS_FILE",
        "x-flag" = "--env-file",
        "examples" = [".env.staging"]
    ))]
    pub env_file: Option<String>,
    /// Whether variables are imported when the program starts, instead of before.
    #[schemars(extend("x-env" = "MIRRORD_ENV_LOAD_FROM_PROCESS"))]
    pub load_from_process: bool,
}

impl Default for Env {
    fn default() -> Self {
        Self {
            enabled: true,
            include: None,
            exclude: None,
            r#override: BTreeMap::new(),
            mapping: Mapping::default(),
            unset: Vec::new(),
            env_file: None,
            load_from_process: false,
        }
    }
}

/// Variables that describe the target's machine, not its configuration: patterns.
pub const EXCLUDED: &[&str] = &[
    "PATH",
    "PWD",
    "HOME",
    "HOMEPATH",
    "CLASSPATH",
    "JAVA_EXE",
    "JAVA_HOME",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "PYTHONPATH",
    "GOPATH",
    "GOMODCACHE",
    "RUBYLIB",
    "RUBYOPT",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_*",
    "BUNDLER_*",
    "CATALINA_HOME",
    "DOTNET_EnableDiagnostics",
    "DOTNET_STARTUP_HOOKS",
    "RUST_LOG",
    "MIRRORD_LOG",
];

/// Variables that would make the local runtime load files that only the target has: patterns.
pub const EXCLUDED_LOADERS: &[&str] = &[
    "LD_*",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PERL5LIB",
    "PERL5OPT",
    "JDK_JAVA_OPTIONS",
    "CORECLR_*",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "BASH_ENV",
];

/// How the program's environment differs from the local one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvChange {
    /// Set these.
    pub set: BTreeMap<String, String>,
    /// Remove these; sorted, and none of them in `set`.
    pub unset: Vec<String>,
}

/// What the program's environment becomes.
///
/// `remote` are the target's variables, `file` those of `env_file`, `local` those of this machine, of which only the
/// names matter here. Order: filtered import, file, `mapping`, `override`; `unset` last. With the import off, only
/// the file counts.
pub fn effective(
    env: &Env,
    remote: &BTreeMap<String, String>,
    file: &BTreeMap<String, String>,
    local: &BTreeMap<String, String>,
) -> EnvChange {
    let Env { enabled, include: _, exclude: _, r#override, mapping, unset: _, env_file: _, load_from_process: _ } = env;
    if !enabled {
        return EnvChange { set: file.clone(), unset: Vec::new() };
    }
    let mut set: BTreeMap<String, String> = remote
        .iter()
        .filter(|(name, _)| is_imported(env, name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    set.extend(file.clone());
    for (name, value) in &mut set {
        if let Some((_, mapped)) = rewrite(mapping, name) {
            *value = mapped;
        }
    }
    set.extend(r#override.clone());

    let dropped = |name: &str| unset_by(env, name).is_some();
    set.retain(|name, _| !dropped(name));
    let unset = local.keys().filter(|name| dropped(name)).cloned().collect();
    EnvChange { set, unset }
}

/// Whether the target's variable `name` is imported.
pub fn is_imported(env: &Env, name: &str) -> bool {
    import(env, name).0
}

/// The rule that decides about the import of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportRule {
    /// Nothing is imported.
    Off,
    /// Pattern of this number, from 0, of `include`.
    Included(usize),
    /// `include` is there and does not name it.
    NotIncluded,
    /// Pattern of this number, from 0, of `exclude`.
    Excluded(usize),
    /// It describes the target's machine, by this pattern of ours.
    ExcludedByDefault(&'static str),
    /// No rule speaks against it.
    Default,
}

/// Whether the target's variable `name` is imported, and which rule says so.
pub fn import(env: &Env, name: &str) -> (bool, ImportRule) {
    let Env { enabled, include, exclude, .. } = env;
    if !enabled {
        return (false, ImportRule::Off);
    }
    let excluded = EXCLUDED.iter().chain(EXCLUDED_LOADERS).find(|pattern| matches(pattern, name));
    let fits = |pattern: &String| matches(pattern, name) && (pattern != "*" || excluded.is_none());
    if let Some(include) = include {
        return match (include.iter().position(fits), excluded) {
            (Some(number), _) => (true, ImportRule::Included(number)),
            (None, Some(pattern)) => (false, ImportRule::ExcludedByDefault(pattern)),
            (None, None) => (false, ImportRule::NotIncluded),
        };
    }
    if let Some(pattern) = excluded {
        return (false, ImportRule::ExcludedByDefault(pattern));
    }
    match exclude.iter().flatten().position(|pattern| matches(pattern, name)) {
        Some(number) => (false, ImportRule::Excluded(number)),
        None => (true, ImportRule::Default),
    }
}

/// Number, from 0, of the pattern of `unset` that removes `name`.
pub fn unset_by(env: &Env, name: &str) -> Option<usize> {
    env.unset.iter().position(|pattern| matches(&pattern.to_lowercase(), &name.to_lowercase()))
}

/// Whether `name` stays out unless an `include` pattern asks for it.
pub fn is_excluded_by_default(name: &str) -> bool {
    EXCLUDED.iter().chain(EXCLUDED_LOADERS).any(|pattern| matches(pattern, name))
}

/// Number, from 0, of the first pattern that matches `name`, and the value that it gives.
///
/// Patterns that do not compile, which the checker refuses, or that give up on hostile input match nothing.
pub fn rewrite(mapping: &Mapping, name: &str) -> Option<(usize, String)> {
    mapping.0.iter().enumerate().find_map(|(number, Rewrite { pattern, replacement })| {
        let captures = Regex::new(pattern).ok()?.captures(name).ok()??;
        let mut value = String::new();
        captures.expand(replacement, &mut value);
        Some((number, value))
    })
}

/// Whether `pattern`, where `*` stands for any characters and `?` for one, is all of `name`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to resume when the characters after the last `*` do not fit: the star, and how much of the name it has
    // eaten.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, eaten)) = star else { return false };
                star = Some((at, eaten + 1));
                p = at + 1;
                n = eaten + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn names(patterns: &[&str]) -> Vec<String> {
        patterns.iter().map(|pattern| (*pattern).to_owned()).collect()
    }

    #[test]
    fn patterns_know_stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("A*", "ABC", true),
            ("*", "", true),
            ("A*C*E", "ABCDE", true),
            ("A*C*E", "ABCDEF", false),
            ("A?C", "ABC", true),
            ("A?", "A", false),
            ("abc", "ABC", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn by_default_everything_comes_but_what_describes_the_machine() {
        let remote =
            vars(&[("DB", "1"), ("PATH", "x"), ("LD_PRELOAD", "x"), ("BUNDLE_GEMFILE", "x"), ("NODE_OPTIONS", "x")]);
        let change = effective(&Env::default(), &remote, &vars(&[]), &vars(&[("HOME", "/me")]));
        assert_eq!(change, EnvChange { set: vars(&[("DB", "1")]), unset: vec![] });
    }

    #[test]
    fn include_brings_back_excluded_names_but_a_bare_star_does_not() {
        let env = |patterns| Env { include: Some(names(patterns)), ..Env::default() };
        assert!(is_imported(&env(&["PATH"]), "PATH"));
        assert!(is_imported(&env(&["LD_*"]), "LD_LIBRARY_PATH"));
        assert!(!is_imported(&env(&["*"]), "PATH"));
        assert!(is_imported(&env(&["*"]), "DB"));
        assert!(!is_imported(&env(&["A"]), "DB"));
    }

    #[test]
    fn sources_are_laid_over_one_another_in_order() {
        let env = Env {
            exclude: Some(names(&["SECRET_*"])),
            r#override: vars(&[("A", "override"), ("O", "override")]),
            mapping: Mapping(vec![Rewrite { pattern: "^(.)_URL$".into(), replacement: "http://$1".into() }]),
            unset: names(&["aws_*", "GONE"]),
            ..Env::default()
        };
        let remote =
            vars(&[("A", "remote"), ("B", "remote"), ("X_URL", "remote"), ("SECRET_K", "remote"), ("gone", "remote")]);
        let file = vars(&[("B", "file"), ("Y_URL", "file"), ("A", "file")]);
        let change = effective(&env, &remote, &file, &vars(&[("AWS_PROFILE", "me"), ("HOME", "/me")]));
        assert_eq!(
            change,
            EnvChange {
                set: vars(&[
                    ("A", "override"),
                    ("B", "file"),
                    ("O", "override"),
                    ("X_URL", "http://X"),
                    ("Y_URL", "http://Y")
                ]),
                unset: names(&["AWS_PROFILE"]),
            }
        );
    }

    #[test]
    fn without_the_import_only_the_file_counts() {
        let env = Env { enabled: false, r#override: vars(&[("A", "x")]), ..Env::default() };
        let change = effective(&env, &vars(&[("R", "x")]), &vars(&[("F", "y")]), &vars(&[]));
        assert_eq!(change, EnvChange { set: vars(&[("F", "y")]), unset: vec![] });
    }
}
