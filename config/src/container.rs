//! Programs that run in local containers, and in pipelines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Programs that run in local containers: the helper container beside them, and how both find this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Container {
    /// More arguments of the container runtime for the helper.
    #[schemars(extend("examples" = [["--network", "host"]]))]
    pub cli_extra_args: Vec<String>,
    /// Image of the helper; otherwise ours of the same version as this program.
    #[schemars(extend("examples" = ["registry.example.com/mirrord-cli:1.0"]))]
    pub cli_image: Option<String>,
    /// Path of the layer in that image; otherwise where ours has it.
    #[schemars(extend("examples" = ["/opt/mirrord/lib/libmirrord_layer.so"]))]
    pub cli_image_lib_path: Option<String>,
    /// Path of the certificate in that image.
    #[schemars(extend("examples" = ["/opt/mirrord/tls/mirrord-tls.pem"]))]
    pub cli_tls_path: String,
    /// Whether the helper is kept when it has ended: no `--rm`.
    pub cli_prevent_cleanup: bool,
    /// Whether this machine is reached through the runtime's gateway name.
    pub host_gateway_detection: bool,
    /// Address of this machine as containers see it; otherwise found out.
    #[schemars(extend("examples" = ["172.17.0.1"]))]
    pub override_host_ip: Option<String>,
    /// Platform of the program's container; otherwise that of this machine.
    #[schemars(extend("examples" = ["linux/arm64"]))]
    pub platform: Option<String>,
}

impl Default for Container {
    fn default() -> Self {
        Self {
            cli_extra_args: Vec::new(),
            cli_image: None,
            cli_image_lib_path: None,
            cli_tls_path: "/opt/mirrord/tls/mirrord-tls.pem".to_owned(),
            cli_prevent_cleanup: false,
            host_gateway_detection: true,
            override_host_ip: None,
            platform: None,
        }
    }
}

/// Sessions in pipelines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ci {
    /// Folder for the output of the program; otherwise a temporary one.
    #[schemars(extend("x-meaning" = "file", "examples" = ["target/mirrord"]))]
    pub output_dir: Option<String>,
}
