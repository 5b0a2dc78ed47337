//! What surrounds the documents: folders, settings, and the environment that a launch from this editor would have.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use config::Overrides;
use serde::Deserialize;
use serde_json::Value;
use tower_lsp::lsp_types::Url;

use crate::settings;

/// What surrounds the documents.
#[derive(Clone, Debug, Default)]
pub(super) struct Workspace {
    /// Our own environment, which launches inherit.
    environment: BTreeMap<OsString, OsString>,
    /// Our own working directory, for documents outside of every folder.
    working_directory: PathBuf,
    folders: Vec<PathBuf>,
    settings: Settings,
}

/// The section `mirrord` of the editor's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// Kubeconfig files of documents that name none; beats the variable `KUBECONFIG`.
    kubeconfig: Option<String>,
    /// Variables that launches from this editor have, beside our own.
    env: BTreeMap<String, String>,
}

impl Workspace {
    pub(super) fn new(environment: BTreeMap<OsString, OsString>, working_directory: PathBuf) -> Self {
        Self { environment, working_directory, ..Self::default() }
    }

    /// Folders come and go.
    pub(super) fn change_folders<'a>(
        &mut self,
        added: impl IntoIterator<Item = &'a Url>,
        removed: impl IntoIterator<Item = &'a Url>,
    ) {
        let removed: Vec<_> = removed.into_iter().filter_map(|uri| uri.to_file_path().ok()).collect();
        self.folders.retain(|folder| !removed.contains(folder));
        self.folders.extend(added.into_iter().filter_map(|uri| uri.to_file_path().ok()));
    }

    /// Takes settings as editors send them: all sections, ours, or nothing. Whether that was news; errs with a
    /// sentence for the user.
    pub(super) fn configure(&mut self, settings: Value) -> Result<bool, String> {
        let ours = match settings {
            Value::Object(mut sections) if sections.contains_key("mirrord") => {
                sections.remove("mirrord").unwrap_or_default()
            }
            other => other,
        };
        let new = match ours {
            Value::Null => Settings::default(),
            ours => serde_json::from_value(ours)
                .map_err(|error| format!("the settings of mirrord are not understood: {error}"))?,
        };
        let is_news = new != self.settings;
        self.settings = new;
        Ok(is_news)
    }

    /// The folder of launches that belong to no document.
    pub(super) fn first_folder(&self) -> PathBuf {
        self.folders.first().unwrap_or(&self.working_directory).clone()
    }

    /// The folder that a document belongs to: the innermost one around it, else its own.
    pub(super) fn folder(&self, uri: &str) -> PathBuf {
        let path = Url::parse(uri).ok().and_then(|uri| uri.to_file_path().ok());
        let Some(path) = path else { return self.first_folder() };
        let around = self.folders.iter().filter(|folder| path.starts_with(folder));
        let around = around.max_by_key(|folder| folder.components().count());
        around.cloned().unwrap_or_else(|| outside(&path).unwrap_or(&self.working_directory).to_path_buf())
    }

    /// The environment of a launch.
    pub(super) fn environment(&self) -> BTreeMap<OsString, OsString> {
        let mut environment = self.environment.clone();
        if let Some(kubeconfig) = &self.settings.kubeconfig {
            environment.insert("KUBECONFIG".into(), kubeconfig.into());
        }
        environment.extend(self.settings.env.iter().map(|(name, value)| (name.into(), value.into())));
        environment
    }

    /// The environment as far as it is text.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        self.environment().into_iter().filter_map(text).collect()
    }

    /// Kubeconfig files of documents that name none, if the settings know some.
    pub(super) fn kubeconfig(&self) -> Option<&str> {
        self.settings.kubeconfig.as_deref()
    }

    /// What beats a document that is being edited: no flags yet, and a target may still be picked.
    pub(super) fn overrides(&self, uri: &str) -> Overrides {
        let launch = settings::overrides(self.variables(), &self.folder(uri), Vec::new());
        Overrides { target_pending: true, editing: true, ..launch }
    }
}

/// The folder of a document, above `.mirrord`.
fn outside(path: &Path) -> Option<&Path> {
    let folder = path.parent()?;
    if folder.file_name().is_some_and(|name| name == ".mirrord") { folder.parent() } else { Some(folder) }
}

/// `text` with an editor's `${workspaceFolder}` replaced.
pub(super) fn expand(text: &str, folder: &Path) -> String {
    text.replace("${workspaceFolder}", &folder.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_belongs_to_the_innermost_folder() {
        let mut workspace = Workspace::new(BTreeMap::new(), "/here".into());
        let uri = |path: &str| Url::from_file_path(path).expect("absolute");
        workspace.change_folders(&[uri("/a"), uri("/a/b"), uri("/c")], &[]);
        let of = |workspace: &Workspace, path: &str| workspace.folder(uri(path).as_str()).display().to_string();
        assert_eq!(of(&workspace, "/a/x/.mirrord/mirrord.json"), "/a");
        assert_eq!(of(&workspace, "/a/b/.mirrord/mirrord.json"), "/a/b");
        assert_eq!(of(&workspace, "/d/e/.mirrord/mirrord.json"), "/d/e");
        assert_eq!(workspace.folder("untitled:mirrord.json").display().to_string(), "/a");
        workspace.change_folders(&[], &[uri("/a/b")]);
        assert_eq!(of(&workspace, "/a/b/.mirrord/mirrord.json"), "/a");
    }

    #[test]
    fn settings_are_part_of_the_environment_of_launches() {
        let mut workspace = Workspace::new(BTreeMap::from([("A".into(), "1".into())]), "/".into());
        let settings = json!({ "mirrord": { "kubeconfig": "/k", "env": { "MIRRORD_FILE_MODE": "local" } }, "go": 1 });
        assert_eq!(workspace.configure(settings.clone()), Ok(true));
        assert_eq!(workspace.configure(settings), Ok(false));
        let variables: Vec<_> = workspace.variables().into_iter().map(|(name, value)| name + "=" + &value).collect();
        assert_eq!(variables, ["A=1", "KUBECONFIG=/k", "MIRRORD_FILE_MODE=local"]);
        assert!(workspace.configure(json!({ "mirrord": { "env": 3 } })).is_err());
        assert_eq!(workspace.configure(Value::Null), Ok(true), "back to nothing");
    }
}
