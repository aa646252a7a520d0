//! Several models of one machine: each is a node of its own, and says so.

use sealroom_attestation::cbor::Item;
use sealroom_attestation::manifest::Manifest;
use sealroom_enclave::{Config, boot};
use sealroom_tests::attacks::Ground;
use serde_json::{Value, json};

use crate::support::{Pair, machine};

#[tokio::test(flavor = "multi_thread")]
async fn each_model_answers_under_its_own_keys_and_manifest() {
    let path = sealroom_tests::model::bring().expect("the default model");
    let entry = |name: &str, context: u32| {
        format!(
            "[[models]]\nmodel = {{ name = \"{name}\", path = {path:?} }}\nlisten.address = \"127.0.0.1:0\"\nengine.context = {context}\n"
        )
    };
    let list = entry("short", 256) + &entry("long", 512);
    let configs = Config::several("[engine]\ncache_mib = 8\n", &list).expect("a configuration");
    let mut pairs = Vec::new();
    for config in configs {
        let (engine, manifest) = boot::serve(&config).await.expect("a model");
        let chip = sealroom_tests::world::chip(sealroom_tests::world::seed());
        let ground = Ground { chip, gpus: None, engine, manifest, other_weights: None };
        let digest = Manifest::digest(&ground.manifest.encode()).to_string();
        let mut machine = machine(&ground);
        machine.config = Some(config);
        pairs.push((Pair::start_with(&ground, machine).await, digest));
    }
    let [(short, first), (long, second)] = pairs.try_into().ok().expect("two models");
    assert_ne!(first, second);
    assert_ne!(short.node.boot_id(), long.node.boot_id());
    for (pair, own, other, digest) in
        [(&short, "short", "long", first), (&long, "long", "short", second)]
    {
        let ask = |model| json!({ "model": model, "prompt": "Hello", "max_tokens": 2 });
        let (status, body) = pair.post("/v1/completions", ask(own)).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status, &body["model"]), (200, &own.into()), "{body}");
        assert_eq!(body["usage"]["completion_tokens"], 2, "{body}");
        assert_eq!(pair.post("/v1/completions", ask(other)).await.0, 404);
        let (_, page) = pair.get("/status").await;
        assert!(page.contains(&format!("{own} {digest} on candle sealroom-engine")), "{page}");
    }
    short.stop().await;
    long.stop().await;
}
