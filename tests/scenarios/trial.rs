//! A model tried before it is served has the manifest that its node will show.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sealroom_attestation::{cbor::Item, manifest::Manifest};
use sealroom_enclave::{Weights, boot, try_model};
use sealroom_engine::{Engine, LocalEngine, Settings, default_model};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tried_is_what_is_served() {
    let path = sealroom_tests::model::bring().expect("the default model");
    let read = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&read);
    let progress = move |done, all| {
        assert!(done <= all);
        assert!(seen.swap(done, Ordering::SeqCst) < done, "it only grows");
    };
    let trial = try_model(&path, "tiny", &Settings::default(), progress).await.expect("tried");
    assert_eq!(read.load(Ordering::SeqCst), default_model::SIZE);
    assert_eq!(trial.sha256(), default_model::SHA256);
    let weights = Weights::copy_in(&path, None).expect("its weights");
    let engine = LocalEngine::load(weights.bytes(), &Settings::default()).expect("an engine");
    let manifest = boot::manifest("tiny", weights.file(), engine.card());
    let digest = Manifest::digest(&manifest.encode());
    assert_eq!(trial.manifest, digest.to_string());
    let settings = Settings { context: Some(4096), ..Settings::default() };
    let shorter = try_model(&path, "tiny", &settings, |_, _| {}).await.expect("tried");
    assert_ne!(shorter.manifest, trial.manifest, "the context is part of it");
}
