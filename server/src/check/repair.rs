//! Certain repairs, made in the file.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use config::{Edit, Overrides, Severity};

use crate::settings::{File, Settings};

/// Repairs may uncover further ones; a file that changes for longer goes in circles.
const ROUNDS: usize = 8;

/// Applies the repairs of all errors and warnings to the file; gives their number. Nothing is written when the result
/// would have more errors, and when the file has changed meanwhile.
pub(super) fn repair(path: &Path, overrides: &Overrides) -> Result<usize, String> {
    if path == Path::new("-") {
        return Err("--fix repairs files; standard input is none".to_owned());
    }
    let file = File::read(path).map_err(|error| error.to_string())?;
    let (name, original) = (file.name.clone(), file.text.clone());
    let mut settings = Settings::of(Some(file), overrides);
    if fs::read(path).map_err(|error| error.to_string())? != original.as_bytes() {
        return Err(format!("{name} is not UTF-8: nothing was repaired"));
    }
    let mut repaired = 0;
    for _ in 0..ROUNDS {
        let (text, count) = apply(&settings);
        let next = Settings::of(Some(File::inline(&name, text)), overrides);
        if count == 0 || errors(&next) > errors(&settings) {
            break;
        }
        repaired += count;
        settings = next;
    }
    if repaired > 0 {
        replace(path, original.as_bytes(), settings.file.text.as_bytes())?;
    }
    Ok(repaired)
}

fn errors(settings: &Settings) -> usize {
    settings.loaded.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

/// The text with all repairs that do not touch one another, and how many they are.
fn apply(settings: &Settings) -> (String, usize) {
    let text = &settings.file.text;
    let worth = settings.loaded.problems.iter().filter(|problem| problem.severity != Severity::Hint);
    let mut chosen: Vec<&Edit> = Vec::new();
    let mut count = 0;
    for fix in worth.filter_map(|problem| problem.fix.as_ref()) {
        let free = |edit: &Edit| {
            let Edit { span, text: _ } = edit;
            text.get(span.start..span.end).is_some()
                && chosen.iter().all(|other| span.end < other.span.start || other.span.end < span.start)
        };
        if fix.edits.iter().all(free) {
            chosen.extend(&fix.edits);
            count += 1;
        }
    }
    chosen.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut text = text.clone();
    for Edit { span, text: new } in chosen {
        text.replace_range(span.start..span.end, new);
    }
    (text, count)
}

/// Puts `new` where `old` was, at once, with the file's own permissions.
fn replace(path: &Path, old: &[u8], new: &[u8]) -> Result<(), String> {
    let told =
        |what: &'static str| move |error: std::io::Error| format!("cannot repair {}: {what}: {error}", path.display());
    // A link stays a link.
    let path: PathBuf = path.canonicalize().map_err(told("finding it"))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let beside = folder.join(format!(".mirrord-fix-{}", std::process::id()));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.set_permissions(fs::metadata(&path)?.permissions())?;
        file.write_all(new)?;
        file.sync_all()?;
        if fs::read(&path)? != old {
            return Err(std::io::Error::other("somebody else has changed it meanwhile; try again"));
        }
        fs::rename(&beside, &path)
    })();
    if written.is_err() {
        // The first error is the one that matters.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(told("writing it"))
}
