//! On the processor, where candle has every operation, too: beside the kernels, and against itself.

use candle_core::quantized::GgmlDType;

use super::*;
use crate::computer::{Processor, Wants};
use crate::kernels::{Pool, log_sum_exp};
use crate::model::Model;
use crate::tiny::Tiny;

/// Pages of each computer here.
const PAGES: usize = 24;

fn model(file: &Gguf<'_>) -> Model {
    Model::load(file, None, "").unwrap()
}

fn accelerator(bytes: &[u8], precision: Precision) -> Accelerator {
    on(Device::Cpu, bytes, precision)
}

fn on(device: Device, bytes: &[u8], precision: Precision) -> Accelerator {
    let file = Gguf::decode(bytes).unwrap();
    let Model { shape, card, .. } = model(&file);
    Accelerator::load(&file, &shape, card.context_length, PAGES, device, precision).unwrap()
}

fn processor(bytes: &[u8]) -> Processor {
    let file = Gguf::decode(bytes).unwrap();
    let Model { shape, card, .. } = model(&file);
    Processor::load(&file, &shape, card.context_length, PAGES, Pool::new(1).unwrap()).unwrap()
}

/// A text of `length` tokens, another one for each `seed`.
fn text(seed: u32, length: usize) -> Vec<u32> {
    (0..length as u32).map(|index| (index * 7 + seed * 13) % 256).collect()
}

/// Logits behind a text that is read in pieces.
fn logits(computer: &mut dyn Computer, tokens: &[u32], chunk: usize) -> Vec<f32> {
    // Pages in any order: a table is all that says where a sequence lies.
    let pages = [5, 2, 7, 0, 9, 3, 11, 8];
    let mut last = Vec::new();
    for (index, tokens) in tokens.chunks(chunk).enumerate() {
        let (position, wants) = (index * chunk, Wants::Logits);
        let piece = Piece { tokens, position, pages: &pages, wants };
        last = computer.compute(&[piece]).unwrap().logits;
    }
    last
}

/// Root mean square of the difference, beside that of what is expected.
fn error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |numbers: &mut dyn Iterator<Item = f32>| -> f64 {
        numbers.map(|number| f64::from(number).powi(2)).sum()
    };
    let difference = square(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    (difference / square(&mut expected.iter().copied())).sqrt()
}

