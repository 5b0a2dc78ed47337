//! Which syntax a document is written in.

use std::path::Path;

use super::template::Masked;
use super::{Span, toml};
use crate::problem::{Code, Problem};

/// What a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// JSON with comments and trailing commas.
    Json,
    /// YAML 1.2
    Yaml,
    /// TOML 1.0
    Toml,
}

impl Syntax {
    /// What the extension of `name` tells; JSON if it has none. For standard input, `-`, see [`Syntax::sniff`].
    ///
    /// Any other extension is a problem of the whole file.
    pub fn of(name: &str) -> Result<Self, Problem> {
        let Some(extension) = Path::new(name).extension() else { return Ok(Self::Json) };
        let extension = extension.to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "json" | "jsonc" => Ok(Self::Json),
            "yaml" | "yml" => Ok(Self::Yaml),
            "toml" => Ok(Self::Toml),
            _ => {
                let message = format!("`{name}`: a configuration file does not end in .{extension}");
                let problem = Problem::new(Code::FileExtension, "", Span::default(), message);
                Err(problem.help("rename it to .json, .jsonc, .yaml, .yml or .toml"))
            }
        }
    }

    /// The syntax that a text without a name is probably written in.
    pub fn sniff(text: &str) -> Self {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.is_empty() || start.starts_with(['{', '/']) {
            return Self::Json;
        }
        let (_, problems) = toml::parse(&Masked::tags(text));
        if problems.is_empty() { Self::Toml } else { Self::Yaml }
    }

    /// The name that people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
        }
    }

    /// The extension of new files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Toml => "toml",
        }
    }
}
