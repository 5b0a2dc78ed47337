//! The published schema is what the types say.

use std::path::Path;

use crate::config;

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/mirrord.schema.json");
    let generated = format!("{:#}\n", config::schema());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "schema/mirrord.schema.json is out of date: run the test with UPDATE_EXPECT=1");
}

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::draft202012::meta::is_valid(&config::schema()));
}

#[test]
fn every_key_is_described() {
    fn visit(shape: &config::schema::Shape, pointer: &str) {
        assert!(!shape.description.is_empty(), "{pointer} has no doc comment");
        for choice in shape.text.iter().flat_map(|text| &text.choices) {
            assert!(!choice.description.is_empty(), "{pointer}: `{}` has no doc comment", choice.word);
        }
        for (key, shape) in shape.object.iter().flat_map(|object| &object.keys) {
            visit(shape, &format!("{pointer}/{key}"));
        }
    }
    visit(config::schema::language(), "");
}
