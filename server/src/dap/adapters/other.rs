//! Any adapter that a user describes: its command or address, and how it takes environment variables.

use super::{Adapter, EnvShape};

/// The table's line. What it can do follows when it has said so.
pub(super) const OTHER: Adapter = Adapter {
    name: "other",
    capabilities: r#"{ "supportsConfigurationDoneRequest": true }"#,
    program: |_, _| {
        Err("the launch does not say which debug adapter: name one of the table with \"adapter\", or describe one: \
             \"adapter\": { \"command\": [\"PROGRAM\", …], \"environment\": \"object\" }"
            .to_owned())
    },
    environment: EnvShape::Texts,
    ..Adapter::COMMON
};
