//! Checks of content: what a text refers to must be well-formed.

use fancy_regex::Regex;

use super::Place;
use crate::document::Span;
use crate::feature::filter::Destination;
use crate::problem::{Code, Problem};
use crate::schema::Meaning;
use crate::target::Target;

/// What is wrong with `text`, if something is.
pub(super) fn problem(meaning: Meaning, text: &str, span: Span, place: &Place) -> Option<Problem> {
    match meaning {
        Meaning::TargetPath => {
            let error = Target::parse(text).err()?;
            Some(Problem::new(error.code, &place.written, span, error.message).help(error.help))
        }
        Meaning::Regex | Meaning::Path => bad_regex(text, span, place),
        Meaning::Destination => {
            let error = text.parse::<Destination>().err()?;
            let problem = Problem::new(Code::NetFilterSyntax, &place.written, span, error.to_string());
            Some(problem.help("write [tcp://|udp://][NAME|IP|[IPv6]|SUBNET/LEN][:PORT]"))
        }
        // Names are checked in the path that they are joined into.
        Meaning::Name
        | Meaning::Namespace
        | Meaning::Context
        | Meaning::RemotePort
        | Meaning::LocalPort
        | Meaning::PortPair
        | Meaning::Variable
        | Meaning::File => None,
    }
}

/// Why `pattern` does not compile.
pub(super) fn bad_regex(pattern: &str, span: Span, place: &Place) -> Option<Problem> {
    let error = Regex::new(pattern).err()?;
    // The parser prints a picture of several lines; its last line says what is wrong.
    let error = error.to_string();
    let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let message = format!("`{pattern}` is not a regular expression: {reason}");
    Some(Problem::new(Code::BadRegex, &place.written, span, message))
}
