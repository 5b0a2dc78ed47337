//! Ordered rewrites: `{"pattern": "replacement", …}`.

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Rewrites in the order of the text; the first pattern that matches counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping(pub Vec<Rewrite>);

/// One rewrite.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewrite {
    /// Regular expression.
    pub pattern: String,
    /// What comes instead; `$1` or `$name` stand for captures.
    pub replacement: String,
}

impl Serialize for Mapping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for Rewrite { pattern, replacement } in &self.0 {
            map.serialize_entry(pattern, replacement)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Mapping;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of patterns and replacements")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Mapping, A::Error> {
                let mut rewrites = Vec::new();
                while let Some((pattern, replacement)) = map.next_entry()? {
                    rewrites.push(Rewrite { pattern, replacement });
                }
                Ok(Mapping(rewrites))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl schemars::JsonSchema for Mapping {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mapping".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": { "type": "string" }, "x-pattern-keys": true })
    }
}
