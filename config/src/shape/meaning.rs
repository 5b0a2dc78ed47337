//! Checks of content: what a text refers to must be well-formed.

use std::net::SocketAddr;

use super::scalar::start;
use super::{Place, Repair};
use crate::compile::{self, Invalid, Language};
use crate::document::Span;
use crate::feature::filter::Destination;
use crate::problem::{Code, Problem};
use crate::schema::Meaning;
use crate::target::Target;

/// What is wrong with `text`, if something is.
pub(super) fn problem(
    meaning: Meaning,
    text: &str,
    span: Span,
    place: &Place,
    repair: Option<Repair<'_>>,
) -> Option<Problem> {
    let invalid = |code, language, invalid| not_compiled(code, language, text, span, place, repair, invalid);
    match meaning {
        Meaning::TargetPath => {
            let error = Target::parse(text).err()?;
            let edits = error.meant.as_ref().and_then(|meant| repair?.replace(&place.written, &meant.as_str().into()));
            let problem = Problem::new(error.code, &place.written, span, error.message).help(error.help);
            Some(problem.repair(format!("Replace by `{}`", error.meant.unwrap_or_default()), edits))
        }
        Meaning::Regex | Meaning::Path => {
            Some(invalid(Code::BadRegex, "a regular expression", compile::problem(Language::Regex, text)?))
        }
        // Filters that are empty have a rule of their own.
        Meaning::JsonPath | Meaning::Jq if text.is_empty() => None,
        Meaning::JsonPath => {
            Some(invalid(Code::BadJsonPath, "a JSONPath", compile::problem(Language::JsonPath, text)?))
        }
        Meaning::Jq => Some(invalid(Code::BadJq, "a jq program", compile::problem(Language::Jq, text)?)),
        Meaning::Destination => {
            let error = text.parse::<Destination>().err()?;
            let problem = Problem::new(Code::NetFilterSyntax, &place.written, span, error.to_string());
            Some(problem.help("write [tcp://|udp://][NAME|IP|[IPv6]|SUBNET/LEN][:PORT]"))
        }
        Meaning::SocketAddress => {
            text.parse::<SocketAddr>().err()?;
            let message = format!("`{text}` is not an address with a port");
            Some(Problem::new(Code::BadValue, &place.written, span, message).help("write IP:PORT or [IPv6]:PORT"))
        }
        // Names are checked in the path that they are joined into; the others may be anything.
        Meaning::Name
        | Meaning::Namespace
        | Meaning::Context
        | Meaning::RemotePort
        | Meaning::LocalPort
        | Meaning::PortPair
        | Meaning::Container
        | Meaning::Variable
        | Meaning::File
        | Meaning::Quantity => None,
    }
}

fn not_compiled(
    code: Code,
    language: &str,
    text: &str,
    span: Span,
    place: &Place,
    repair: Option<Repair<'_>>,
    Invalid { reason, at }: Invalid,
) -> Problem {
    let part = at.and_then(|at| Some(repair?.part(span, text, &at)));
    let message = format!("`{}` is not {language}: {reason}", start(text));
    Problem::new(code, &place.written, part.unwrap_or(span), message)
}
