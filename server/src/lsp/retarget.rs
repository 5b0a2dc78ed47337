//! Another target for a document, written as the document writes its target already.

use config::document::{Document, Node, Span, Value, edit, join};
use config::{Edit, Kind, Path, Target};
use serde_json::{Value as Json, json};

use super::tree::{find, find_entry};

/// What is to be written. What is left out stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whom programs shall stand in for.
    pub target: Target,
    /// Context of the kubeconfig.
    pub context: Option<String>,
}

/// The edits that make the document `name` mean this target.
///
/// `None` where the place is not in the text, but comes from an anchor.
pub fn retarget(name: &str, text: &str, wanted: &Wanted) -> Option<Vec<Edit>> {
    let Wanted { target, context } = wanted;
    let mut draft = Draft { name, text: text.to_owned(), document: Document::parse(name, text) };
    match find(&draft.document.root, "/target").map(|node| &node.value) {
        Some(Value::Object(_)) => {
            write_into(&mut draft, target)?;
            if let Some(namespace) = &target.namespace {
                draft.set("/target", "namespace", &json!(namespace))?;
            }
        }
        _ => draft.set("", "target", &whole(target))?,
    }
    if let Some(context) = context {
        draft.set("", "kube_context", &json!(context))?;
    }
    Some(difference(text, &draft.text).into_iter().collect())
}

/// A target where none is written yet, or only its path.
fn whole(target: &Target) -> Json {
    let path = target.to_string();
    match &target.namespace {
        Some(namespace) => json!({ "path": path, "namespace": namespace }),
        None => json!(path),
    }
}

/// Names the target in the object that is there, by kind if that is how the object names one.
fn write_into(draft: &mut Draft<'_>, target: &Target) -> Option<()> {
    let by_kind =
        ["/target", "/target/path"].into_iter().find_map(|pointer| Some((pointer, kind_key(draft, pointer)?)));
    if let (Some((pointer, key)), Path::Object { kind, name }) = (by_kind, &target.path) {
        if key != kind.key() {
            draft.edit(|document, text| edit::rename(document, text, &join(pointer, key), kind.key()))?;
        }
        draft.set(pointer, kind.key(), &json!(name))?;
        return match &target.container {
            Some(container) => draft.set(pointer, "container", &json!(container)),
            None => draft.remove(pointer, "container"),
        };
    }
    if let Some(("/target", key)) = by_kind {
        // What has no kind is written as a path, which takes the place of both.
        draft.remove("/target", key)?;
        draft.remove("/target", "container")?;
    }
    draft.set("/target", "path", &json!(target.to_string()))
}

/// The key that names a target by its kind in the object at `pointer`.
fn kind_key(draft: &Draft<'_>, pointer: &str) -> Option<&'static str> {
    let Value::Object(entries) = &find(&draft.document.root, pointer)?.value else { return None };
    entries.iter().find_map(|entry| Kind::ALL.into_iter().map(Kind::key).find(|key| *key == entry.key))
}

/// A document on its way: each change is made to the text that the one before it left.
struct Draft<'a> {
    name: &'a str,
    text: String,
    document: Document,
}

impl Draft<'_> {
    fn edit(&mut self, change: impl FnOnce(&Document, &str) -> Option<Vec<Edit>>) -> Option<()> {
        self.text = edit::apply(&self.text, &change(&self.document, &self.text)?);
        self.document = Document::parse(self.name, &self.text);
        Some(())
    }

    /// Gives the object at `pointer` this key, whether it has it or not.
    fn set(&mut self, pointer: &str, key: &str, value: &Json) -> Option<()> {
        let is_written = |node: &&Node| !matches!(node.value, Value::Null | Value::Broken);
        let own = join(pointer, key);
        match find(&self.document.root, &own).filter(is_written).map(Node::to_json) {
            Some(before) if before.as_ref() == Some(value) => Some(()),
            Some(_) => self.edit(|document, text| edit::replace(document, text, &own, value)),
            None => self.edit(|document, text| edit::insert(document, text, pointer, key, value)),
        }
    }

    fn remove(&mut self, pointer: &str, key: &str) -> Option<()> {
        let own = join(pointer, key);
        match find_entry(&self.document.root, &own) {
            Some(_) => self.edit(|document, text| edit::remove(document, text, &own)),
            None => Some(()),
        }
    }
}

