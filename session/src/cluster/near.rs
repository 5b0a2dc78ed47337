//! "Did you mean": the names that a mistyped one may stand for.

/// Names that are told at most.
const TOLD: usize = 3;
/// Names that are listed at most when none is near.
const LISTED: usize = 10;

/// The names that `word` may stand for, nearest first, at most three.
///
/// A name counts that differs by a third of `word`'s letters at most, or of which `word` is the beginning: of a pod
/// one often knows only what comes before its hash.
pub(crate) fn near<'a>(word: &str, present: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    let mut ranked: Vec<(usize, &str)> = present
        .into_iter()
        .filter_map(|name| {
            let distance = strsim::damerau_levenshtein(word, name);
            let begins = word.chars().count() >= 2 && name.starts_with(word);
            (begins || distance <= allowed).then_some((if begins { 0 } else { distance }, name))
        })
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(TOLD).map(|(_, name)| name).collect()
}

/// A clause that helps: `did you mean …?`, or else what there is.
pub(crate) fn help<'a>(word: &str, present: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = near(word, present.clone());
    if !near.is_empty() {
        let near: Vec<_> = near.iter().map(|name| format!("`{name}`")).collect();
        return format!("did you mean {}?", near.join(" or "));
    }
    let mut present: Vec<_> = present.into_iter().collect();
    present.sort_unstable();
    match present.len() {
        0 => "there is none".into(),
        all if all > LISTED => format!("there are {}, … ({all} in all)", present[..LISTED].join(", ")),
        _ => format!("there are {}", present.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_far_ones_are_listed() {
        let present = ["api", "api-7d9f-x2", "backend", "pair"];
        for (word, expected) in [
            ("apii", "did you mean `api`?"),
            ("ap", "did you mean `api` or `api-7d9f-x2`?"),
            ("bakcend", "did you mean `backend`?"),
            ("zebra-crossing", "there are api, api-7d9f-x2, backend, pair"),
        ] {
            assert_eq!(help(word, present), expected, "{word}");
        }
        assert_eq!(help("x", []), "there is none");
    }
}
