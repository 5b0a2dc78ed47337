//! Message queues that the program shares with the deployed one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Queues, by name or as a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Queues {
    /// By the name under which the operator knows them.
    ByName(BTreeMap<String, Queue>),
    /// Each with its name inside.
    Listed(Vec<Listed>),
}

impl Default for Queues {
    fn default() -> Self {
        Queues::ByName(BTreeMap::new())
    }
}

impl Queues {
    /// Each queue and its name, if it has one.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Queue)> {
        let (by_name, listed) = match self {
            Queues::ByName(queues) => (Some(queues), None),
            Queues::Listed(queues) => (None, Some(queues)),
        };
        let by_name = by_name.into_iter().flatten().map(|(name, queue)| (Some(name.as_str()), queue));
        let listed = listed.into_iter().flatten().map(|Listed { queue_id, queue }| (queue_id.as_deref(), queue));
        by_name.chain(listed)
    }
}

/// One queue of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The name under which the operator knows the queue.
    #[serde(default)]
    #[schemars(extend("examples" = ["orders"]))]
    pub queue_id: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub queue: Queue,
}

/// One queue and which of its messages concern the program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// The broker.
    pub queue_type: Option<QueueType>,
    /// Whether matching messages go to the program alone, or to the deployed program as well.
    pub queue_mode: Option<QueueMode>,
    /// Name of a message attribute, to a regular expression over its value; all must match.
    #[schemars(extend("x-values" = "regex", "examples" = [{ "tenant": "^me$" }]))]
    pub message_filter: BTreeMap<String, String>,
    /// jq program over the message as JSON; `true` matches.
    #[schemars(extend("x-meaning" = "jq", "examples" = [".message.tenant == \"me\""]))]
    pub jq_filter: Option<String>,
    /// How the payload is decoded into `payload_decoded` for `jq_filter`.
    #[schemars(extend("examples" = [{ "message_type": "shop.Order", "schema_file": "proto/order.proto" }]))]
    pub payload_protobuf: Option<Protobuf>,
}

/// A message broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[allow(clippy::upper_case_acronyms, reason = "the language writes them so")]
pub enum QueueType {
    /// Amazon SQS.
    SQS,
    /// Apache Kafka.
    Kafka,
    /// RabbitMQ.
    RMQ,
    /// Google Cloud Pub/Sub.
    GCPPubSub,
    /// Publish and subscribe of Redis.
    RedisPubSub,
    /// Azure Service Bus.
    AzureServiceBus,
    /// Task queues of Temporal.
    Temporal,
    /// BullMQ.
    BullMQ,
}

/// Who gets the messages that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueMode {
    /// The program alone.
    Steal,
    /// The program and the deployed program.
    Mirror,
}

/// A schema of Protocol Buffers and the message in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Protobuf {
    /// Fully qualified type of the message.
    #[schemars(extend("examples" = ["shop.Order"]))]
    pub message_type: Option<String>,
    /// `.proto` file that has the message.
    #[schemars(extend("x-meaning" = "file", "examples" = ["proto/order.proto"]))]
    pub schema_file: Option<String>,
    /// Folders in which that file's imports are looked for.
    #[schemars(extend("x-meaning" = "file", "examples" = [["proto"]]))]
    pub include_directories: Vec<String>,
    /// Compiled descriptor set in base64, also when compressed by gzip.
    #[schemars(extend("examples" = ["CgtvcmRlci5wcm90bw=="]))]
    pub descriptor_base64: Option<String>,
}
