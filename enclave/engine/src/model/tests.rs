use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;

use super::*;
use crate::computer::{Computer, Piece, Place, Precision, Processor, Wants};
use crate::kernels::Pool;
use crate::tiny::{CONTEXT, Tiny};

/// Loads a file into both computers: what one refuses, the other refuses in the same words.
fn load_bytes(bytes: &[u8], context: Option<usize>) -> Result<ModelCard, LoadError> {
    let places = [
        Place::Processor(Pool::new(1).unwrap()),
        Place::Accelerator(candle_core::Device::Cpu, Precision::Half),
    ];
    let [first, second] = places.map(|place| {
        let file = Gguf::decode(bytes)?;
        let model = Model::load(&file, context, "")?;
        place.load(&file, &model, 1).map(|_| model.card)
    });
    assert_eq!(first, second);
    first
}

fn load(tiny: &Tiny) -> Result<ModelCard, LoadError> {
    load_bytes(&tiny.encode(), None)
}

fn text(text: &str) -> Option<Value> {
    Some(Value::String(text.to_owned()))
}

#[test]
fn accepts_the_tiny_model_and_describes_it() {
    let card = load(&Tiny::new()).unwrap();
    assert_eq!((card.name.as_str(), card.architecture.as_str()), ("tiny", "llama"));
    assert_eq!((card.context_length, card.vocab_size), (CONTEXT, 259));
    assert_eq!(card.parameters.get("weights").map(String::as_str), Some("f32:20"));
}

#[test]
fn refuses_another_architecture() {
    let refused = load(&Tiny::new().set("general.architecture", text("mamba")));
    assert_eq!(refused, Err(LoadError::Architecture { found: "mamba".to_owned() }));
}

#[test]
fn refuses_an_unknown_pre_tokenizer_by_name() {
    let refused = load(&Tiny::new().set("tokenizer.ggml.pre", text("deepseek-llm")));
    assert_eq!(refused, Err(LoadError::PreTokenizer { found: "deepseek-llm".to_owned() }));
}

#[test]
fn refuses_another_tokenizer_model() {
    let refused = load(&Tiny::new().set("tokenizer.ggml.model", text("llama")));
    assert_eq!(refused, Err(LoadError::TokenizerModel { found: "llama".to_owned() }));
}

#[test]
fn refuses_a_stretched_context() {
    let stretched = |kind| Tiny::new().set("llama.rope.scaling.type", text(kind));
    assert!(load(&stretched("none")).map(|card| card.context_length) == Ok(CONTEXT));
    let error = LoadError::Key {
        key: "llama.rope.scaling.type".to_owned(),
        found: "yarn".to_owned(),
        expected: "none".to_owned(),
    };
    assert_eq!(load(&stretched("yarn")), Err(error));
}

#[test]
fn refuses_a_missing_key() {
    let key = "llama.block_count".to_owned();
    assert_eq!(load(&Tiny::new().set(&key, None)), Err(LoadError::MissingKey { key }));
}

#[test]
fn refuses_a_missing_tensor() {
    let mut tiny = Tiny::new();
    let (name, _) = tiny.tensors.remove(3);
    assert_eq!(load(&tiny), Err(LoadError::MissingTensor { name }));
}

#[test]
fn refuses_a_tensor_it_would_ignore() {
    let mut tiny = Tiny::new();
    tiny.tensors.push(("blk.0.attn_q.bias".to_owned(), vec![64]));
    assert_eq!(load(&tiny), Err(LoadError::ExtraTensor { name: "blk.0.attn_q.bias".to_owned() }));
}

#[test]
fn refuses_a_tensor_of_another_shape() {
    let mut tiny = Tiny::new();
    tiny.tensors[1].1 = vec![63];
    let error = LoadError::Shape {
        name: "output_norm.weight".to_owned(),
        found: vec![63],
        expected: vec![64],
    };
    assert_eq!(load(&tiny), Err(error));
}

#[test]
fn refuses_a_merge_of_unknown_tokens() {
    let merges = Value::Array(vec![Value::String("a c".to_owned())]);
    let refused = load(&Tiny::new().set("tokenizer.ggml.merges", Some(merges)));
    let reason = "a merge is malformed, double or unknown".to_owned();
    assert_eq!(refused, Err(LoadError::Tokenizer { reason }));
}

#[test]
fn refuses_a_file_that_is_cut_off_anywhere() {
    let file = Tiny::new().encode();
    for length in [0, 3, 20, 1000, file.len() / 2, file.len() - 1] {
        let refused = load_bytes(&file[..length], None).err();
        assert!(matches!(refused, Some(LoadError::Container { .. })), "{length}: {refused:?}");
    }
}

#[test]
fn the_context_may_be_shortened_and_not_stretched() {
    let file = Tiny::new().encode();
    let asked = |context| load_bytes(&file, Some(context)).map(|card| card.context_length);
    assert_eq!(asked(CONTEXT), Ok(CONTEXT));
    let error = LoadError::Setting {
        setting: "context",
        found: "129".to_owned(),
        expected: "1 to 128".to_owned(),
    };
    assert_eq!(asked(CONTEXT + 1), Err(error));
}

#[test]
fn the_tokenizer_digest_covers_the_vocabulary() {
    let digest = |tiny: &Tiny| load(tiny).unwrap().tokenizer_digest;
    let changed = Tiny::new().set("tokenizer.ggml.eos_token_id", Some(Value::U32(257)));
    assert_eq!(digest(&Tiny::new()), digest(&Tiny::new()));
    assert_ne!(digest(&Tiny::new()), digest(&changed));
}

#[test]
fn refuses_weights_of_a_kind_without_a_kernel() {
    let refused = load(&Tiny::sized(256, 256).of_kind(GgmlDType::Q8K)).err();
    let (name, reason) = ("token_embd.weight", "there is no kernel for weights of kind Q8K");
    assert_eq!(refused, Some(LoadError::Tensor { name: name.into(), reason: reason.into() }));
}

/// Logits behind the last of some tokens that are read in pieces.
fn logits(file: &[u8], tokens: &[u32], chunk: usize, threads: usize) -> Vec<f32> {
    let (file, pool) = (Gguf::decode(file).unwrap(), Pool::new(threads).unwrap());
    let shape = Shape::load(&file).unwrap();
    let mut processor = Processor::load(&file, &shape, CONTEXT, 8, pool).unwrap();
    // Pages in any order: a table is all that says where a sequence lies.
    let pages = [5, 2, 7, 0];
    let mut logits = Vec::new();
    for (index, tokens) in tokens.chunks(chunk).enumerate() {
        let (position, wants) = (index * chunk, Wants::Logits);
        let piece = Piece { tokens, position, pages: &pages, wants };
        logits = processor.compute(&[piece]).unwrap().logits;
    }
    logits
}

#[test]
fn a_prompt_read_in_pieces_or_by_many_threads_gives_the_logits_of_one_read_at_once_to_the_bit() {
    let file = Tiny::new().encode();
    let tokens: Vec<u32> = (0..40).map(|index| index * 7 % 256).collect();
    let whole = logits(&file, &tokens, 40, 1);
    for (chunk, threads) in [(1, 1), (7, 1), (16, 1), (40, 3), (7, 5)] {
        assert_eq!(logits(&file, &tokens, chunk, threads), whole, "chunks of {chunk}");
    }
}
