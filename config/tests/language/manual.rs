//! The manual is what the definitions say.

use std::collections::HashSet;
use std::path::Path;

use crate::config::schema::{Shape, Status, anchor, language};
use crate::config::{self, Code};

#[test]
fn the_committed_manual_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(config::manual::PATH);
    let generated = config::manual();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "docs/configuration.md is out of date: run the test with UPDATE_EXPECT=1");
}

/// The anchors of the manual.
fn anchors(manual: &str) -> HashSet<&str> {
    manual.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let manual = config::manual();
    let anchors = anchors(&manual);
    for link in manual.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(anchors.contains(link), "#{link}");
    }
    for code in Code::ALL {
        assert!(anchors.contains(code.anchor().as_str()), "{}", code.as_str());
    }
}

#[test]
fn every_key_has_its_place() {
    fn visit(shape: &Shape, pointer: &str, anchors: &HashSet<&str>) {
        if !pointer.is_empty() && !pointer.ends_with("/0") && !pointer.ends_with("/NAME") {
            assert!(anchors.contains(anchor(pointer).as_str()), "{pointer}: #{}", anchor(pointer));
        }
        let keys = shape.object.iter().flat_map(|object| &object.keys);
        for (key, shape) in keys.filter(|(_, shape)| shape.status != Status::Internal) {
            visit(shape, &format!("{pointer}/{key}"), anchors);
        }
        if let Some(others) = shape.object.as_ref().and_then(|object| object.others.as_ref()) {
            visit(others, &format!("{pointer}/NAME"), anchors);
        }
        if let Some(list) = &shape.list {
            visit(&list.item, &format!("{pointer}/0"), anchors);
        }
    }
    let manual = config::manual();
    visit(language(), "", &anchors(&manual));
}

#[test]
fn anchors_leave_out_places_and_free_names() {
    assert_eq!(anchor("/feature/fs/mode"), "feature-fs-mode");
    assert_eq!(anchor("/feature/fs/read_only/3"), "feature-fs-read_only");
    assert_eq!(anchor("/feature/env/override/LOG_LEVEL"), "feature-env-override");
    assert_eq!(anchor("/feature/split_queues/orders/queue_mode"), "feature-split_queues-queue_mode");
    assert_eq!(anchor("/feature/nonsense/x"), "feature");
    assert_eq!(Code::BadRegex.link(), "docs/configuration.md#problem-bad-regex");
}
