//! The processes between the program and the agent, and how a start is tried again.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::{milliseconds, seconds};

/// The process between the program and the agent, which is the session itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InternalProxy {
    /// Seconds until it ends once the last program has gone.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub idle_timeout: Duration,
    /// Seconds that it waits for the first program.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub start_idle_timeout: Duration,
    /// Log directives.
    #[schemars(extend("examples" = ["mirrord=debug,warn"]))]
    pub log_level: String,
    /// Log file, or folder when it ends in `/`; otherwise a temporary file.
    #[schemars(extend("x-meaning" = "file", "examples" = ["/tmp/mirrord/"]))]
    pub log_destination: Option<String>,
    /// Whether it logs JSON lines.
    pub json_log: bool,
    /// Seconds between two checks that the agent is there.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub ping_interval: Duration,
    /// Seconds between two lists of attached programs in the log.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub process_logging_interval: Duration,
    /// Seconds that its sockets are patient on an overloaded machine.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub socket_timeout: Duration,
}

impl Default for InternalProxy {
    fn default() -> Self {
        Self {
            idle_timeout: IDLE_TIMEOUT,
            start_idle_timeout: START_IDLE_TIMEOUT,
            log_level: LOG_LEVEL.to_owned(),
            log_destination: None,
            json_log: true,
            ping_interval: Duration::from_secs(30),
            process_logging_interval: Duration::from_mins(1),
            socket_timeout: Duration::from_hours(365 * 24),
        }
    }
}

/// The helper on this machine that programs in local containers talk to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExternalProxy {
    /// Address that it binds; otherwise one that containers reach.
    #[schemars(extend("examples" = ["192.168.1.10"]))]
    pub host_ip: Option<String>,
    /// Seconds until it ends once the last container has gone.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub idle_timeout: Duration,
    /// Seconds that it waits for the first container.
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    pub start_idle_timeout: Duration,
    /// Log directives.
    #[schemars(extend("examples" = ["mirrord=debug,warn"]))]
    pub log_level: String,
    /// Log file, or folder when it ends in `/`; otherwise a temporary file.
    #[schemars(extend("x-meaning" = "file", "examples" = ["/tmp/mirrord/"]))]
    pub log_destination: Option<String>,
    /// Whether it logs JSON lines.
    pub json_log: bool,
    /// Whether the hop from the container is encrypted.
    pub tls_enable: bool,
}

impl Default for ExternalProxy {
    fn default() -> Self {
        Self {
            host_ip: None,
            idle_timeout: IDLE_TIMEOUT,
            start_idle_timeout: START_IDLE_TIMEOUT,
            log_level: LOG_LEVEL.to_owned(),
            log_destination: None,
            json_log: true,
            tls_enable: true,
        }
    }
}

const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
const START_IDLE_TIMEOUT: Duration = Duration::from_mins(1);
const LOG_LEVEL: &str = "mirrord=info,warn";

/// How often the start of a session is tried again, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StartupRetry {
    /// Milliseconds of the shortest pause between two tries.
    #[serde(with = "milliseconds")]
    #[schemars(with = "u32")]
    pub min_ms: Duration,
    /// Milliseconds of the longest pause between two tries.
    #[serde(with = "milliseconds")]
    #[schemars(with = "u32")]
    pub max_ms: Duration,
    /// Tries after the first failure.
    pub max_retries: u32,
}

impl Default for StartupRetry {
    fn default() -> Self {
        Self { min_ms: Duration::from_millis(500), max_ms: Duration::from_secs(5), max_retries: 2 }
    }
}
