//! How the operator signs in at a database of a cloud.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;

/// Sign-in at Amazon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(extend("x-tag" = "Whose sign-in it is."))]
pub enum AwsAuth {
    /// By the role of the pod, or by keys.
    AwsRds(AwsKeys),
}

/// Sign-in at the cloud that runs the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(extend("x-name" = "iam_auth", "x-tag" = "Whose sign-in it is."))]
pub enum CloudAuth {
    /// At Amazon RDS.
    AwsRds(AwsKeys),
    /// At Google Cloud SQL.
    GcpCloudSql(GcpKeys),
}

/// Credentials of Amazon; those that are not written come from the role of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AwsKeys {
    /// Region of the database.
    #[schemars(extend("examples" = [{ "type": "env", "variable": "AWS_REGION" }]))]
    pub region: Option<Text>,
    /// Id of the access key.
    #[schemars(extend("examples" = [{ "type": "env", "variable": "AWS_ACCESS_KEY_ID" }]))]
    pub access_key_id: Option<Text>,
    /// The secret access key.
    #[schemars(extend("examples" = [{ "type": "secret", "name": "aws", "key": "secret" }]))]
    pub secret_access_key: Option<Text>,
    /// Token of a temporary session.
    #[schemars(extend("examples" = [{ "type": "secret", "name": "aws", "key": "token" }]))]
    pub session_token: Option<Text>,
}

/// Credentials of Google Cloud; those that are not written come from the account of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GcpKeys {
    /// The credentials themselves, as JSON.
    #[schemars(extend("examples" = [{ "type": "secret", "name": "gcp", "key": "credentials.json" }]))]
    pub credentials_json: Option<Text>,
    /// Path of the file with the credentials.
    #[schemars(extend("examples" = [{ "type": "env", "variable": "GOOGLE_APPLICATION_CREDENTIALS" }]))]
    pub credentials_path: Option<Text>,
    /// Project of the database.
    #[schemars(extend("examples" = [{ "type": "env", "variable": "GCP_PROJECT_ID" }]))]
    pub project: Option<Text>,
}
