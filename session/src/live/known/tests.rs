use std::time::Duration;

use super::*;
use crate::{
    cluster::contexts::{self, Contexts},
    live::{follow::News, space::Named},
    targets::Head,
};

/// Contexts `one` and `two`; the second changes with `two`.
fn read(two: u64) -> Contexts {
    let context =
        |name: &str, fingerprint| contexts::Context { name: Some(name.into()), namespace: "shop".into(), fingerprint };
    Contexts { all: vec![context("one", 1), context("two", two)], current: Some("one".into()) }
}

fn scope(context: &str, namespace: &str) -> Scope {
    Scope { context: Some(context.into()), namespace: Some(namespace.into()), ..Scope::default() }
}

/// What is known after the kubeconfig has been read, and a moment to count from.
fn begun() -> (Known, Instant) {
    let (mut known, now) = (Known::default(), Instant::now());
    assert_eq!(known.view(&Scope::default(), now), (View { state: State::Loading, ..View::default() }, true));
    assert!(known.files[0].hear(Ok(read(2))));
    (known, now)
}

fn spaces(known: &Known) -> Vec<&str> {
    known.contexts.iter().flat_map(|context| &context.spaces).map(|space| space.name.as_str()).collect()
}

#[test]
fn only_the_first_question_begins_something() {
    let (mut known, now) = begun();
    let asked = |known: &mut Known| known.view(&scope("one", "shop"), now).1;
    assert_eq!((asked(&mut known), asked(&mut known)), (true, false));
}

#[test]
fn what_nobody_asks_for_any_more_goes() {
    let (mut known, now) = begun();
    let later = now + Duration::from_mins(1);
    known.view(&scope("one", "old"), now);
    known.view(&scope("one", "new"), later);
    assert!(known.is_old(later) && !known.is_old(now));
    assert!(known.tidy(Some(later)));
    assert_eq!(spaces(&known), ["new"]);
    assert!(!known.tidy(Some(later)));
    assert!(known.tidy(Some(later + Duration::from_secs(1))));
    assert_eq!(known.roots().len(), 0);
}

#[test]
fn a_context_that_changes_is_connected_anew_and_others_stay() {
    let (mut known, now) = begun();
    for context in ["one", "two"] {
        known.view(&scope(context, "shop"), now);
    }
    let before: Vec<u64> = known.contexts.iter().map(|context| context.id).collect();
    assert!(known.files[0].hear(Ok(read(3))));
    assert!(known.tidy(None));
    known.view(&scope("two", "shop"), now);
    let after: Vec<u64> = known.contexts.iter().map(|context| context.id).collect();
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
}

#[test]
fn a_lost_kubeconfig_fails_every_view_and_ends_no_connection() {
    let (mut known, now) = begun();
    known.view(&scope("one", "shop"), now);
    assert!(known.files[0].hear(Err("gone".into())));
    assert!(!known.files[0].hear(Err("gone".into())), "told once");
    let view = known.view(&scope("one", "shop"), now).0;
    assert_eq!((view.state, view.contexts.map(|all| all.len())), (State::Failed("gone".into()), Some(2)));
    assert!(!known.tidy(None));
    assert!(known.files[0].hear(Ok(read(2))), "it is back");
}

#[test]
fn of_too_many_namespaces_the_oldest_go() {
    let (mut known, now) = begun();
    let names: Vec<String> = (0..SPACES).map(|at| format!("n{at}")).collect();
    let named = |name: &String| Named { metadata: Head { name: name.clone(), ..Head::default() } };
    for context in ["one", "two"] {
        known.view(&scope(context, "n0"), now);
        let context = known.contexts.last_mut().expect("it has been asked for");
        context.names.hear(News::Part(names.iter().map(named).collect()));
        context.names.hear(News::Complete);
    }
    for (at, name) in (1..).zip(&names) {
        let then = now + Duration::from_secs(at);
        known.view(&scope("one", name), then);
        known.view(&scope("two", name), then + Duration::from_millis(1));
    }
    assert!(known.tidy(None));
    let mut expected: Vec<&str> = names[SPACES / 2..].iter().map(String::as_str).collect();
    expected.extend_from_within(..);
    assert_eq!(spaces(&known), expected);
}

#[test]
fn after_a_loss_nothing_counts_until_it_is_heard_again() {
    let (mut known, now) = begun();
    known.view(&scope("one", "shop"), now);
    let context = &mut known.contexts[0];
    assert!(context.lose("no route".into()) && !context.lose("no route".into()));
    assert_eq!(known.view(&scope("one", "shop"), now).0.state, State::Failed("no route".into()));
    assert!(known.contexts[0].gain());
    assert_eq!(known.view(&scope("one", "shop"), now).0.state, State::Loading);
}
