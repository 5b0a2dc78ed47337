//! The target's environment: fetched once, merged with the local one, handed to whoever launches the program.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read},
    path::Path,
};

use config::Env;
use link::Stream;
use protocol::{
    Errno, codec,
    env::{Environment, ReadEnvironment},
    operation::{BLOB_FOLLOWS, Operation},
};
use tokio::io::AsyncReadExt;

use crate::Error;

/// Largest environment that we take, in bytes; Linux's own limit for arguments and environment is 6 MiB at most.
const ENVIRONMENT_LIMIT: u64 = 8 * 1024 * 1024;

/// Most that is read of a dotenv file, in bytes: what is longer than a whole environment may be is no such file.
const FILE_LIMIT: u64 = ENVIRONMENT_LIMIT;

/// What the agent tells of its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Names and values, as text; an entry that is not UTF-8 cannot be matched by patterns and is left out.
    pub(crate) variables: BTreeMap<String, String>,
    /// Entries left out for that reason, or without `=`.
    pub(crate) left_out: usize,
    /// The pod's host name.
    pub(crate) host_name: Vec<u8>,
}

/// The request, encoded: it travels with the greeting.
pub(crate) fn request() -> Vec<u8> {
    codec::encode(&Operation::from(ReadEnvironment)).expect("a few bytes")
}

/// Reads the answer to [`request`].
pub(crate) async fn read(mut stream: Stream) -> io::Result<Remote> {
    let answer: Result<Environment, Errno> = stream.read_message().await?;
    let Environment { host_name } = answer?;
    let mut bytes = Vec::new();
    if stream.read_u8().await? == BLOB_FOLLOWS {
        stream.take(ENVIRONMENT_LIMIT).read_to_end(&mut bytes).await?;
    }
    let (variables, left_out) = parse(&bytes);
    Ok(Remote { variables, left_out, host_name })
}

/// Entries `NAME=value`, each ended by NUL; the first of several with one name counts, as getenv(3) finds it.
fn parse(bytes: &[u8]) -> (BTreeMap<String, String>, usize) {
    let mut variables = BTreeMap::new();
    let mut left_out = 0;
    for entry in bytes.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        match std::str::from_utf8(entry).ok().and_then(|entry| entry.split_once('=')) {
            Some((name, value)) if !name.is_empty() => {
                variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
            _ => left_out += 1,
        }
    }
    (variables, left_out)
}

/// Variables of the dotenv file that the configuration names; none without one. A relative path begins in the
/// program's working directory.
pub(crate) fn file(env: &Env, working_directory: &Path) -> Result<BTreeMap<String, String>, Error> {
    let Some(name) = &env.env_file else { return Ok(BTreeMap::new()) };
    let failed = |error: dotenvy::Error| {
        let source = match error {
            dotenvy::Error::Io(error) => error,
            other => io::Error::other(other.to_string()),
        };
        Error::Local { what: format!("reading the variables of `{name}` (`feature.env.env_file`)"), source }
    };
    let lines = std::fs::File::open(working_directory.join(name)).map_err(dotenvy::Error::Io).map_err(failed)?;
    dotenvy::from_read_iter(lines.take(FILE_LIMIT)).collect::<Result<_, _>>().map_err(failed)
}

/// What to set and what to remove in the program's environment, without the layer's own variables.
pub(crate) fn merge(
    env: &Env,
    remote: &Remote,
    file: &BTreeMap<String, String>,
    local: &BTreeMap<OsString, OsString>,
) -> (BTreeMap<OsString, OsString>, Vec<OsString>) {
    let local = local
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_string_lossy().into_owned())))
        .collect();
    let change = config::feature::env::effective(env, &remote.variables, file, &local);
    let set = change.set.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    (set, change.unset.into_iter().map(Into::into).collect())
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
        assert_eq!(read, expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
        let fault = file("A=\"open\n").expect_err("the quotes are not closed").to_string();
        assert!(fault.contains("`x.env` (`feature.env.env_file`)"), "{fault}");
        let absent = super::file(&Env { env_file: Some("y".into()), ..Env::default() }, folder.path());
        assert!(absent.is_err_and(|error| error.to_string().contains("reading the variables of `y`")));
    }

    #[test]
    fn entries_are_split_at_the_first_equals_sign_and_hostile_ones_left_out() {
        let (variables, left_out) = parse(b"A=1\0B=x=y\0A=2\0=odd\0nothing\0C=\xff\0D=two\nlines\0");
        let expected = [("A", "1"), ("B", "x=y"), ("D", "two\nlines")];
        assert_eq!(variables, expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
        assert_eq!(left_out, 3);
    }
}
