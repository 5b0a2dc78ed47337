//! All features on all documents: finished ones, and what is left of them while somebody types.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::document::Span;
use config::{Code, Document, Kind, Overrides, Source};
use proptest::prelude::*;
use session::live::{ContainerDetail, Detail, Health, PodDetail, Port, ServiceDetail, State, TargetItem, View};

use super::{actions, completion, cursor, folding, hover, inlay, lens, links, symbols};

const JSON: &str = r#"// a comment
{
  "target": {"path": "deployment/cart", "namespace": "shop"},
  "kubeconfig": "~/.kube/config:b",
  "feature": {
    "env": {"include": "DB_*;LOG_?", "override": {"A": "{{ key }}"}, "env_file": ".env"},
    "fs": {"mode": "read", "read_write": ["^/data/", "^/é"],},
    "network": {
      "incoming": {"mode": "steal", "ports": [8080, 1], "http_filter": {"any_of": [{"header": "^x: 1$"}, {"path": "^/"}]}},
      "outgoing": {"filter": {"local": "db:5432"}}, // why
      "dns": true
    },
    "hostname": false
  },
  "agent": {"ttl": 5, "labels": {}}
}
"#;

const YAML: &str = r#"# a comment
# of two lines
target:
  deployment: cart
  container: web
feature:
  env:
    include: DB_*;LOG_?
    override:
      A: "{{ key }}"
    unset:
    - AWS_PROFILE
  fs:
    mode: read # why
    read_write:
      - ^/data/
      - '^/é'
  network:
    incoming:
      mode: steal
      port_mapping: [[8080, 80]]
      http_filter:
        any_of:
          - header: "^x: 1$"
          - path: ^/
    outgoing: {filter: {local: [db:5432]}}
kube_context: |
  staging
agent:
  ttl: 5
"#;

const TOML: &str = r#"# a comment
target = "deployment/cart"
key = '{{ git_branch }}'

[feature]
hostname = false
fs.mode = "read"
fs.read_write = [
  "^/data/", # why
  '^/é',
]

[feature.env]
include = "DB_*;LOG_?"
override = { A = "b", "C.D" = "e" }

[feature.network.incoming]
mode = "steal"
ports = [8080, 1]

[[feature.network.incoming.http_filter.any_of]]
header = "^x: 1$"

[[feature.network.incoming.http_filter.any_of]]
path = "^/"

[agent]
ttl = 5
"#;

const DOCUMENTS: [(&str, &str); 3] = [("mirrord.json", JSON), ("mirrord.yaml", YAML), ("mirrord.toml", TOML)];

/// A cluster that has something of everything.
pub(super) fn cluster() -> View {
    let item = |kind, name: &str, ready, desired, containers: &[&str]| TargetItem {
        kind,
        name: name.into(),
        ready: Some(ready),
        desired,
        containers: containers.iter().map(|name| (*name).to_owned()).collect(),
    };
    let port = |number, name: &str| Port { number, name: Some(name.to_owned()), protocol: "TCP".to_owned() };
    let variables = [("DATABASE_URL", "secret/db"), ("LOG_LEVEL", "spec"), ("LD_LIBRARY_PATH", "spec")];
    let web = ContainerDetail {
        name: "web".to_owned(),
        image: "shop/cart:1".to_owned(),
        ports: vec![port(8080, "http"), port(9090, "metrics")],
        env: variables.map(|(name, source)| (name.to_owned(), source.to_owned())).into_iter().collect(),
        mounts: vec!["/etc/shop".to_owned(), "/var/run/secrets/a.b".to_owned()],
        ..ContainerDetail::default()
    };
    let cache =
        ContainerDetail { name: "cache".to_owned(), ports: vec![port(6379, "redis")], ..ContainerDetail::default() };
    let pod =
        PodDetail { name: "cart-7d9".to_owned(), health: Health::Ready, node: Some("node-1".to_owned()), restarts: 2 };
    let detail = Detail {
        path: "deployment/cart".to_owned(),
        pods: vec![pod, PodDetail { name: "cart-8e1".to_owned(), ..PodDetail::default() }],
        containers: vec![web, cache],
        default_container: Some("web".to_owned()),
    };
    let service = ServiceDetail { name: "db".to_owned(), namespace: "shop".to_owned(), ports: vec![port(5432, "pg")] };
    View {
        state: State::Ready,
        contexts: Some(Arc::from(["kind".to_owned(), "staging".to_owned()])),
        context: Some("staging".to_owned()),
        namespace: Some("shop".to_owned()),
        namespaces: Some(Arc::from(["default".to_owned(), "shop".to_owned()])),
        targets: Some(Arc::from([
            item(Kind::Deployment, "cart", 2, Some(3), &["web", "cache"]),
            item(Kind::Pod, "cart-7d9", 0, None, &["web"]),
        ])),
        services: Some(Arc::from([service])),
        target: Some(Arc::new(detail)),
        ..View::default()
    }
}

