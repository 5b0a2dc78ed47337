//! Which paths are remote.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mapping::Mapping;

/// Files of the target. Patterns are regular expressions, not anchored, ignoring case; the lists are asked before the
/// mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-short" = { "true": { "mode": "read" }, "false": { "mode": "local" }, "text": "mode" }))]
pub struct Fs {
    /// What happens to paths that no list names.
    #[schemars(extend(
        "x-core" = true,
        "x-env" = [
            "MIRRORD_FILE_MODE",
            ["MIRRORD_FILE_OPS", { "true": "write" }],
            ["MIRRORD_FILE_RO_OPS", { "true": "read" }]
        ],
        "x-flag" = "--fs-mode"
    ))]
    pub mode: FsMode,
    /// Paths that are read from the target, and written on this machine.
    #[schemars(extend("x-core" = true, "x-short" = "list", "x-meaning" = "path", "x-env" = "MIRRORD_FILE_READ_ONLY_PATTERN", "examples" = [["^/etc/shop/"]]))]
    pub read_only: Vec<String>,
    /// Paths that are read from, and written to, the target.
    #[schemars(extend("x-core" = true, "x-short" = "list", "x-meaning" = "path", "x-env" = "MIRRORD_FILE_READ_WRITE_PATTERN", "examples" = [["^/data/"]]))]
    pub read_write: Vec<String>,
    /// Paths that stay on this machine.
    #[schemars(extend("x-core" = true, "x-short" = "list", "x-meaning" = "path", "x-env" = "MIRRORD_FILE_LOCAL_PATTERN", "examples" = [["\\.env$"]]))]
    pub local: Vec<String>,
    /// Paths that do not exist for the program.
    #[schemars(extend("x-core" = true, "x-short" = "list", "x-meaning" = "path", "examples" = [["\\.aws"]]))]
    pub not_found: Vec<String>,
    /// Rewrites paths before any list is asked: regular expression to replacement, where `$1` stands for a capture.
    #[schemars(extend("x-core" = true, "x-meaning" = "path", "examples" = [{ "^/home/me/(.*)": "/home/app/$1" }]))]
    pub mapping: Mapping,
    /// Bytes that are read ahead of the program in remote files opened for reading; 0: none.
    pub readonly_file_buffer: u64,
}

impl Default for Fs {
    fn default() -> Self {
        Self {
            mode: FsMode::Read,
            read_only: Vec::new(),
            read_write: Vec::new(),
            local: Vec::new(),
            not_found: Vec::new(),
            mapping: Mapping::default(),
            readonly_file_buffer: 128_000,
        }
    }
}

/// What happens to paths that no list names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FsMode {
    /// Local, and so are the paths that are remote by default; only your own lists count.
    Local,
    /// Local, except for the paths that are remote by default.
    LocalWithOverrides,
    /// Read from the target, written on this machine.
    #[default]
    Read,
    /// Read from, and written to, the target.
    Write,
}
