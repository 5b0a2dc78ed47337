//! A session's filter, compiled: whether a request is the program's.

mod head;
mod programs;

use std::time::Duration;

use pattern::{Invalid, Jq, JsonPath, Regex, regex_ignoring_case};
use protocol::incoming::filter;

pub(crate) use self::head::Head;
use self::programs::{Input, Program, Programs};
use super::http::RequestBody;

/// Decides about requests; the same for all connections of a subscription.
#[derive(Debug)]
pub(crate) struct Filter {
    /// What costs least comes first.
    conditions: Vec<Condition>,
    /// Whether every condition must hold, or at least one.
    all: bool,
    programs: Option<Programs>,
    body_bytes: usize,
    body_time: Duration,
}

#[derive(Debug)]
enum Condition {
    Method(String),
    Path(Regex),
    Header(Regex),
    /// A jq program, by its number.
    HeaderJq(usize),
    /// A program about the body, by its number.
    Body(usize),
}

impl Filter {
    /// Compiles what a session sent. Errs with what is wrong with it.
    pub(crate) fn compile(filter: filter::Filter) -> Result<Self, String> {
        if let Some(excess) = filter.excess() {
            return Err(excess);
        }
        let filter::Filter { conditions, all, limits } = filter;
        let mut programs = Vec::new();
        let mut compiled = Vec::new();
        for condition in conditions {
            compiled.push(compile(condition, &mut programs)?);
        }
        compiled.sort_by_key(|condition| match condition {
            Condition::Method(_) => 0,
            Condition::Path(_) => 1,
            Condition::Header(_) => 2,
            Condition::HeaderJq(_) => 3,
            Condition::Body(_) => 4,
        });
        let programs = if programs.is_empty() {
            None
        } else {
            let limit = Duration::from_millis(limits.jq_ms.into());
            Some(Programs::start(programs, limit).map_err(|error| format!("no thread to run its programs: {error}"))?)
        };
        Ok(Self {
            conditions: compiled,
            all,
            programs,
            body_bytes: usize::try_from(limits.body_bytes).expect("32 bits"),
            body_time: Duration::from_millis(limits.body_ms.into()),
        })
    }

    /// Whether a request matches. Reads as much of its body as it has to; nothing of it is lost.
    pub(crate) async fn matches(&self, head: &Head, body: &mut RequestBody) -> bool {
        for condition in &self.conditions {
            if self.holds(condition, head, body).await != self.all {
                return !self.all;
            }
        }
        self.all
    }

    async fn holds(&self, condition: &Condition, head: &Head, body: &mut RequestBody) -> bool {
        match condition {
            Condition::Method(name) => head.method().eq_ignore_ascii_case(name),
            Condition::Path(regex) => head.paths().iter().any(|path| is_match(regex, path)),
            Condition::Header(regex) => head.lines().iter().any(|line| is_match(regex, line)),
            Condition::HeaderJq(program) => self.run(*program, Input::Lines(head.lines().clone())).await,
            Condition::Body(program) => match body.whole(self.body_bytes, self.body_time).await {
                Some(bytes) => self.run(*program, Input::Body(bytes)).await,
                None => false,
            },
        }
    }

    async fn run(&self, program: usize, input: Input) -> bool {
        match &self.programs {
            Some(programs) => programs.run(program, input).await,
            None => false,
        }
    }
}

fn compile(condition: filter::Condition, programs: &mut Vec<Program>) -> Result<Condition, String> {
    let regex = |pattern: &str| regex_ignoring_case(pattern).map_err(because(pattern));
    let mut number = |program| {
        programs.push(program);
        programs.len() - 1
    };
    Ok(match condition {
        filter::Condition::Header(pattern) => Condition::Header(regex(&pattern)?),
        filter::Condition::Path(pattern) => Condition::Path(regex(&pattern)?),
        filter::Condition::Method(name) => Condition::Method(name),
        filter::Condition::HeaderJq(code) => {
            Condition::HeaderJq(number(Program::Header(Jq::compile(&code).map_err(because(&code))?)))
        }
        filter::Condition::Body { query, matches } => {
            let path = JsonPath::compile(&query).map_err(because(&query))?;
            let matches = matches.map(|pattern| regex(&pattern)).transpose()?;
            Condition::Body(number(Program::Body { path, matches }))
        }
    })
}

fn because(pattern: &str) -> impl FnOnce(Invalid) -> String + '_ {
    move |invalid| format!("`{pattern}`: {invalid}")
}

/// A match that needs too many steps back is none.
fn is_match(regex: &Regex, text: &str) -> bool {
    regex.is_match(text).unwrap_or_else(|error| {
        tracing::debug!(%error, "a regular expression gives up");
        false
    })
}

#[cfg(test)]
mod tests;
