//! Flags of a launch, and which key of the configuration each one sets.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::Args;
use config::Overrides;
use serde_json::{Value, json};

use crate::{settings, terminal};

/// Flags that every command understands that looks at the configuration.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CoreFlags {
    /// Configuration file; without a value ./.mirrord/mirrord.json; - is standard input. [env: MIRRORD_CONFIG_FILE]
    #[arg(short = 'f', long, value_name = "PATH", num_args = 0..=1, default_missing_value = settings::DEFAULT_FILE)]
    pub(crate) config_file: Option<PathBuf>,
    /// Whom the program stands in for: deployment/NAME, pod/NAME/container/NAME, label/KEY=VALUE, targetless…
    #[arg(short, long, value_name = "TARGET")]
    target: Option<String>,
    /// Namespace of the target
    #[arg(short = 'n', long, value_name = "NAMESPACE")]
    target_namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    /// Take any certificate for the API server's
    #[arg(short = 'c', long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    accept_invalid_certificates: Option<bool>,
}

/// Flags of `exec`.
#[derive(Args, Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct LaunchFlags {
    #[command(flatten)]
    pub(crate) core: CoreFlags,
    /// Which files are the pod's when no pattern names them
    #[arg(long, value_name = "MODE", value_parser = ["write", "read", "local", "localwithoverrides"])]
    fs_mode: Option<String>,
    /// Import the pod's environment except these names (A;B;C_*)
    #[arg(short = 'x', long, value_name = "NAMES")]
    override_env_vars_exclude: Option<String>,
    /// Import these names of the pod's environment only
    #[arg(short = 's', long, value_name = "NAMES")]
    override_env_vars_include: Option<String>,
    /// File of variables laid over the imported ones
    #[arg(long, value_name = "PATH")]
    env_file: Option<String>,
    /// Resolve names on this machine
    #[arg(long)]
    no_remote_dns: bool,
    /// Programs to leave alone (A;B)
    #[arg(long, value_name = "NAMES")]
    skip_processes: Option<String>,
    /// Take traffic over from the target instead of getting a copy
    #[arg(long)]
    steal: bool,
    /// Connections leave from this machine
    #[arg(long)]
    no_outgoing: bool,
    /// TCP connections leave from this machine
    #[arg(long)]
    no_tcp_outgoing: bool,
    /// UDP datagrams leave from this machine
    #[arg(long)]
    no_udp_outgoing: bool,
    /// Name of the session
    #[arg(short, long)]
    key: Option<String>,
    /// Namespace of the agent
    #[arg(short, long, value_name = "NAMESPACE", help_heading = "Agent")]
    agent_namespace: Option<String>,
    /// Log directives of the agent
    #[arg(short = 'l', long, value_name = "LEVEL", help_heading = "Agent")]
    agent_log_level: Option<String>,
    /// Image of the agent
    #[arg(short = 'i', long, value_name = "IMAGE", help_heading = "Agent")]
    agent_image: Option<String>,
    /// Seconds that a finished agent is kept
    #[arg(long, value_name = "SECONDS", help_heading = "Agent")]
    agent_ttl: Option<u32>,
    /// Seconds until an agent that is not ready counts as failed
    #[arg(long, value_name = "SECONDS", help_heading = "Agent")]
    agent_startup_timeout: Option<u32>,
    /// Run the agent as an ephemeral container of the target's pod
    #[arg(short, long, help_heading = "Agent")]
    ephemeral_container: bool,
    /// Accepted without effect: nothing is ever sent
    #[arg(long, hide = true)]
    no_telemetry: bool,
    /// Accepted without effect
    #[arg(long, hide = true)]
    disable_version_check: bool,
}

fn usual_file() -> Option<PathBuf> {
    Some(PathBuf::from(settings::DEFAULT_FILE)).filter(|path| path.is_file())
}

