//! Where the manual tells about a key.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Object, Shape, language};

/// The place of the key at a canonical pointer in the manual: `/feature/fs/mode` is at `feature-fs-mode`. What the
/// manual does not list, such as the items of a list, is where its nearest ancestor is; equal objects at several places
/// are told once.
pub fn anchor(pointer: &str) -> String {
    let mut shape = language();
    let mut anchor = String::new();
    for part in pointer.split('/').skip(1) {
        if let Some(list) = shape.list.as_ref().filter(|_| part.parse::<usize>().is_ok()) {
            shape = &list.item;
            continue;
        }
        let Some(object) = &shape.object else { break };
        if let Some(home) = home(object) {
            home.clone_into(&mut anchor);
        }
        shape = match (object.keys.iter().find(|(key, _)| key == part), &object.others) {
            (Some((key, inner)), _) => {
                anchor = inside(&anchor, key);
                inner
            }
            (None, Some(others)) => others,
            (None, None) => break,
        };
    }
    anchor
}

/// The anchor of `key` in the group at `anchor`.
pub(crate) fn inside(anchor: &str, key: &str) -> String {
    if anchor.is_empty() { key.to_owned() } else { format!("{anchor}-{key}") }
}

/// Where the manual tells about the keys of `object`, if equal ones stand at several places.
pub(crate) fn home(object: &Object) -> Option<&'static str> {
    static HOMES: LazyLock<HashMap<&'static str, String>> = LazyLock::new(|| {
        let mut homes = HashMap::new();
        settle(language(), "", &mut homes);
        homes
    });
    HOMES.get(object.name.as_deref()?).map(String::as_str)
}

/// Finds the first place of each name.
fn settle(shape: &'static Shape, anchor: &str, homes: &mut HashMap<&'static str, String>) {
    if let Some(list) = &shape.list {
        settle(&list.item, anchor, homes);
    }
    let Some(object) = &shape.object else { return };
    if let Some(name) = object.name.as_deref() {
        homes.entry(name).or_insert_with(|| anchor.to_owned());
    }
    for (key, shape) in &object.keys {
        settle(shape, &inside(anchor, key), homes);
    }
    if let Some(others) = &object.others {
        settle(others, anchor, homes);
    }
}
