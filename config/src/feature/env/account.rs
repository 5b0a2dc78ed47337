//! What becomes of each variable, and why: the target's, those of the file, ours, laid over one another.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use super::{Env, ImportRule, Origin, import, rewrite, unset_by};

/// A variable of the target. Names and values are bytes; where a rule looks at one that is no text, it sees U+FFFD in
/// place of what is wrong.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its value.
    pub value: OsString,
    /// Who has set it.
    pub origin: Origin,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are secrets as often as not.
        f.debug_struct("Variable").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Where values come from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The target's variables.
    pub remote: &'a BTreeMap<OsString, Variable>,
    /// Those of `env_file`.
    pub file: &'a BTreeMap<OsString, OsString>,
    /// Those that the program would have without us.
    pub local: &'a BTreeMap<OsString, OsString>,
}

/// All variables that anybody has, by name.
pub type Account = BTreeMap<OsString, Entry>;

/// What becomes of one variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its value on this machine.
    pub local: Option<OsString>,
    /// What the target has.
    pub remote: Option<Variable>,
    /// The rule that decided about its import; nothing when the target does not have it.
    pub rule: Option<ImportRule>,
    /// What the program gets; nothing: it does not get the variable.
    pub effective: Option<OsString>,
    /// Where that comes from.
    pub source: Source,
}

/// The last word about a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This machine's value stays, or there is none and the target's stays away.
    Local,
    /// The target's.
    Remote,
    /// `env_file`.
    File,
    /// Pattern of this number, from 0, of `mapping`.
    Mapping(usize),
    /// `override`.
    Override,
    /// Pattern of this number, from 0, of `unset` takes it away.
    Unset(usize),
}

/// How the program's environment differs from the local one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvChange {
    /// Set these.
    pub set: BTreeMap<OsString, OsString>,
    /// Remove these; sorted, and none of them in `set`.
    pub unset: Vec<OsString>,
}

/// Draws up the account. Order: filtered import, file, `mapping`, `override`; `unset` last. With the import off, only the
/// file counts.
pub fn account(env: &Env, sources: Sources<'_>) -> Account {
    let Sources { remote, file, local } = sources;
    let overrides: BTreeMap<&OsStr, &String> =
        env.r#override.iter().map(|(name, value)| (name.as_ref(), value)).collect();
    let names = remote.keys().chain(file.keys()).chain(local.keys()).map(OsString::as_os_str);
    let mut account = Account::new();
    for name in names.chain(overrides.keys().copied()) {
        if account.contains_key(name) {
            continue;
        }
        let text = name.to_string_lossy();
        let (remote, local) = (remote.get(name).cloned(), local.get(name).cloned());
        let rule = remote.as_ref().map(|variable| import(env, &text, &variable.origin));
        let imported =
            remote.as_ref().filter(|_| rule.is_some_and(ImportRule::imports)).map(|variable| &variable.value);
        let (mut effective, mut source) = match (file.get(name), imported) {
            (Some(value), _) => (Some(value.clone()), Source::File),
            (None, Some(value)) => (Some(value.clone()), Source::Remote),
            (None, None) => (local.clone(), Source::Local),
        };
        if env.enabled {
            if source != Source::Local
                && let Some((number, value)) = rewrite(&env.mapping, &text)
            {
                (effective, source) = (Some(value.into()), Source::Mapping(number));
            }
            if let Some(value) = overrides.get(name) {
                (effective, source) = (Some((*value).into()), Source::Override);
            }
            if let Some(number) = unset_by(env, &text) {
                (effective, source) = (None, Source::Unset(number));
            }
        }
        account.insert(name.to_owned(), Entry { local, remote, rule, effective, source });
    }
    account
}

impl EnvChange {
    /// The change that an account comes to.
    pub fn of(account: &Account) -> Self {
        let mut change = Self::default();
        for (name, Entry { local, effective, source, .. }) in account {
            match (source, effective) {
                (Source::Local, _) => {}
                (_, Some(value)) => {
                    change.set.insert(name.clone(), value.clone());
                }
                (_, None) if local.is_some() => change.unset.push(name.clone()),
                (_, None) => {}
            }
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::mapping::{Mapping, Rewrite};

    fn plain(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn change(env: &Env, remote: &[(&str, &str)], file: &[(&str, &str)], local: &[(&str, &str)]) -> EnvChange {
        let variable = |value: OsString| Variable { value, origin: Origin::Image };
        let remote = plain(remote).into_iter().map(|(name, value)| (name, variable(value))).collect();
        let (file, local) = (plain(file), plain(local));
        EnvChange::of(&account(env, Sources { remote: &remote, file: &file, local: &local }))
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn by_default_everything_comes_but_what_describes_the_machine() {
        let remote = [
            ("DB", "1"),
            ("PATH", "x"),
            ("LD_PRELOAD", "x"),
            ("BUNDLE_GEMFILE", "x"),
            ("NODE_OPTIONS", "x"),
            ("NODE_VERSION", "x"),
        ];
        let change = change(&Env::default(), &remote, &[], &[("HOME", "/me")]);
        assert_eq!(change, EnvChange { set: plain(&[("DB", "1")]), unset: vec![] });
    }

    #[test]
    fn sources_are_laid_over_one_another_in_order() {
        let env = Env {
            exclude: Some(names(&["SECRET_*"])),
            r#override: BTreeMap::from([("A".into(), "override".into()), ("O".into(), "override".into())]),
            mapping: Mapping(vec![Rewrite { pattern: "^(.)_URL$".into(), replacement: "http://$1".into() }]),
            unset: names(&["aws_*", "GONE"]),
            ..Env::default()
        };
        let remote =
            [("A", "remote"), ("B", "remote"), ("X_URL", "remote"), ("SECRET_K", "remote"), ("gone", "remote")];
        let file = [("B", "file"), ("Y_URL", "file"), ("A", "file")];
        let local = [("AWS_PROFILE", "me"), ("HOME", "/me"), ("Z_URL", "local values are not mapped")];
        assert_eq!(
            change(&env, &remote, &file, &local),
            EnvChange {
                set: plain(&[
                    ("A", "override"),
                    ("B", "file"),
                    ("O", "override"),
                    ("X_URL", "http://X"),
                    ("Y_URL", "http://Y")
                ]),
                unset: vec!["AWS_PROFILE".into()],
            }
        );
    }

    #[test]
    fn without_the_import_only_the_file_counts() {
        let r#override = BTreeMap::from([("A".into(), "x".into())]);
        let env = Env { enabled: false, r#override, unset: names(&["L"]), ..Env::default() };
        let change = change(&env, &[("R", "x")], &[("F", "y")], &[("L", "here")]);
        assert_eq!(change, EnvChange { set: plain(&[("F", "y")]), unset: vec![] });
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_kept() {
        use std::os::unix::ffi::OsStringExt;
        let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let variable = Variable { value: bytes(b"\xff"), origin: Origin::Spec };
        let remote = BTreeMap::from([(bytes(b"CAF\xe9"), variable)]);
        let none = BTreeMap::new();
        let env = Env { include: Some(names(&["CAF?"])), ..Env::default() };
        let change = EnvChange::of(&account(&env, Sources { remote: &remote, file: &none, local: &none }));
        assert_eq!(change.set, BTreeMap::from([(bytes(b"CAF\xe9"), bytes(b"\xff"))]));
    }
}
