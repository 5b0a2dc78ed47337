//! The picker's list: pages of what could be stood in for, best matches first.

use std::cmp::Reverse;

use session::live::{TargetItem, View};

use super::extension::{Available, Query, Targets};

/// Targets of one answer when nobody says how many. A picker shows a few dozen; a cluster has thousands.
pub const PAGE: usize = 500;

/// The part of `view` that `query` wants.
pub fn page(query: &Query, view: &View) -> Targets {
    let list = view.targets.as_deref().unwrap_or_default();
    let wanted =
        |item: &&TargetItem| query.types.is_empty() || query.types.iter().any(|kind| kind == item.kind.as_str());
    let all = list.iter().filter(wanted);
    let matching: Vec<&TargetItem> = match query.filter.as_deref().filter(|filter| !filter.is_empty()) {
        None => all.collect(),
        Some(filter) => {
            let filter = filter.to_lowercase();
            let scored = all.filter_map(|item| Some((score(&filter, &path(item).to_lowercase())?, item)));
            let mut scored: Vec<_> = scored.collect();
            // Stable: equals stay in the order of the view.
            scored.sort_by_key(|(score, _)| Reverse(*score));
            scored.into_iter().map(|(_, item)| item).collect()
        }
    };
    let total = matching.len();
    let start = query.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0).min(total);
    let end = start.saturating_add(query.limit.unwrap_or(PAGE).clamp(1, PAGE)).min(total);
    Targets {
        targets: matching[start..end].iter().map(|item| available(item, view)).collect(),
        total,
        next_cursor: (end < total).then(|| end.to_string()),
        namespaces: view.namespaces.as_deref().map(<[String]>::to_vec),
        contexts: view.contexts.as_deref().map(<[String]>::to_vec),
        current_namespace: view.namespace.clone(),
        context: view.context.clone(),
    }
}

fn path(item: &TargetItem) -> String {
    format!("{}/{}", item.kind, item.name)
}

fn available(item: &TargetItem, view: &View) -> Available {
    Available {
        path: path(item),
        namespace: view.namespace.clone(),
        kind: item.kind.as_str().to_owned(),
        available: item.ready.is_none_or(|ready| ready > 0),
        ready: item.ready,
        desired: item.desired,
        containers: item.containers.to_vec(),
    }
}

/// How well `filter`'s letters fit into `text`, in their order: runs and beginnings of words count most.
fn score(filter: &str, text: &str) -> Option<usize> {
    let mut score = 0;
    let mut run = 0;
    let mut before = '/';
    let mut letters = filter.chars();
    let mut wanted = letters.next()?;
    for c in text.chars() {
        if c == wanted {
            run += 1;
            score += run + if before.is_alphanumeric() { 0 } else { 3 };
            match letters.next() {
                Some(next) => wanted = next,
                None => return Some(score),
            }
        } else {
            run = 0;
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use config::Kind;

    use super::*;

    fn view() -> View {
        let item = |kind, name: &str| TargetItem {
            kind,
            name: name.into(),
            ready: Some(1),
            desired: None,
            containers: Arc::default(),
        };
        let targets = [
            item(Kind::Deployment, "cart"),
            item(Kind::Deployment, "shop-cache"),
            item(Kind::Pod, "cart-7d9"),
            item(Kind::Pod, "search"),
        ];
        View { targets: Some(targets.into()), namespace: Some("n".to_owned()), ..View::default() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn paths(query: Query) -> String {
        let Targets { targets, total, next_cursor, .. } = page(&query, &view());
        let paths: Vec<_> = targets.into_iter().map(|target| target.path).collect();
        format!("{} of {total}, then {}", paths.join(" "), next_cursor.unwrap_or_else(|| "none".to_owned()))
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        let query = |limit, cursor: Option<&str>| Query {
            limit: Some(limit),
            cursor: cursor.map(str::to_owned),
            ..Query::default()
        };
        assert_eq!(paths(query(3, None)), "deployment/cart deployment/shop-cache pod/cart-7d9 of 4, then 3");
        assert_eq!(paths(query(3, Some("3"))), "pod/search of 4, then none");
        assert_eq!(paths(query(3, Some("99"))), " of 4, then none");
        assert_eq!(paths(query(0, Some("nonsense"))), "deployment/cart of 4, then 1");
        assert_eq!(paths(query(usize::MAX, Some("3"))), "pod/search of 4, then none");
    }

    #[test]
    fn a_filter_takes_letters_in_order_and_the_best_first() {
        let query = |filter: &str, types: &[&str]| Query {
            filter: Some(filter.to_owned()),
            types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            ..Query::default()
        };
        assert_eq!(paths(query("cart", &[])), "deployment/cart pod/cart-7d9 of 2, then none");
        // In `search` they stand the other way round.
        assert_eq!(paths(query("CA", &[])), "deployment/cart deployment/shop-cache pod/cart-7d9 of 3, then none");
        assert_eq!(paths(query("p/s", &[])), "pod/search deployment/shop-cache of 2, then none");
        assert_eq!(paths(query("", &["pod"])), "pod/cart-7d9 pod/search of 2, then none");
        assert_eq!(paths(query("zz", &[])), " of 0, then none");
    }
}
