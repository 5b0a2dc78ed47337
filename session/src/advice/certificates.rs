//! Certificates that a program wants to trust and the pod does not have: an image without them is common, and what
//! programs say of it (`ENOENT`, "unknown authority") leads nobody to the reason.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use protocol::{
    Errno, codec,
    file::{Access, RealPath, Stat, Which},
    operation::{Operation, name_of},
    text::harmless_bytes,
};

use super::target_has;
use crate::{
    event::Event,
    proxy::{Proxy, encode},
};

/// Where Debian, Alpine, Arch and images without a distribution have them; other systems keep theirs in other folders of
/// `/etc`, which are this machine's.
const FOLDER: &[u8] = b"/etc/ssl/certs";

/// The file of [`FOLDER`] that holds all of them.
const BUNDLE: &[u8] = b"/etc/ssl/certs/ca-certificates.crt";

/// Names of files that hold many certificates: those of systems, and what certifi and gRPC bring along.
const BUNDLES: &[&[u8]] =
    &[b"ca-certificates.crt", b"ca-bundle.crt", b"ca-bundle.pem", b"cacert.pem", b"cert.pem", b"roots.pem"];

/// Folders that are told of at most: after that, the user knows.
const LIMIT: usize = 8;

/// The folders of which the user has been told.
#[derive(Debug, Default)]
pub(crate) struct Certificates(Mutex<BTreeSet<Vec<u8>>>);

impl Certificates {
    fn told(&self) -> std::sync::MutexGuard<'_, BTreeSet<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing has been told of `folder`, or too much.
    fn is_new(&self, folder: &[u8]) -> bool {
        let told = self.told();
        told.len() < LIMIT && !told.contains(folder)
    }

    /// As [`Self::is_new`], for one caller only.
    fn claim(&self, folder: &[u8]) -> bool {
        let mut told = self.told();
        told.len() < LIMIT && told.insert(folder.to_owned())
    }
}

/// The path of certificates that an encoded operation looks at.
pub(crate) fn sought(operation: &[u8]) -> Option<Vec<u8>> {
    if !matches!(name_of(operation), Some("stat" | "access" | "real_path")) {
        return None;
    }
    match codec::decode(operation).ok()? {
        Operation::Stat { request: Stat { file: Which::Path { path, .. } } }
        | Operation::Access { request: Access { path, .. } }
        | Operation::RealPath { request: RealPath { path } } => Some(path).filter(|path| folder_of(path).is_some()),
        _ => None,
    }
}

/// The target has given an encoded answer to an operation that looks at `path`.
pub(crate) async fn answered(proxy: &Proxy, path: &[u8], answer: &[u8]) {
    if encode(&Err::<(), Errno>(Errno::ENOENT)).is_ok_and(|absence| absence == answer) {
        absent(proxy, path).await;
    }
}

/// A program has looked for `path`, which the target does not have: tells the user if that is certificates which this
/// machine has. Once per folder.
pub(crate) async fn absent(proxy: &Proxy, path: &[u8]) {
    let Some(folder) = folder_of(path).filter(|folder| proxy.advice.certificates.is_new(folder)) else { return };
    // It is a guess where to look: whoever has no such file either fails on this machine, too.
    if !tokio::fs::try_exists(Path::new(OsStr::from_bytes(path))).await.unwrap_or(false) {
        return;
    }
    // Programs that have read the bundle go on to look for single ones, which many images do not have.
    if !is_bundle(path) && target_has(proxy, BUNDLE, true).await {
        return;
    }
    if proxy.advice.certificates.claim(folder) {
        proxy.observer.tell(Event::Warning(text(path, folder)));
    }
}

fn text(path: &[u8], folder: &[u8]) -> String {
    let pattern = serde_json::json!([rules::path::pattern_for(&String::from_utf8_lossy(folder))]);
    format!(
        "the pod has no {}, but this machine has: programs that check TLS certificates by it fail. \
         To let them use this machine's, set `feature.fs.local` to `{}`",
        harmless_bytes(path),
        harmless_bytes(pattern.to_string().as_bytes())
    )
}

/// The folder that certificates are in; nothing for other files.
fn folder_of(path: &[u8]) -> Option<&[u8]> {
    if path.strip_prefix(FOLDER).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/')) {
        return Some(FOLDER);
    }
    let name = path.len() - rules::process::base_name(path).len();
    is_bundle(path).then(|| &path[..name.saturating_sub(1)])
}

fn is_bundle(path: &[u8]) -> bool {
    BUNDLES.contains(&rules::process::base_name(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_told_by_their_folder_or_name() {
        let folder = |path: &str| folder_of(path.as_bytes()).map(|folder| String::from_utf8_lossy(folder).into_owned());
        assert_eq!(folder("/etc/ssl/certs").as_deref(), Some("/etc/ssl/certs"));
        assert_eq!(folder("/etc/ssl/certs/4042bcee.0").as_deref(), Some("/etc/ssl/certs"));
        assert_eq!(folder("/srv/venv/certifi/cacert.pem").as_deref(), Some("/srv/venv/certifi"));
        assert_eq!(folder("/cacert.pem").as_deref(), Some(""));
        assert_eq!(folder("/etc/ssl/certs2/x"), None);
        assert_eq!(folder("/srv/server.pem"), None);
    }

    #[test]
    fn a_folder_is_told_of_once_and_only_a_few_are() {
        let certificates = Certificates::default();
        assert!(certificates.is_new(b"/a"));
        assert!(certificates.claim(b"/a"));
        assert!(!certificates.claim(b"/a") && !certificates.is_new(b"/a"));
        let claimed = (0..2 * LIMIT).filter(|number| certificates.claim(number.to_string().as_bytes())).count();
        assert_eq!(claimed, LIMIT - 1);
        assert!(!certificates.is_new(b"/b"));
    }

    #[test]
    fn the_line_says_what_to_write() {
        expect_test::expect![[r#"the pod has no /srv/c++/cacert.pem, but this machine has: programs that check TLS certificates by it fail. To let them use this machine's, set `feature.fs.local` to `["^/srv/c\\+\\+"]`"#]]
            .assert_eq(&text(b"/srv/c++/cacert.pem", b"/srv/c++"));
    }
}
