//! The target's environment: fetched once, merged with the local one, handed to whoever launches the program.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read},
    os::unix::ffi::OsStringExt,
    path::Path,
};

use config::{
    Env,
    feature::env::{Origin, Variable},
};
use link::Stream;
use protocol::{
    Errno, codec,
    env::{Environment, ReadEnvironment},
    operation::{BLOB_FOLLOWS, Operation},
    text::harmless,
};
use tokio::io::AsyncReadExt;

use crate::Error;

mod handed;
mod origin;

pub(crate) use self::{handed::Handed, origin::Origins};

/// Longest piece of an odd entry that is shown, in characters.
const SHOWN_LIMIT: usize = 40;

/// Largest environment that we take, in bytes; Linux's own limit for arguments and environment is 6 MiB at most.
const ENVIRONMENT_LIMIT: u64 = 8 * 1024 * 1024;

/// Most that is read of a dotenv file, in bytes: what is longer than a whole environment may be is no such file.
const FILE_LIMIT: u64 = ENVIRONMENT_LIMIT;

/// What the agent tells of its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Its variables.
    pub(crate) variables: BTreeMap<OsString, Variable>,
    /// Entries that are no variables, for want of a name or of `=`: made harmless for people, without their values.
    pub(crate) odd: Vec<String>,
    /// The pod's host name.
    pub(crate) host_name: Vec<u8>,
    /// Names in the target's root directory.
    pub(crate) root: Vec<Vec<u8>>,
}

/// The request, encoded: it travels with the greeting.
pub(crate) fn request() -> Vec<u8> {
    codec::encode(&Operation::from(ReadEnvironment)).expect("a few bytes")
}

/// Reads the answer to [`request`]; `origins` says who has set what, if there is a specification.
pub(crate) async fn read(mut stream: Stream, origins: Option<&Origins>) -> io::Result<Remote> {
    let answer: Result<Environment, Errno> = stream.read_message().await?;
    let Environment { host_name, root } = answer?;
    let mut bytes = Vec::new();
    if stream.read_u8().await? == BLOB_FOLLOWS {
        stream.take(ENVIRONMENT_LIMIT).read_to_end(&mut bytes).await?;
    }
    let (values, odd) = parse(&bytes);
    let known = match origins {
        Some(origins) => origins.of_all(values.keys()),
        None => vec![Origin::Unknown; values.len()],
    };
    let variables = values.into_iter().zip(known);
    let variables = variables.map(|((name, value), origin)| (name, Variable { value, origin })).collect();
    Ok(Remote { variables, odd, host_name, root })
}

/// Entries `NAME=value`, each ended by NUL; the first of several with one name counts, as getenv(3) finds it.
fn parse(bytes: &[u8]) -> (BTreeMap<OsString, OsString>, Vec<String>) {
    let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let mut variables = BTreeMap::new();
    let mut odd = Vec::new();
    for entry in bytes.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        match entry.iter().position(|byte| *byte == b'=') {
            Some(len) if len > 0 => {
                variables.entry(text(&entry[..len])).or_insert_with(|| text(&entry[len + 1..]));
            }
            Some(_) => odd.push("one without a name".to_owned()),
            None => {
                let shown: String = String::from_utf8_lossy(entry).chars().take(SHOWN_LIMIT).collect();
                odd.push(format!("`{}`", harmless(&shown)));
            }
        }
    }
    (variables, odd)
}

/// Variables of the dotenv file that the configuration names; none without one. A relative path begins in the
/// program's working directory.
pub(crate) fn file(env: &Env, working_directory: &Path) -> Result<BTreeMap<OsString, OsString>, Error> {
    let Some(name) = &env.env_file else { return Ok(BTreeMap::new()) };
    let failed = |error: dotenvy::Error| {
        let source = match error {
            dotenvy::Error::Io(error) => error,
            other => io::Error::other(other.to_string()),
        };
        Error::Local { what: format!("reading the variables of `{name}` (`feature.env.env_file`)"), source }
    };
    let lines = std::fs::File::open(working_directory.join(name)).map_err(dotenvy::Error::Io).map_err(failed)?;
    let variables = dotenvy::from_read_iter(lines.take(FILE_LIMIT));
    variables
        .map(|variable| variable.map(|(name, value)| (name.into(), value.into())))
        .collect::<Result<_, _>>()
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotenv_file_is_read_and_its_faults_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |text: &str| {
            std::fs::write(folder.path().join("x.env"), text).expect("there is room");
            super::file(&Env { env_file: Some("x.env".into()), ..Env::default() }, folder.path())
        };
        let read = file("# note\nA=1\nexport B=\"two words\"\nC='$A'\n").expect("it is sound");
        let expected = [("A", "1"), ("B", "two words"), ("C", "$A")];
        assert_eq!(read, expected.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        let fault = file("A=\"open\n").expect_err("the quotes are not closed").to_string();
        assert!(fault.contains("`x.env` (`feature.env.env_file`)"), "{fault}");
        let absent = super::file(&Env { env_file: Some("y".into()), ..Env::default() }, folder.path());
        assert!(absent.is_err_and(|error| error.to_string().contains("reading the variables of `y`")));
    }

    #[test]
    fn entries_are_split_at_the_first_equals_sign_and_odd_ones_are_told() {
        let (variables, odd) = parse(b"A=1\0B=x=y\0A=2\0=odd\0no\x1bthing\0C=\xff\0D=two\nlines\0E=\0");
        let shown = variables.iter().fold(String::new(), |all, (name, value)| format!("{all}{name:?}={value:?} "));
        assert_eq!(shown, r#""A"="1" "B"="x=y" "C"="\xFF" "D"="two\nlines" "E"="" "#);
        assert_eq!(odd, ["one without a name", "`no\\u{1b}thing`"]);
    }
}