impl CoreFlags {
    /// The configuration file that counts where something is started: one that was asked for.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        settings::chosen_file(self.config_file.clone())
    }

    /// The same for people, who may believe that the usual file is read unasked.
    pub(crate) fn file_of_launch(&self) -> Option<PathBuf> {
        let file = self.file();
        if file.is_none() && usual_file().is_some() {
            terminal::say(&format!("{} is here and is not read: -f reads it", settings::DEFAULT_FILE));
        }
        file
    }

    /// The configuration file that counts where nothing is started: the usual one, unless another was asked for.
    pub(crate) fn file_or_usual(&self) -> Option<PathBuf> {
        self.file().or_else(usual_file)
    }

    fn keys(&self) -> Vec<(&'static str, Option<Value>)> {
        let Self { config_file: _, target, target_namespace, context, accept_invalid_certificates } = self;
        vec![
            ("/target/path", text(target.as_ref())),
            ("/target/namespace", text(target_namespace.as_ref())),
            ("/kube_context", text(context.as_ref())),
            ("/accept_invalid_certificates", accept_invalid_certificates.map(Value::from)),
        ]
    }
}

impl LaunchFlags {
    /// Of these core flags and no others.
    pub(crate) fn of(core: CoreFlags) -> Self {
        Self { core, ..Self::default() }
    }

    /// With `target`, unless a flag names one.
    pub(crate) fn or_target(mut self, target: &str) -> Self {
        self.core.target.get_or_insert_with(|| target.to_owned());
        self
    }

    /// What beats the file.
    pub(crate) fn overrides(&self) -> Overrides {
        overrides(self.keys())
    }

    fn keys(&self) -> Vec<(&'static str, Option<Value>)> {
        let Self {
            core,
            fs_mode,
            override_env_vars_exclude,
            override_env_vars_include,
            env_file,
            no_remote_dns,
            skip_processes,
            steal,
            no_outgoing,
            no_tcp_outgoing,
            no_udp_outgoing,
            key,
            agent_namespace,
            agent_log_level,
            agent_image,
            agent_ttl,
            agent_startup_timeout,
            ephemeral_container,
            no_telemetry,
            disable_version_check: _,
        } = self;
        let mut keys = core.keys();
        keys.extend([
            ("/feature/fs/mode", text(fs_mode.as_ref())),
            ("/feature/env/exclude", list(override_env_vars_exclude.as_ref())),
            ("/feature/env/include", list(override_env_vars_include.as_ref())),
            ("/feature/env/env_file", text(env_file.as_ref())),
            ("/feature/network/dns/enabled", no_remote_dns.then_some(json!(false))),
            ("/skip_processes", list(skip_processes.as_ref())),
            ("/feature/network/incoming/mode", steal.then_some(json!("steal"))),
            ("/feature/network/outgoing/tcp", (*no_outgoing || *no_tcp_outgoing).then_some(json!(false))),
            ("/feature/network/outgoing/udp", (*no_outgoing || *no_udp_outgoing).then_some(json!(false))),
            ("/key", text(key.as_ref())),
            ("/agent/namespace", text(agent_namespace.as_ref())),
            ("/agent/log_level", text(agent_log_level.as_ref())),
            ("/agent/image", text(agent_image.as_ref())),
            ("/agent/ttl", agent_ttl.map(Value::from)),
            ("/agent/startup_timeout", agent_startup_timeout.map(Value::from)),
            ("/agent/ephemeral", ephemeral_container.then_some(json!(true))),
            ("/telemetry", no_telemetry.then_some(json!(false))),
        ]);
        keys
    }
}

fn text(value: Option<&String>) -> Option<Value> {
    value.map(|value| json!(value))
}

/// Lists are separated by `;`, as in variables.
fn list(value: Option<&String>) -> Option<Value> {
    value.map(|value| value.split(';').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
}

fn overrides(keys: Vec<(&'static str, Option<Value>)>) -> Overrides {
    let flags = keys.into_iter().filter_map(|(pointer, value)| Some((pointer.to_owned(), value?))).collect();
    settings::overrides_here(flags)
}
