//! What can be done with a configuration, above its target.

use config::document::{Document, Span};

use super::{known, tree};

/// A command above a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// The line that it stands above, by what is in it.
    pub span: Span,
    /// What it says.
    pub title: String,
    /// What it does.
    pub act: Act,
}

/// What a lens does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Runs a program with this configuration and target.
    Run(Option<String>),
    /// Debugs one.
    Debug(Option<String>),
    /// Lets the user pick another target.
    Pick,
    /// Ends the session of this name.
    Stop(String),
}

/// A session that runs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its name.
    pub session: String,
    /// Whom it stands in for, in words.
    pub target: String,
}

/// The lenses of a document while these sessions run.
pub fn lenses(document: &Document, running: &[Running]) -> Vec<Lens> {
    let entry = tree::find_entry(&document.root, "/target");
    let start = document.root.span.start;
    let span = entry.map_or(Span::new(start, start), |entry| entry.key_span);
    let target = known::target(document).map(|named| named.target);
    let path = target.as_ref().map(ToString::to_string);
    let with = if entry.is_some() { " with this target" } else { "" };
    let lens = |title: &str, act| Lens { span, title: title.to_owned(), act };
    let mut lenses = vec![
        lens(&format!("Run{with}"), Act::Run(path.clone())),
        lens(&format!("Debug{with}"), Act::Debug(path)),
        lens("Pick target", Act::Pick),
    ];
    for Running { session, target } in running {
        lenses.push(lens(&format!("Stop {target} ({session})"), Act::Stop(session.clone())));
    }
    lenses
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    #[test]
    fn a_target_can_be_run_debugged_picked_and_stopped() {
        let running = [("a1", "deployment/cart"), ("b2", "pod/other")];
        let running = running.map(|(session, target)| Running { session: session.into(), target: target.into() });
        let mut told = String::new();
        for (name, text) in [
            ("mirrord.json", r#"{"target": "deployment/cart/container/web"}"#),
            ("mirrord.yaml", "agent: {}\ntarget:\n  deployment: cart\n"),
            ("mirrord.toml", "key = 'x'\n"),
        ] {
            for Lens { span, title, act } in lenses(&Document::parse(name, text), &running) {
                let line = text[..span.start].matches('\n').count();
                writeln!(told, "{name}:{line} {title}: {act:?}").expect("text takes text");
            }
        }
        expect![[r#"
            mirrord.json:0 Run with this target: Run(Some("deployment/cart/container/web"))
            mirrord.json:0 Debug with this target: Debug(Some("deployment/cart/container/web"))
            mirrord.json:0 Pick target: Pick
            mirrord.json:0 Stop deployment/cart (a1): Stop("a1")
            mirrord.json:0 Stop pod/other (b2): Stop("b2")
            mirrord.yaml:1 Run with this target: Run(Some("deployment/cart"))
            mirrord.yaml:1 Debug with this target: Debug(Some("deployment/cart"))
            mirrord.yaml:1 Pick target: Pick
            mirrord.yaml:1 Stop deployment/cart (a1): Stop("a1")
            mirrord.yaml:1 Stop pod/other (b2): Stop("b2")
            mirrord.toml:0 Run: Run(None)
            mirrord.toml:0 Debug: Debug(None)
            mirrord.toml:0 Pick target: Pick
            mirrord.toml:0 Stop deployment/cart (a1): Stop("a1")
            mirrord.toml:0 Stop pod/other (b2): Stop("b2")
        "#]]
        .assert_eq(&told);
    }
}
