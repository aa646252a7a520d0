use serde_json::Value;

use super::*;
use crate::{Chat, Completion, Tokenize};

fn parsed() -> Value {
    serde_json::from_str(&document(About { model: "tiny", vocabulary: 259, embeds: true }))
        .expect("JSON")
}

/// Names of a schema's parameters.
fn names(schema: &Value) -> Vec<String> {
    let properties = schema["properties"].as_object().expect("an object");
    properties.keys().cloned().collect()
}

#[test]
fn every_reference_leads_somewhere() {
    fn visit(value: &Value, all: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    let path = reference.strip_prefix('#').expect("inside the document");
                    assert!(all.pointer(path).is_some(), "{reference}");
                }
                map.values().for_each(|value| visit(value, all));
            }
            Value::Array(list) => list.iter().for_each(|value| visit(value, all)),
            _ => {}
        }
    }
    let document = parsed();
    visit(&document, &document);
}

/// A value that no parameter has: whoever knows the name says so, and names it.
#[test]
fn the_document_names_what_the_rules_know_and_nothing_else() {
    let schemas = parsed()["components"]["schemas"].clone();
    let chat = r#"{"model":"tiny","messages":[{"role":"user","content":"a"}]}"#;
    let completion = r#"{"model":"tiny","prompt":"a"}"#;
    type Decode = fn(&[u8]) -> Option<crate::Invalid>;
    let table: [(&str, &str, Decode); 2] = [
        ("Chat", chat, |json| Chat::decode(json).err()),
        ("Completion", completion, |json| Completion::decode(json).err()),
    ];
    for (schema, whole, decode) in table {
        for name in names(&schemas[schema]) {
            let mut value: Value = serde_json::from_str(whole).expect("JSON");
            value[&name] = serde_json::json!([{ "$": 1 }]);
            let code = decode(value.to_string().as_bytes()).map(|error| error.code);
            assert_ne!(code, Some("unsupported_parameter"), "{schema}: {name}");
        }
        let known = names(&schemas[schema]);
        for name in ["functions", "function_call", "audio", "prediction", "reasoning_effort"] {
            assert!(!known.iter().any(|known| known == name), "{name}");
            let mut value: Value = serde_json::from_str(whole).expect("JSON");
            value[name] = 1.into();
            let code = decode(value.to_string().as_bytes()).map(|error| error.code);
            assert_eq!(code, Some("unsupported_parameter"), "{schema}: {name}");
        }
    }
    assert_eq!(Tokenize::decode(completion.as_bytes()).err(), None);
}
