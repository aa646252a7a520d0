//! Answers in a form: JSON that keeps a schema, calls with arguments that keep theirs, through the whole sealed path.
//!
//! The model is the default one, whose own sense would not lead to any of this: what holds is held by the grammar.

use boon::{Compiler, Schemas};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::support::{MODEL, Pair, default_engine, ground_of};

/// Requests at once: one client's part of the queue.
const AT_ONCE: usize = 24;
const SCHEMAS: u64 = 200;
const CALLS: u64 = 50;

/// Every run has other schemas unless this says which.
fn seed() -> u64 {
    let given = std::env::var("SEALROOM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()) << 16 | 1);
    println!("SEALROOM_SEED={seed}");
    seed
}

/// xorshift64* (Vigna 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % most.max(1)
    }
}

async fn pair() -> Pair {
    Pair::start(&ground_of(default_engine().await)).await
}

/// A schema of bounded depth, with most of what people write.
fn schema(random: &mut Random, depth: u64) -> Value {
    let kinds = if depth == 0 { 6 } else { 9 };
    match random.below(kinds) {
        0 => json!({"type": "string", "maxLength": 4 + random.below(12)}),
        1 => {
            let least = random.below(100);
            json!({"type": "integer", "minimum": least, "maximum": least + random.below(1000)})
        }
        2 => json!({"type": "number", "minimum": -10, "maximum": 10}),
        3 => json!({"type": ["boolean", "null"]}),
        4 => json!({"enum": ["red", "green", 7, null, "deep blue"]}),
        5 => json!({"type": "string", "pattern": "^[a-c]{2,5}-[0-9]+$", "maxLength": 9}),
        6 => {
            let least = random.below(3);
            let items = schema(random, depth - 1);
            json!({"type": "array", "items": items, "minItems": least, "maxItems": least + 2})
        }
        7 => {
            let any = [schema(random, depth - 1), schema(random, depth - 1)];
            json!({"anyOf": any})
        }
        _ => object(random, depth - 1),
    }
}

fn object(random: &mut Random, depth: u64) -> Value {
    let names = ["name", "size", "a b", "π", "list", "inner"];
    let count = 1 + random.below(4) as usize;
    let first = random.below(2) as usize;
    let named: Vec<_> = names[first..].iter().take(count).copied().collect();
    let properties: serde_json::Map<_, _> =
        named.iter().map(|name| ((*name).to_owned(), schema(random, depth))).collect();
    let required: Vec<_> = named.iter().filter(|_| random.below(4) > 0).collect();
    json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

/// Half of them refer to a definition.
fn whole(random: &mut Random) -> Value {
    let mut whole = object(random, 2);
    if random.below(2) == 0 {
        whole["$defs"] = json!({"shared": schema(random, 1)});
        whole["properties"]["shared"] = json!({"$ref": "#/$defs/shared"});
    }
    whole
}

fn check(schema: &Value, value: &Value, place: &str) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("mem:///schema", schema.clone()).expect("a schema");
    let compiled = compiler.compile("mem:///schema", &mut schemas).expect("a schema");
    if let Err(error) = schemas.validate(value, compiled) {
        panic!("{place}: {value} does not keep {schema}: {error:#}");
    }
}

async fn ask(pair: &Pair, body: Value) -> Value {
    let (status, answer) = pair.post("/v1/chat/completions", body.clone()).await;
    assert_eq!(status, 200, "{body}: {answer}");
    serde_json::from_str(&answer).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_random_schemas_are_kept_to() {
    let (pair, mut random) = (pair().await, Random(seed()));
    let schemas: Vec<Value> = (0..SCHEMAS).map(|_| whole(&mut random)).collect();
    let answers = stream::iter(schemas.iter().enumerate()).map(|(index, schema)| {
        let format = json!({"name": "random", "schema": schema});
        let body = json!({
            "model": MODEL, "seed": index, "max_tokens": 160,
            "messages": [{"role": "user", "content": "Make something up."}],
            "response_format": {"type": "json_schema", "json_schema": format},
        });
        let pair = &pair;
        async move { (index, schema, ask(pair, body).await) }
    });
    let mut ended = 0;
    let mut answers = answers.buffer_unordered(AT_ONCE);
    while let Some((index, schema, answer)) = answers.next().await {
        let choice = &answer["choices"][0];
        if choice["finish_reason"] == "stop" {
            let said = choice["message"]["content"].as_str().expect("text");
            let value: Value = serde_json::from_str(said)
                .unwrap_or_else(|error| panic!("schema {index}: {said}: {error}"));
            check(schema, &value, &format!("schema {index}"));
            ended += 1;
        }
    }
    drop(answers);
    println!("{ended} of {SCHEMAS} answers ended by themselves");
    assert!(ended >= SCHEMAS / 2, "{ended} of {SCHEMAS}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_forced_calls_have_arguments_that_keep_their_schema() {
    let pair = pair().await;
    let parameters = json!({
        "type": "object", "additionalProperties": false, "required": ["city", "days"],
        "properties": {
            "city": {"type": "string", "maxLength": 20},
            "days": {"type": "integer", "minimum": 1, "maximum": 14},
            "unit": {"enum": ["celsius", "fahrenheit"]},
        },
    });
    let tool = |name: &str, parameters: &Value| {
        let function = json!({"name": name, "description": name, "parameters": parameters});
        json!({"type": "function", "function": function})
    };
    let tools = [tool("forecast", &parameters), tool("quit", &json!({"type": "object"}))];
    let answers = stream::iter(0..CALLS).map(|index| {
        let body = json!({
            "model": MODEL, "seed": index, "max_tokens": 120, "tools": tools,
            "tool_choice": {"type": "function", "function": {"name": "forecast"}},
            "messages": [{"role": "user", "content": "What will the weather be in Rome?"}],
        });
        ask(&pair, body)
    });
    let answers: Vec<Value> = answers.buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(answers.len() as u64, CALLS);
    for answer in answers {
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
        let function = &choice["message"]["tool_calls"][0]["function"];
        assert_eq!(function["name"], "forecast");
        let arguments = function["arguments"].as_str().expect("text");
        let arguments: Value = serde_json::from_str(arguments).expect("JSON");
        check(&parameters, &arguments, "a call");
    }
    pair.stop().await;
}
