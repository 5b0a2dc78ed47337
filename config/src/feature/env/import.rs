//! The rules: which variables of the target are imported, changed, taken away, and which rule says so.

use fancy_regex::Regex;

use super::{Env, Mapping, matches, names};
use crate::feature::mapping::Rewrite;

/// Who has set a variable of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The pod's specification, by value.
    Spec,
    /// The pod's specification, by the downward API: a field of the pod, or a resource of the container.
    Field,
    /// A key of this ConfigMap.
    ConfigMap(String),
    /// A key of this Secret.
    Secret(String),
    /// All keys of these ConfigMaps and Secrets become variables, this one perhaps: their names are not looked up. Else the
    /// image has set it.
    Bulk(Vec<String>),
    /// Kubernetes itself: addresses of services, the host name.
    Kubernetes,
    /// The image, or what it starts before the program.
    Image,
    /// Nobody knows: there is no specification.
    Unknown,
}

impl Origin {
    /// Whether somebody has set it for this pod: then it is configuration, whatever its name.
    pub fn is_declared(&self) -> bool {
        match self {
            Self::Spec | Self::Field | Self::ConfigMap(_) | Self::Secret(_) | Self::Kubernetes => true,
            Self::Bulk(_) | Self::Image | Self::Unknown => false,
        }
    }
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
    /// The image has set it about itself, by this pattern of ours.
    Plumbing(&'static str),
    /// No rule speaks against it.
    Default,
}

impl ImportRule {
    /// Whether the variable is imported.
    pub fn imports(self) -> bool {
        match self {
            Self::Included(_) | Self::Default => true,
            Self::Off | Self::NotIncluded | Self::Excluded(_) | Self::ExcludedByDefault(_) | Self::Plumbing(_) => false,
        }
    }
}

/// The rule that decides about the target's variable `name`.
///
/// `include` brings back what is excluded by default, by name or by any pattern but a bare `*`.
pub fn import(env: &Env, name: &str, origin: &Origin) -> ImportRule {
    let Env { enabled, include, exclude, .. } = env;
    if !enabled {
        return ImportRule::Off;
    }
    let by_default = names::excluded(name).map(ImportRule::ExcludedByDefault).or_else(|| {
        let plumbing = || names::plumbing(name).map(ImportRule::Plumbing);
        if origin.is_declared() { None } else { plumbing() }
    });
    if let Some(include) = include {
        let fits = |pattern: &String| matches(pattern, name) && (pattern != "*" || by_default.is_none());
        let included = include.iter().position(fits).map(ImportRule::Included);
        return included.or(by_default).unwrap_or(ImportRule::NotIncluded);
    }
    let excluded = || exclude.iter().flatten().position(|pattern| matches(pattern, name));
    by_default.or_else(|| excluded().map(ImportRule::Excluded)).unwrap_or(ImportRule::Default)
}

/// Number, from 0, of the pattern of `unset` that removes `name`.
pub fn unset_by(env: &Env, name: &str) -> Option<usize> {
    env.unset.iter().position(|pattern| matches(&pattern.to_lowercase(), &name.to_lowercase()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn including(patterns: &[&str]) -> Env {
        let include = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Env { include: Some(include), ..Env::default() }
    }

    #[test]
    fn include_brings_back_excluded_names_but_a_bare_star_does_not() {
        let imports = |patterns: &[&str], name| import(&including(patterns), name, &Origin::Image).imports();
        for name in ["PATH", "LD_LIBRARY_PATH", "PYTHON_VERSION", "LANG"] {
            assert!(!import(&Env::default(), name, &Origin::Image).imports(), "{name}");
            assert!(!imports(&["*"], name), "{name}");
            assert!(imports(&[name], name), "{name}");
            assert!(imports(&[&format!("{}*", &name[..2])], name), "{name}");
        }
        assert!(imports(&["*"], "DB"));
        assert!(!imports(&["A"], "DB"));
    }

    #[test]
    fn what_the_image_says_of_itself_comes_only_when_somebody_declares_it() {
        let rule = |name, origin| import(&Env::default(), name, &origin);
        for undeclared in [Origin::Image, Origin::Unknown, Origin::Bulk(vec!["secret/x".into()])] {
            assert_eq!(rule("PYTHON_VERSION", undeclared.clone()), ImportRule::Plumbing("PYTHON_VERSION"));
            assert_eq!(rule("LC_ALL", undeclared.clone()), ImportRule::Plumbing("LC_*"));
            assert_eq!(rule("NODE_ENV", undeclared), ImportRule::Default);
        }
        for declared in [Origin::Spec, Origin::Field, Origin::Secret("x".into()), Origin::ConfigMap("x".into())] {
            assert_eq!(rule("PYTHON_VERSION", declared.clone()), ImportRule::Default);
            assert_eq!(rule("LD_PRELOAD", declared.clone()), ImportRule::ExcludedByDefault("LD_*"));
            assert_eq!(rule("PATH", declared), ImportRule::ExcludedByDefault("PATH"));
        }
    }
}