/// Runs every feature with a caret at each of the offsets, and checks what holds of all answers.
fn everything(name: &str, text: &str, offsets: impl Iterator<Item = usize>) {
    let document = Document::parse(name, text);
    let view = cluster();
    let variables = BTreeMap::from([("MIRRORD_FILE_MODE".to_owned(), "local".to_owned())]);
    let problems =
        config::load(Some(Source { name, text }), &Overrides { editing: true, ..Overrides::default() }).problems;
    let inside = |span: Span| {
        assert!(span.start <= span.end, "{span:?}");
        assert!(text.get(span.start..span.end).is_some(), "{span:?} of {} bytes", text.len());
    };
    for offset in offsets {
        if let Some(cursor) = cursor::locate(&document, text, offset) {
            for item in completion::complete(&cursor, &document, text, offset, &view).items {
                inside(item.replace);
                assert!(item.replace.touches(offset.min(text.len())), "{item:?} at {offset}");
            }
        }
        if let Some(hover) = hover::hover(&document, offset, &view, &variables) {
            inside(hover.span);
        }
        let place = actions::Place {
            document: &document,
            name,
            text,
            span: Span::new(offset, offset),
            problems: &problems,
            view: &view,
        };
        for action in actions::actions(&place) {
            if let actions::Change::Edits(edits) = action.change {
                for edit in edits {
                    inside(edit.span);
                }
            }
        }
        folding::selections(&document, text, offset).into_iter().for_each(inside);
    }
    let folds = folding::folds(&document, text).into_iter().map(|fold| fold.span);
    let links = links::links(&document, text).into_iter().map(|link| link.span);
    let lenses = lens::lenses(&document, &[]).into_iter().map(|lens| lens.span);
    let hints = inlay::hints(&document, &view, &variables).into_iter();
    let hints = hints.map(|hint| Span::new(hint.offset, hint.offset));
    folds.chain(links).chain(lenses).chain(hints).for_each(inside);
    let mut symbols = symbols::symbols(&document);
    while let Some(symbol) = symbols.pop() {
        inside(symbol.span);
        assert!(symbol.span.start <= symbol.name_span.start && symbol.name_span.end <= symbol.span.end);
        symbols.extend(symbol.inner);
    }
}

#[test]
fn every_feature_answers_at_every_place() {
    for (name, text) in DOCUMENTS {
        everything(
            name,
            text,
            (0..=text.len() + 1).filter(|offset| text.is_char_boundary(*offset) || *offset > text.len()),
        );
    }
}

#[test]
fn what_is_suggested_keeps_a_document_well_formed() {
    let syntax = |name: &str, text: &str| {
        let problems = Document::parse(name, text).problems;
        problems.into_iter().find(|problem| matches!(problem.code, Code::Syntax | Code::DuplicateKey))
    };
    let view = cluster();
    for (name, text) in DOCUMENTS {
        assert_eq!(syntax(name, text), None);
        let document = Document::parse(name, text);
        for (offset, _) in text.char_indices() {
            let Some(cursor) = cursor::locate(&document, text, offset) else { continue };
            for item in completion::complete(&cursor, &document, text, offset, &view).items {
                let mut after = text.to_owned();
                after.replace_range(item.replace.start..item.replace.end, &item.plain);
                if let Some(at) = item.comma_at {
                    after.insert(at, ',');
                }
                let problem = syntax(name, &after);
                assert_eq!(problem, None, "`{}` at {offset} of {name}:\n{after}", item.label);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn half_typed_documents_break_nothing(
        which in 0..DOCUMENTS.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..40usize, "[\\[\\]{}\"',:=.#\\- \n\t|{%é]{0,3}"), 1..4),
        caret in any::<prop::sample::Index>(),
    ) {
        let (name, text) = DOCUMENTS[which];
        let mut text = text.to_owned();
        for (at, length, insert) in cuts {
            let floor = |mut at: usize| { while !text.is_char_boundary(at) { at -= 1 } at };
            let start = floor(at.index(text.len() + 1));
            let end = floor((start + length).min(text.len()));
            text.replace_range(start..end.max(start), &insert);
        }
        let mut caret = caret.index(text.len() + 1);
        while !text.is_char_boundary(caret) {
            caret -= 1;
        }
        everything(name, &text, [caret, text.len()].into_iter());
    }
}
