//! Which requests the program gets, of those that arrive: `http_filter`, as the agent and the user are told it.

use std::sync::Arc;

use config::{
    Config, IncomingMode,
    feature::incoming::{Condition, Demand},
};
use protocol::incoming::filter::{self, Filter, Limits};

/// What a filter says of a port may be long; so much of it is shown.
const WORDS_LIMIT: usize = 120;

/// A filter, and where it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requests {
    filter: Filter,
    /// In words, for the user.
    words: Arc<str>,
    /// Ports of the target that it is about; `None`: all. Others are taken whole.
    ports: Option<Vec<u16>>,
}

impl Requests {
    /// The filter for a port of the target, and what it demands in words.
    pub(crate) fn on(&self, port: u16) -> Option<(Filter, Arc<str>)> {
        let holds = self.ports.as_ref().is_none_or(|ports| ports.contains(&port));
        holds.then(|| (self.filter.clone(), self.words.clone()))
    }
}

/// What the configuration demands of requests, if anything. Errs with why it cannot be had.
pub(super) fn requests(config: &Config) -> Result<Option<Requests>, String> {
    let incoming = &config.feature.network.incoming;
    let Some(http_filter) = &incoming.http_filter else { return Ok(None) };
    let (conditions, all) = match http_filter.demand() {
        Demand::Nothing => return Ok(None),
        Demand::All(conditions) => (conditions, true),
        Demand::Any(conditions) => (conditions, false),
    };
    match incoming.mode {
        IncomingMode::Steal => {}
        IncomingMode::Off => return Ok(None),
        IncomingMode::Mirror => {
            return Err("`feature.network.incoming.http_filter`: this version picks requests only when it steals; set \
                        `feature.network.incoming.mode` to \"steal\", so that all others stay with the target, or remove the filter"
                .to_owned());
        }
    }
    let words: Vec<_> = conditions.iter().map(in_words).collect();
    let words = words.join(if all { " and " } else { " or " });
    let agent = &config.agent;
    let milliseconds = |time: std::time::Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let limits = Limits {
        body_bytes: u32::try_from(agent.max_body_buffer_size).unwrap_or(u32::MAX),
        body_ms: milliseconds(agent.max_body_buffer_timeout),
        jq_ms: milliseconds(agent.jaq_time_limit),
    };
    let filter = Filter { conditions: conditions.into_iter().map(on_the_wire).collect(), all, limits };
    if let Some(excess) = filter.excess() {
        return Err(format!("`feature.network.incoming.http_filter` is too large: {excess}"));
    }
    Ok(Some(Requests { filter, words: shortened(&words).into(), ports: http_filter.ports.clone() }))
}

fn on_the_wire(condition: Condition) -> filter::Condition {
    match condition {
        Condition::Header(pattern) => filter::Condition::Header(pattern),
        Condition::HeaderJq(code) => filter::Condition::HeaderJq(code),
        Condition::Path(pattern) => filter::Condition::Path(pattern),
        Condition::Method(name) => filter::Condition::Method(name),
        Condition::Body { query, matches } => filter::Condition::Body { query, matches },
    }
}

fn in_words(condition: &Condition) -> String {
    match condition {
        Condition::Header(pattern) => format!("header {pattern}"),
        Condition::HeaderJq(code) => format!("header jq {code}"),
        Condition::Path(pattern) => format!("path {pattern}"),
        Condition::Method(name) => format!("method {name}"),
        Condition::Body { query, matches: None } => format!("body {query}"),
        Condition::Body { query, matches: Some(pattern) } => format!("body {query} {pattern}"),
    }
}

fn shortened(words: &str) -> String {
    let words = protocol::text::harmless(words);
    match words.char_indices().nth(WORDS_LIMIT) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use config::{Overrides, Source};
    use expect_test::{Expect, expect};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "tests read better with expect![…] in place")]
    fn check(incoming: &str, expected: Expect) {
        let text = format!(
            r#"{{"target": "pod/x", "agent": {{"max_body_buffer_size": 9}}, "feature": {{"network": {{"incoming": {incoming}}}}}}}"#
        );
        let loaded = config::load(Some(Source { name: "m.json", text: &text }), &Overrides::default());
        let config = loaded.config.clone().unwrap_or_else(|| panic!("{:?}", loaded.problems));
        let told = match requests(&config) {
            Ok(None) => "every connection".to_owned(),
            Ok(Some(requests)) => {
                let Requests { filter: Filter { conditions, all, limits }, words, ports } = requests;
                format!("{words}\n{} conditions, all: {all}, {limits:?}, ports: {ports:?}", conditions.len())
            }
            Err(refusal) => refusal,
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn a_filter_is_told_in_words_and_to_the_agent() {
        check(
            r#"{"mode": "steal", "http_filter": {"header_filter": "^x: me$", "ports": [80]}}"#,
            expect![[r#"
                header ^x: me$
                1 conditions, all: true, Limits { body_bytes: 9, body_ms: 1000, jq_ms: 500 }, ports: Some([80])"#]],
        );
        check(
            r#"{"mode": "steal", "http_filter": {"any_of": [{"path": "^/a"}, {"method": "PUT"}, {"query": ". == 1"}, {"body": "json", "query": "$.a", "matches": "b"}]}}"#,
            expect![[r#"
                path ^/a or method PUT or header jq . == 1 or body $.a b
                4 conditions, all: false, Limits { body_bytes: 9, body_ms: 1000, jq_ms: 500 }, ports: None"#]],
        );
        let long = format!(r#"{{"mode": "steal", "http_filter": {{"path_filter": "{}"}}}}"#, "é".repeat(20_000));
        check(
            &long,
            expect!["`feature.network.incoming.http_filter` is too large: it has 40000 bytes of text, more than 32768"],
        );
    }

    #[test]
    fn no_filter_takes_all_and_copies_are_not_filtered() {
        for incoming in [
            r#"{"mode": "steal", "http_filter": {}}"#,
            r#"{"mode": "steal"}"#,
            r#"{"mode": "off", "http_filter": {"path_filter": "^/"}}"#,
        ] {
            check(incoming, expect!["every connection"]);
        }
        check(
            r#"{"mode": "mirror", "http_filter": {"path_filter": "^/"}}"#,
            expect![[
                r#"`feature.network.incoming.http_filter`: this version picks requests only when it steals; set `feature.network.incoming.mode` to "steal", so that all others stay with the target, or remove the filter"#
            ]],
        );
    }
}