/// Every kind of weights, and every family: what the products round is all that is between them and the kernels.
fn hold_beside_the_kernels(device: &Device) {
    use GgmlDType::{BF16, F16, F32, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    for kind in [F32, F16, BF16] {
        hold(device, "llama", &Tiny::new().of_kind(kind), 1e-3);
    }
    for kind in [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0] {
        hold(device, "llama", &Tiny::new().of_kind(kind), 0.03);
    }
    for kind in [Q2K, Q3K, Q4K, Q5K, Q6K] {
        hold(device, "llama", &Tiny::sized(256, 256).of_kind(kind), 0.03);
    }
    for family in ["qwen2", "qwen3"] {
        hold(device, family, &Tiny::new().of_family(family), 1e-3);
        hold(device, family, &Tiny::new().of_family(family).of_kind(Q8_0), 0.03);
    }
}

fn hold(device: &Device, name: &str, tiny: &Tiny, most: f64) {
    hold_file(device, &format!("{name} {:?}", tiny.kind), &tiny.encode(), most);
}

fn hold_file(device: &Device, name: &str, file: &[u8], most: f64) {
    let tokens = text(1, 41);
    let expected = logits(&mut processor(file), &tokens, 41);
    // One row, a few, many: a GPU has a kernel for each.
    for chunk in [1, 7, 41] {
        let mut accelerator = on(device.clone(), file, Precision::Half);
        let error = error(&logits(&mut accelerator, &tokens, chunk), &expected);
        println!("{name} in pieces of {chunk}: {error:.5}");
        assert!(error < most, "{name} in pieces of {chunk}: {error}");
    }
}

/// A real model, where `SEALROOM_MODEL` says where one is.
fn hold_a_real_one(device: &Device) {
    let Some(path) = std::env::var_os("SEALROOM_MODEL") else {
        println!("skipped: SEALROOM_MODEL names no model");
        return;
    };
    hold_file(device, "the real model", &std::fs::read(path).unwrap(), 0.05);
}

#[test]
fn logits_are_those_of_the_kernels_for_every_family_and_kind() {
    hold_beside_the_kernels(&Device::Cpu);
}

#[test]
fn logits_of_a_real_model_are_those_of_the_kernels() {
    hold_a_real_one(&Device::Cpu);
}

#[test]
fn a_text_read_in_pieces_gives_the_logits_of_one_read_at_once() {
    let file = Tiny::new().encode();
    let tokens = text(2, 100);
    let whole = logits(&mut accelerator(&file, Precision::Single), &tokens, 100);
    for chunk in [1, 7, 16, 33] {
        let pieces = logits(&mut accelerator(&file, Precision::Single), &tokens, chunk);
        assert!(error(&pieces, &whole) < 1e-5, "pieces of {chunk}");
    }
}

/// Pieces of many sequences in one step, in no order, one of them empty, one of them with something read before.
#[test]
fn a_sequence_is_computed_among_others_as_it_is_alone() {
    let file = Tiny::new().encode();
    let texts = [text(3, 20), text(4, 1), text(5, 60), text(6, 1), text(7, 20), text(8, 0)];
    let tables: [&[u32]; 6] = [&[4, 1], &[9], &[2, 3, 0, 8], &[5, 6, 7], &[11, 10], &[]];
    let before = text(9, 33);
    let alone: Vec<Vec<f32>> = (0..5)
        .map(|index| {
            let mut whole = if index == 3 { before.clone() } else { Vec::new() };
            whole.extend(&texts[index]);
            logits(&mut accelerator(&file, Precision::Single), &whole, 100)
        })
        .collect();
    let mut together = accelerator(&file, Precision::Single);
    let read = Piece { tokens: &before, position: 0, pages: tables[3], wants: Wants::Nothing };
    assert!(together.compute(&[read]).unwrap().logits.is_empty());
    let wants = [Wants::Logits, Wants::Logits, Wants::Likeliest, Wants::Logits, Wants::Last];
    let pieces = (0..6).map(|index| Piece {
        tokens: &texts[index],
        position: if index == 3 { 33 } else { 0 },
        pages: tables[index],
        wants: wants.get(index).copied().unwrap_or(Wants::Each),
    });
    let computed = together.compute(&pieces.collect::<Vec<_>>()).unwrap();
    let rows: Vec<_> = computed.logits.chunks_exact(259).collect();
    for (row, index) in rows.iter().zip([0, 1, 3]) {
        assert!(error(row, &alone[index]) < 1e-5, "text {index}");
    }
    let [likeliest] = computed.likeliest[..] else { panic!("{:?}", computed.likeliest) };
    assert_eq!((rows.len(), likeliest.id), (3, crate::sampling::likeliest(&alone[2])));
    assert!((likeliest.logit - alone[2][likeliest.id as usize]).abs() < 1e-4);
    assert!((likeliest.total - log_sum_exp(&alone[2])).abs() < 1e-4);
    assert_eq!(computed.vectors.len(), 64);
}

#[test]
fn vectors_are_those_of_the_kernels() {
    let file = Tiny::new().encode();
    let tokens = text(10, 30);
    for (wants, rows) in [(Wants::Each, 30), (Wants::Last, 1)] {
        let piece = || [Piece { tokens: &tokens, position: 0, pages: &[1, 0], wants }];
        let expected = processor(&file).compute(&piece()).unwrap().vectors;
        let found = accelerator(&file, Precision::Half).compute(&piece()).unwrap().vectors;
        assert_eq!(found.len(), rows * 64);
        assert!(error(&found, &expected) < 0.05);
    }
}

#[test]
fn a_page_that_was_wiped_is_zero_and_the_others_are_not() {
    let file = Tiny::new().encode();
    let mut accelerator = accelerator(&file, Precision::Half);
    assert!(accelerator.pages.is_zero().unwrap());
    let first = logits(&mut accelerator, &text(11, 40), 40);
    accelerator.wipe(&[5, 7]);
    assert!(!accelerator.pages.is_zero().unwrap(), "the third page");
    accelerator.wipe(&[2]);
    assert!(accelerator.pages.is_zero().unwrap());
    assert_eq!(logits(&mut accelerator, &text(11, 40), 40), first);
}

#[test]
fn computes_nothing_more_where_a_page_could_not_be_wiped() {
    let mut accelerator = accelerator(&Tiny::new().encode(), Precision::Half);
    accelerator.wipe(&[PAGES as u32]);
    let piece = Piece { tokens: &[1], position: 0, pages: &[0], wants: Wants::Logits };
    let refused = accelerator.compute(&[piece]).err().unwrap().to_string();
    assert!(refused.starts_with("keys and values could not be wiped: "), "{refused}");
}

/// What would be read beyond the end of something is refused before a device is asked.
#[test]
fn refuses_a_piece_without_room_and_a_token_that_is_none() {
    let mut accelerator = accelerator(&Tiny::new().encode(), Precision::Half);
    let mut refused = |tokens: &[u32], pages: &[PageId]| {
        let piece = Piece { tokens, position: 16, pages, wants: Wants::Logits };
        let refused = accelerator.compute(&[piece]).err().map(|error| error.to_string());
        // Behind the first line candle adds where it was, if it was asked to.
        refused.and_then(|reason| reason.lines().next().map(str::to_owned))
    };
    assert_eq!(refused(&[1, 2], &[0]), Some("1 pages for 18 tokens".to_owned()));
    assert_eq!(
        refused(&[259], &[0, 1]),
        Some("a token is none of the 259 of the vocabulary".to_owned())
    );
    assert_eq!(refused(&[258], &[0, 1]), None);
}

/// A file that begins at an odd place in memory, as one that is read out of another may.
#[test]
fn weights_may_lie_anywhere() {
    for kind in [GgmlDType::F32, GgmlDType::Q8_0] {
        let file = Tiny::new().of_kind(kind).encode();
        let expected = logits(&mut accelerator(&file, Precision::Half), &text(12, 9), 9);
        let moved = [&[0], &file[..]].concat();
        let mut accelerator = accelerator(&moved[1..], Precision::Half);
        assert_eq!(logits(&mut accelerator, &text(12, 9), 9), expected);
    }
}

/// For whoever has one: `docs/engine.md` says how.
#[cfg(feature = "cuda")]
#[test]
#[ignore = "needs a GPU"]
fn logits_on_a_gpu_are_those_of_the_kernels() {
    let device = Device::new_cuda(0).unwrap();
    hold_beside_the_kernels(&device);
    hold_a_real_one(&device);
}