/// What has to be replaced in `old` to get `new`, if they differ.
fn difference(old: &str, new: &str) -> Option<Edit> {
    let same = |(a, b): &(char, char)| a == b;
    let bytes = |pairs: &mut dyn Iterator<Item = (char, char)>| pairs.map(|(c, _)| c.len_utf8()).sum::<usize>();
    let start = bytes(&mut old.chars().zip(new.chars()).take_while(same));
    let end = bytes(&mut old[start..].chars().rev().zip(new[start..].chars().rev()).take_while(same));
    let span = Span::new(start, old.len() - end);
    (old != new).then(|| Edit { span, text: new[start..new.len() - end].to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

    use std::fmt::Write as _;

    use config::{Overrides, Source};
    use expect_test::{Expect, expect};

    use super::*;

    const DOCUMENTS: &[(&str, &str)] = &[
        ("mirrord.json", "{}\n"),
        ("mirrord.json", "{\n  // whom\n  \"target\": \"pod/old\",\n  \"key\": \"x\"\n}\n"),
        ("mirrord.json", "{\"target\": {\"namespace\": \"shop\"}}\n"),
        ("mirrord.yaml", ""),
        (
            "mirrord.yaml",
            "target: # whom\n  deployment: old # which\n  container: main\n  namespace: shop\nagent:\n  ttl: 5\n",
        ),
        ("mirrord.yaml", "target:\n  path: pod/old\n"),
        ("mirrord.toml", "key = 'x' # mine\n\n[agent]\nttl = 5\n"),
        ("mirrord.toml", "[target]\npod = 'old'\n\n[agent]\nttl = 5\n"),
        ("mirrord.toml", "[target.path]\npod = 'old'\ncontainer = 'main'\n"),
    ];

    /// Each document after its target was changed, without what comes after it.
    fn check(path: &str, namespace: Option<&str>, context: Option<&str>, expected: &Expect) {
        let target = Target { namespace: namespace.map(str::to_owned), ..Target::parse(path).unwrap() };
        let wanted = Wanted { target, context: context.map(str::to_owned) };
        let mut told = String::new();
        for (name, text) in DOCUMENTS {
            let edited = edit::apply(text, &retarget(name, text, &wanted).unwrap());
            write!(told, "== {name}\n{edited}").expect("text takes text");
            let loaded = config::load(Some(Source { name, text: &edited }), &Overrides::default());
            let config = loaded.config.unwrap_or_else(|| panic!("{edited}: {:?}", loaded.problems));
            assert_eq!(config.target.map(|target| target.to_string()).as_deref(), Some(path), "{edited}");
            // What is written already is not written again.
            assert_eq!(retarget(name, &edited, &wanted), Some(Vec::new()), "{edited}");
        }
        expected.assert_eq(&told);
    }

    #[test]
    fn a_target_is_written_as_the_document_writes_targets() {
        check(
            "statefulset/new",
            None,
            None,
            &expect![[r#"
            == mirrord.json
            {
              "target": "statefulset/new"
            }
            == mirrord.json
            {
              // whom
              "target": "statefulset/new",
              "key": "x"
            }
            == mirrord.json
            {"target": {"namespace": "shop", "path": "statefulset/new"}}
            == mirrord.yaml
            target: statefulset/new
            == mirrord.yaml
            target: # whom
              stateful_set: new # which
              namespace: shop
            agent:
              ttl: 5
            == mirrord.yaml
            target:
              path: statefulset/new
            == mirrord.toml
            key = 'x' # mine
            target = "statefulset/new"

            [agent]
            ttl = 5
            == mirrord.toml
            [target]
            stateful_set = "new"

            [agent]
            ttl = 5
            == mirrord.toml
            [target.path]
            stateful_set = "new"
        "#]],
        );
    }

    #[test]
    fn a_namespace_and_a_context_are_written_beside_it() {
        check(
            "pod/new/container/web",
            Some("other"),
            Some("kind"),
            &expect![[r#"
            == mirrord.json
            {
              "target": {
                "path": "pod/new/container/web",
                "namespace": "other"
              },
              "kube_context": "kind"
            }
            == mirrord.json
            {
              // whom
              "target": {
                "path": "pod/new/container/web",
                "namespace": "other"
              },
              "key": "x",
              "kube_context": "kind"
            }
            == mirrord.json
            {"target": {"namespace": "other", "path": "pod/new/container/web"}, "kube_context": "kind"}
            == mirrord.yaml
            target:
              path: pod/new/container/web
              namespace: other
            kube_context: kind
            == mirrord.yaml
            target: # whom
              pod: new # which
              container: web
              namespace: other
            agent:
              ttl: 5
            kube_context: kind
            == mirrord.yaml
            target:
              path: pod/new/container/web
              namespace: other
            kube_context: kind
            == mirrord.toml
            key = 'x' # mine
            kube_context = "kind"

            [agent]
            ttl = 5

            [target]
            path = "pod/new/container/web"
            namespace = "other"
            == mirrord.toml
            kube_context = "kind"

            [target]
            pod = "new"
            container = "web"
            namespace = "other"

            [agent]
            ttl = 5
            == mirrord.toml
            kube_context = "kind"

            [target.path]
            pod = "new"
            container = "web"

            [target]
            namespace = "other"
        "#]],
        );
    }

    #[test]
    fn a_target_without_a_kind_is_written_as_a_path() {
        check(
            "label/app=new",
            None,
            None,
            &expect![[r#"
            == mirrord.json
            {
              "target": "label/app=new"
            }
            == mirrord.json
            {
              // whom
              "target": "label/app=new",
              "key": "x"
            }
            == mirrord.json
            {"target": {"namespace": "shop", "path": "label/app=new"}}
            == mirrord.yaml
            target: label/app=new
            == mirrord.yaml
            target: # whom
              namespace: shop
              path: label/app=new
            agent:
              ttl: 5
            == mirrord.yaml
            target:
              path: label/app=new
            == mirrord.toml
            key = 'x' # mine
            target = "label/app=new"

            [agent]
            ttl = 5
            == mirrord.toml
            [target]
            path = "label/app=new"

            [agent]
            ttl = 5
            == mirrord.toml
            [target]
            path = "label/app=new"
        "#]],
        );
    }

    #[test]
    fn only_what_differs_is_replaced() {
        let edit = |old, new| difference(old, new).map(|edit| (edit.span.start, edit.span.end, edit.text));
        assert_eq!(edit("pod/a", "pod/a"), None);
        assert_eq!(edit("pod/äb", "pod/öb"), Some((4, 6, "ö".to_owned())));
        assert_eq!(edit("aa", "aaa"), Some((2, 2, "a".to_owned())));
        assert_eq!(edit("", "x"), Some((0, 0, "x".to_owned())));
    }

    #[test]
    fn what_does_not_stand_in_the_text_is_left_alone() {
        let wanted = Wanted { target: Target::parse("pod/new").unwrap(), context: None };
        let text = "a: &t\n  path: pod/old\ntarget: *t\n";
        assert_eq!(retarget("mirrord.yaml", text, &wanted), None);
    }
}
