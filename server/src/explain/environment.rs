//! Rulings about environment variables.

use config::feature::env::{self, ImportRule, Origin};

use super::{Act, Case, Outcome, Ruling};

impl Case<'_> {
    /// The sources of a variable's value, from the last word backwards: the first ruling is what the program sees.
    pub(super) fn variable(&self, name: &str) -> Vec<Ruling> {
        let env = &self.config.feature.env;
        let ruling =
            |outcome, text: String, pointer: Option<String>| self.because(Act::Variable, outcome, text, pointer);
        let mut rulings = Vec::new();
        if env.enabled {
            if let Some(index) = env::unset_by(env, name) {
                let text = format!("matches pattern {} of feature.env.unset, `{}`", index + 1, env.unset[index]);
                rulings.push(ruling(Outcome::Removed, text, Some(format!("/feature/env/unset/{index}"))));
            }
            if env.r#override.contains_key(name) {
                let pointer = config::document::join("/feature/env/override", name);
                rulings.push(ruling(Outcome::Set, "feature.env.override gives the value".to_owned(), Some(pointer)));
            }
            if let Some((index, _)) = env::rewrite(&env.mapping, name) {
                let pattern = &env.mapping.0[index].pattern;
                let text = format!(
                    "an imported value is replaced by pattern {} of feature.env.mapping, `{pattern}`",
                    index + 1
                );
                rulings.push(ruling(Outcome::Set, text, Some(config::document::join("/feature/env/mapping", pattern))));
            }
        }
        if let Some(file) = &env.env_file {
            let text = format!("the value in `{file}`, if it names the variable");
            rulings.push(ruling(Outcome::Set, text, Some("/feature/env/env_file".to_owned())));
        }
        // Nothing here looks at the cluster: who has set it, the pod's specification or the image, is not known.
        let (declared, rule) = (env::import(env, name, &Origin::Spec), env::import(env, name, &Origin::Unknown));
        let (text, pointer) = match rule {
            ImportRule::Off => ("nothing is imported".to_owned(), Some("/feature/env".to_owned())),
            ImportRule::Included(index) => listed("include", index, env.include.as_deref()),
            ImportRule::NotIncluded => {
                ("no pattern of feature.env.include matches".to_owned(), Some("/feature/env/include".to_owned()))
            }
            ImportRule::Excluded(index) => listed("exclude", index, env.exclude.as_deref()),
            ImportRule::ExcludedByDefault(pattern) => (
                format!("by default: `{pattern}` describes the target's machine; feature.env.include brings it back"),
                None,
            ),
            ImportRule::Plumbing(pattern) if declared.imports() => (
                format!(
                    "the target's if the pod's specification sets it; by default what the image says of itself, \
                     `{pattern}`, stays away, unless feature.env.include brings it back"
                ),
                None,
            ),
            ImportRule::Plumbing(pattern) => (
                format!("by default: `{pattern}` is what an image says of itself; feature.env.include brings it back"),
                None,
            ),
            ImportRule::Default => {
                ("no pattern speaks against the import; the local value counts if the target has none".to_owned(), None)
            }
        };
        let outcome = match (declared.imports(), rule.imports()) {
            (true, true) => Outcome::Remote,
            (false, false) => Outcome::Local,
            _ => Outcome::Depends,
        };
        rulings.push(ruling(outcome, text, pointer));
        rulings
    }
}

fn listed(key: &str, index: usize, patterns: Option<&[String]>) -> (String, Option<String>) {
    let pattern = patterns.and_then(|patterns| patterns.get(index)).map_or("", String::as_str);
    let text = format!("matches pattern {} of feature.env.{key}, `{pattern}`", index + 1);
    (text, Some(format!("/feature/env/{key}/{index}")))
}
