//! The published schema: every verdict keeps it, and it lets nothing else through.

use boon::{Compiler, SchemaIndex, Schemas};
use sealroom_verifier::{
    Verdict,
    report::{JSON_SCHEMA, SCHEMA, VerdictReport},
};
use serde_json::{Value, json};

use crate::{
    receipt,
    scene::{self, Board},
};

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn published() -> Self {
        let schema: Value = serde_json::from_str(JSON_SCHEMA).expect("JSON");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("urn:sealroom:verdict:1", schema).expect("a resource");
        let index = compiler.compile("urn:sealroom:verdict:1", &mut schemas).expect("a schema");
        Self { schemas, index }
    }

    fn against(&self, json: &Value) -> Option<String> {
        self.schemas.validate(json, self.index).err().map(|error| error.to_string())
    }
}

fn json(verdict: &Verdict) -> Value {
    serde_json::to_value(VerdictReport::from(verdict)).expect("JSON")
}

fn verdicts() -> Vec<Verdict> {
    vec![
        scene::genoa(None),
        scene::genoa(Some("version = 1")),
        scene::genoa(Some(&scene::genoa_policy())),
        scene::genoa(Some(&scene::excepting_policy())),
        scene::trust_domain(true),
        scene::trust_domain(false),
        scene::gpu(true),
        scene::gpu(false),
        Board::default().verdict(),
        Board { other_image: true, ..Board::default() }.verdict(),
        scene::nothing(),
        receipt::audited(),
    ]
}

#[test]
fn every_kind_of_verdict_keeps_the_schema() {
    let schema = Schema::published();
    let verdicts: Vec<_> = verdicts().iter().map(json).collect();
    for verdict in &verdicts {
        assert_eq!(schema.against(verdict), None, "{verdict:#}");
    }
    for (field, values) in [
        ("verdict", &["accepted", "refused", "undecided"][..]),
        ("crypto", &["genuine", "forged", "undecided"]),
    ] {
        for value in values {
            assert!(verdicts.iter().any(|one| one[field] == *value), "no verdict is {value}");
        }
    }
}

#[test]
fn a_field_without_a_schema_a_missing_one_and_a_wrong_one_are_refused() {
    let schema = Schema::published();
    for place in ["", "/claims", "/claims/node", "/claims/gpus/0", "/claims/valid", "/checks/0"] {
        let whole = json(&Board::default().verdict());
        assert_eq!(schema.against(&whole), None);
        let object = |json: &mut Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            change(json.pointer_mut(place).and_then(Value::as_object_mut).expect("an object"));
        };
        let mut more = whole.clone();
        object(&mut more, &|fields| drop(fields.insert("also".to_owned(), json!(1))));
        assert!(schema.against(&more).is_some(), "{place}");
        let fields = whole.pointer(place).and_then(Value::as_object).expect("an object");
        for name in fields.keys().filter(|name| !["subject", "gpus"].contains(&name.as_str())) {
            let mut less = whole.clone();
            object(&mut less, &|fields| drop(fields.remove(name)));
            assert!(schema.against(&less).is_some(), "{place} without {name}");
            let mut wrong = whole.clone();
            object(&mut wrong, &|fields| drop(fields.insert(name.clone(), json!([[]]))));
            assert!(schema.against(&wrong).is_some(), "{place} with another {name}");
        }
    }
}

/// So that a field can only be added together with its schema.
#[test]
fn every_object_of_the_schema_is_closed() {
    fn closed(schema: &Value, place: &str) {
        if let Some(fields) = schema.as_object() {
            if schema["type"] == "object" {
                assert_eq!(schema["additionalProperties"], false, "{place}");
            }
            fields.iter().for_each(|(name, inner)| closed(inner, &format!("{place}/{name}")));
        }
        let items = schema.as_array().into_iter().flatten();
        items.for_each(|inner| closed(inner, place));
    }
    let schema: Value = serde_json::from_str(JSON_SCHEMA).expect("JSON");
    closed(&schema, "");
    assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
}
