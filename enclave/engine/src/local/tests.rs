use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};

use candle_core::quantized::gguf_file::Value;
use sealroom_request::{ChatMessage, Role, Sampling};

use super::*;
use crate::computer::Precision;
use crate::engine::{Event, FinishReason, Finished};
use crate::kernels::Pool;
use crate::private::CacheSalt;
use crate::random::Random;
use crate::tiny::{CONTEXT, Tiny};

/// Where a test computes.
type In = fn(threads: usize) -> Place;

/// Makes tests of each function here: on the processor, by candle's operations, and by those on a GPU, for whoever has one.
macro_rules! everywhere {
    ($($test:ident)*) => {
        mod processor {
            fn place(threads: usize) -> super::Place {
                super::Place::Processor(super::Pool::new(threads).unwrap())
            }
            $(#[test] fn $test() { super::$test(place) })*
        }
        mod accelerator {
            fn place(_: usize) -> super::Place {
                super::Place::Accelerator(candle_core::Device::Cpu, super::Precision::Single)
            }
            $(#[test] fn $test() { super::$test(place) })*
        }
        #[cfg(feature = "cuda")]
        mod gpu {
            fn place(_: usize) -> super::Place {
                let device = candle_core::Device::new_cuda(0).unwrap();
                super::Place::Accelerator(device, super::Precision::Single)
            }
            $(#[test] #[ignore = "needs a GPU"] fn $test() { super::$test(place) })*
        }
    };
}

fn load(place: In, file: &Tiny, settings: &Settings) -> Result<LocalEngine, LoadError> {
    LocalEngine::load_into(place(settings.threads), &file.encode(), settings)
}

fn engine(place: In, change: impl FnOnce(&mut Settings)) -> LocalEngine {
    let mut settings =
        Settings { threads: 1, sequences: 2, queue: 2, prompt_chunk: 8, ..Settings::default() };
    change(&mut settings);
    load(place, &Tiny::new(), &settings).unwrap()
}

fn request(prompt: &str, max_tokens: usize, seed: u64) -> GenerationRequest {
    let mut request = GenerationRequest::new(Input::Text(prompt.into()), seed);
    request.max_tokens = Some(max_tokens);
    request.ignore_end = true;
    request
}

/// A sink that passes every event on, waiting for `gate` after each if there is one.
fn sink(events: Sender<Event>, gate: Option<Receiver<()>>) -> Box<dyn Sink> {
    Box::new(move |event: Event| {
        let sent = events.send(event).is_ok();
        let open = gate.as_ref().is_none_or(|gate| gate.recv().is_ok());
        if sent && open { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
}

fn submit(engine: &LocalEngine, request: GenerationRequest) -> Receiver<Event> {
    let (sender, events) = channel();
    engine.submit(request, sink(sender, None)).unwrap();
    events
}

/// Ids and text of an answer, and its end.
fn answer(events: &Receiver<Event>) -> (Vec<u32>, String, Finished) {
    let (mut ids, mut text) = (Vec::new(), String::new());
    for event in events {
        match event {
            Event::Started { .. } | Event::Embedded(_) => {}
            Event::Token(token) => {
                ids.extend(token.id);
                text += token.text.expose();
            }
            Event::Finished(finished) => return (ids, text, finished),
            Event::Failed(error) => panic!("{error}"),
        }
    }
    panic!("the sink was dropped without an end");
}

fn an_answer_counts_its_tokens(place: In) {
    let (ids, _, end) = answer(&submit(&engine(place, |_| {}), request("hello", 9, 1)));
    assert_eq!((ids.len(), end.usage.completion, end.usage.prompt), (9, 9, 5));
    assert_eq!(end.reason, FinishReason::Length);
}

fn an_answer_is_the_same_alone_and_with_neighbours(place: In) {
    let alone = engine(place, |_| {});
    let expected: Vec<_> = (0..6)
        .map(|seed| answer(&submit(&alone, request("the same prompt", 12, seed))).0)
        .collect();
    let crowded = engine(place, |settings| {
        (settings.sequences, settings.queue, settings.threads) = (3, 6, 2)
    });
    let events: Vec<_> =
        (0..6).map(|seed| submit(&crowded, request("the same prompt", 12, seed))).collect();
    for (seed, events) in events.iter().enumerate() {
        assert_eq!(answer(events).0, expected[seed], "seed {seed}");
    }
}

/// A client's own salt.
fn salt(client: u8) -> Option<CacheSalt> {
    Some(CacheSalt::new([client; 32]))
}

/// A sink that goes away after some tokens.
fn leaving(after: usize, events: Sender<Event>) -> Box<dyn Sink> {
    let mut tokens = 0;
    Box::new(move |event: Event| {
        tokens += usize::from(matches!(event, Event::Token(_)));
        let _ = events.send(event);
        if tokens >= after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

/// Waits until nothing is in progress.
fn idle(engine: &LocalEngine) -> Occupancy {
    loop {
        let now = engine.occupancy();
        if (now.waiting, now.in_progress) == (0, 0) {
            return now;
        }
        std::thread::yield_now();
    }
}

fn an_answer_is_the_same_in_a_crowd_that_comes_and_goes_and_fights_for_room(place: In) {
    let alone = engine(place, |_| {});
    let prompt = |seed: u64| format!("prompt number {}, of {}", seed % 5, "x".repeat(20));
    let expected: Vec<_> =
        (0..32).map(|seed| answer(&submit(&alone, request(&prompt(seed), 40, seed))).0).collect();
    // Room for three of the 32 at once: the others wait, or give way and are read again.
    let small = |settings: &mut Settings| {
        (settings.sequences, settings.queue, settings.threads) = (32, 128, 2);
        settings.cache_bytes = 0;
    };
    for crowded in
        [engine(place, small), engine(place, |all| (all.sequences, all.queue) = (32, 128))]
    {
        let (sender, events) = channel();
        let mut answers = Vec::new();
        for seed in 0..32 {
            let mut request = request(&prompt(seed), 40, seed);
            request.salt = salt((seed % 4) as u8);
            let leaver = request.clone();
            crowded.submit(leaver, leaving(seed as usize % 9, sender.clone())).unwrap();
            answers.push(submit(&crowded, request));
        }
        for (seed, events) in answers.iter().enumerate() {
            assert_eq!(answer(events).0, expected[seed], "seed {seed}");
        }
        drop(sender);
        assert!(events.iter().count() > 32 && idle(&crowded).pages_held == 0);
    }
}

fn a_prompt_is_used_again_under_the_same_salt_alone_and_changes_no_answer(place: In) {
    let engine = engine(place, |_| {});
    let ask = |salt: Option<CacheSalt>| {
        let mut request = request(&"the same beginning ".repeat(3), 12, 7);
        request.salt = salt;
        let (ids, _, end) = answer(&submit(&engine, request));
        (ids, end.usage.cached)
    };
    let (expected, cached) = ask(salt(1));
    assert_eq!(cached, 0);
    for (salt, cached) in [(salt(2), 0), (None, 0), (salt(1), 48), (salt(2), 48), (None, 0)] {
        assert_eq!(ask(salt), (expected.clone(), cached));
    }
}

fn a_thousand_clients_that_leave_at_any_token_leave_no_page_behind(place: In) {
    let engine = engine(place, |settings| (settings.sequences, settings.queue) = (8, 16));
    let (mut random, mut all) = (Random::new(11), Vec::new());
    for index in 0..1000 {
        let (sender, events) = channel();
        let mut request = request("some prompt of more than a page", 20, index);
        request.salt = (index % 2 == 0).then(|| CacheSalt::new([3; 32]));
        let sink = leaving((random.bits() % 20) as usize, sender);
        if engine.submit(request, sink).is_err() {
            // The queue is full: wait for one that leaves.
            idle(&engine);
        }
        all.push(events);
    }
    // A channel ends when its sequence is gone.
    let events = all.iter().flat_map(Receiver::iter).count();
    assert!(events > 1000 && idle(&engine).pages_held == 0, "seed 11");
}

fn a_stop_string_ends_the_answer_and_is_not_part_of_it(place: In) {
    let engine = engine(place, |_| {});
    let (_, text, _) = answer(&submit(&engine, request("stop", 24, 3)));
    let stop: String = text.chars().skip(6).take(2).collect();
    let mut stopping = request("stop", 24, 3);
    stopping.stop = vec!["never in there".into(), stop.as_str().into()];
    let (_, stopped, end) = answer(&submit(&engine, stopping));
    assert_eq!(end.reason, FinishReason::StopString(1), "seed 3");
    assert_eq!(stopped, text.split(&stop).next().unwrap());
}

fn an_end_token_ends_the_answer(place: In) {
    let mut ending = request("end", 24, 0);
    ending.sampling = Sampling::greedy();
    ending.sampling.logit_bias = [(crate::tiny::END, 100.0)].into();
    let engine = engine(place, |_| {});
    let (ids, _, end) =
        answer(&submit(&engine, GenerationRequest { ignore_end: false, ..ending.clone() }));
    assert_eq!((ids, end.reason), (vec![crate::tiny::END], FinishReason::EndToken));
    assert_eq!(answer(&submit(&engine, ending)).0.len(), 24);
}

fn sequences_take_turns(place: In) {
    let engine = engine(place, |_| {});
    let (sender, owners) = channel();
    let (open, gate) = channel::<()>();
    let tokens = |owner: char, sender: Sender<char>, gate: Option<Receiver<()>>| {
        Box::new(move |event: Event| {
            match event {
                // The first waits at its start, so that the second is queued before it goes on.
                Event::Started { .. } => gate.iter().for_each(|gate| gate.recv().unwrap()),
                Event::Token(_) => sender.send(owner).unwrap(),
                Event::Embedded(_) | Event::Finished(_) | Event::Failed(_) => {}
            }
            ControlFlow::Continue(())
        })
    };
    engine.submit(request("a", 5, 0), tokens('a', sender.clone(), Some(gate))).unwrap();
    engine.submit(request("b", 5, 0), tokens('b', sender, None)).unwrap();
    open.send(()).unwrap();
    assert_eq!(owners.iter().collect::<String>(), "ababababab");
}

fn refuses_a_request_when_the_queue_is_full_and_accepts_one_when_it_is_not(place: In) {
    let engine = engine(place, |settings| (settings.sequences, settings.queue) = (1, 1));
    let (sender, events) = channel();
    let (open, gate) = channel();
    engine.submit(request("first", 2, 0), sink(sender, Some(gate))).unwrap();
    // Once the first has started it has left the queue, and it stays until the gate opens.
    assert!(matches!(events.recv(), Ok(Event::Started { .. })));
    let second = submit(&engine, request("second", 2, 0));
    let (sender, nothing) = channel();
    let refused = engine.submit(request("third", 2, 0), sink(sender, None));
    assert_eq!(refused, Err(EngineError::Overloaded { capacity: 1 }));
    assert_eq!(nothing.iter().count(), 0);
    (0..4).for_each(|_| open.send(()).unwrap());
    assert_eq!(answer(&second).2.usage.completion, 2);
}

fn a_sink_that_breaks_gets_nothing_more(place: In) {
    let engine = engine(place, |_| {});
    let (sender, events) = channel();
    let breaking = move |event: Event| {
        let stop = matches!(event, Event::Token(_));
        sender.send(event).unwrap();
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    engine.submit(request("cancel me", 100, 0), Box::new(breaking)).unwrap();
    assert_eq!(events.iter().count(), 2);
}

fn a_request_cancelled_in_the_queue_never_starts(place: In) {
    struct Cancelled(Sender<Event>);
    impl Sink for Cancelled {
        fn event(&mut self, event: Event) -> ControlFlow<()> {
            self.0.send(event).unwrap();
            ControlFlow::Continue(())
        }
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let (sender, events) = channel();
    engine(place, |_| {}).submit(request("a", 100, 0), Box::new(Cancelled(sender))).unwrap();
    assert_eq!(events.iter().count(), 0);
}

fn dropping_the_engine_fails_what_is_in_progress(place: In) {
    let engine = engine(place, |_| {});
    let (sender, events) = channel();
    let (open, gate) = channel();
    engine.submit(request("a", 100, 0), sink(sender, Some(gate))).unwrap();
    assert!(matches!(events.recv(), Ok(Event::Started { .. })));
    let dropped = std::thread::spawn(move || drop(engine));
    // The gate lets single steps through until the engine notices that its handle is gone.
    let last = loop {
        let _ = open.send(());
        match events.recv() {
            Ok(Event::Token(_)) => {}
            Ok(last) => break last,
            Err(error) => panic!("{error}"),
        }
    };
    let _ = open.send(());
    dropped.join().unwrap();
    assert!(matches!(last, Event::Failed(EngineError::Stopped) | Event::Finished(_)), "{last:?}");
}

fn a_prompt_that_fills_the_context_is_accepted_and_a_longer_one_refused(place: In) {
    let engine = engine(place, |_| {});
    let (sender, _events) = channel();
    let prompt = "x".repeat(CONTEXT - 1);
    let (_, _, finished) = answer(&submit(&engine, request(&prompt, 2, 0)));
    assert_eq!((finished.reason, finished.usage.completion), (FinishReason::Length, 1));
    let error = EngineError::ContextLength { prompt: 128, context: 128 };
    let refused = engine.submit(request(&(prompt + "x"), 1, 0), sink(sender, None));
    assert_eq!(refused, Err(error));
}

fn refuses_an_empty_prompt_and_an_empty_conversation(place: In) {
    let engine = engine(place, |_| {});
    for input in [Input::Text("".into()), Input::Chat { messages: Vec::new(), tools: Vec::new() }] {
        let (sender, _events) = channel();
        let refused = engine.submit(GenerationRequest::new(input, 0), sink(sender, None));
        assert_eq!(refused, Err(EngineError::EmptyPrompt));
    }
}

fn a_conversation_goes_through_the_template(place: In) {
    let engine = engine(place, |_| {});
    let chat = |role| {
        let messages = vec![ChatMessage::new(role, "abc")];
        let mut request = request("", 1, 0);
        request.input = Input::Chat { messages, tools: Vec::new() };
        request
    };
    // <start>, "ab" as one token, "c", <end>, <start>.
    assert_eq!(answer(&submit(&engine, chat(Role::User))).2.usage.prompt, 5);
    let (sender, _events) = channel();
    let refused = engine.submit(chat(Role::System), sink(sender, None));
    let error = TemplateError::Refused { message: "no".into() };
    assert_eq!(refused, Err(EngineError::Template(error)));
}

fn names_of_control_tokens_are_parsed_or_text_as_asked(place: In) {
    let engine = engine(place, |_| {});
    assert_eq!(engine.tokenize("a<end>", SpecialTokens::Parse), Ok(vec![97, crate::tiny::END]));
    assert_eq!(engine.tokenize("a<end>", SpecialTokens::AsText).map(|ids| ids.len()), Ok(6));
}

fn log_probabilities_come_with_as_many_alternatives_as_asked_for(place: In) {
    let mut asked = request("top", 1, 0);
    asked.sampling = Sampling::greedy();
    asked.top_logprobs = 3;
    let tokens: Vec<_> = submit(&engine(place, |_| {}), asked)
        .iter()
        .filter_map(|event| if let Event::Token(token) = event { Some(token) } else { None })
        .collect();
    assert_eq!(tokens[0].top.len(), 3);
    assert_eq!((tokens[0].top[0].id, tokens[0].top[0].logprob), (tokens[0].id, tokens[0].logprob));
    assert!(tokens[0].top[0].logprob >= tokens[0].top[1].logprob);
}

/// A computer that chooses gives what all logits would give.
fn a_greedy_answer_is_the_same_with_alternatives_and_without(place: In) {
    let engine = engine(place, |_| {});
    let ask = |top_logprobs: usize| -> Vec<(Option<u32>, f32)> {
        let mut asked = request("greedy", 30, 1);
        asked.sampling = Sampling::greedy();
        asked.top_logprobs = top_logprobs;
        let events = submit(&engine, asked);
        let tokens = events.iter().filter_map(|event| match event {
            Event::Token(token) => Some((token.id, token.logprob)),
            _ => None,
        });
        tokens.collect()
    };
    let (plain, with_alternatives) = (ask(0), ask(1));
    assert_eq!(plain.len(), 30);
    for ((id, logprob), (expected, near)) in plain.into_iter().zip(with_alternatives) {
        assert!(id == expected && (logprob - near).abs() < 1e-5, "{logprob} {near}");
    }
}

fn refuses_settings_out_of_range(place: In) {
    let settings = Settings { queue: 0, ..Settings::default() };
    let error = LoadError::Setting {
        setting: "queue",
        found: "0".to_owned(),
        expected: "1 to 65536".to_owned(),
    };
    assert_eq!(load(place, &Tiny::new(), &settings).err(), Some(error));
}

fn embedding_engine(place: In, pooling: u32, change: impl FnOnce(&mut Settings)) -> LocalEngine {
    let mut settings = Settings { threads: 1, prompt_chunk: 8, ..Settings::default() };
    change(&mut settings);
    let file = Tiny::new().set("llama.pooling_type", Some(Value::U32(pooling)));
    load(place, &file, &settings).unwrap()
}

/// To the bit where the kernels compute; elsewhere as near as another batch rounds.
fn assert_same(place: In, found: &[f32], expected: &[f32]) {
    let most = if matches!(place(1), Place::Processor(_)) { 0.0 } else { 1e-5 };
    let distance = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(found.len() == expected.len() && distance <= most, "{distance}");
}

fn vector(engine: &LocalEngine, text: &str) -> Vec<f32> {
    let (sender, events) = channel();
    engine.embed(Input::Text(text.into()), sink(sender, None)).unwrap();
    let events: Vec<_> = events.iter().collect();
    let [Event::Started { .. }, Event::Embedded(vector), Event::Finished(end)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(end.usage.prompt, text.len());
    vector.to_vec()
}

fn a_vector_has_length_one_and_is_the_same_however_its_text_is_cut(place: In) {
    let text = "the quick brown fox";
    for pooling in [1, 3] {
        let whole =
            vector(&embedding_engine(place, pooling, |settings| settings.prompt_chunk = 64), text);
        let length: f32 = whole.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
        let engine = embedding_engine(place, pooling, |_| {});
        // Another one beside it, and an answer.
        let (sender, _others) = channel();
        engine.embed(Input::Text("something else".into()), sink(sender, None)).unwrap();
        let _answer = submit(&engine, request("an answer", 20, 1));
        assert_same(place, &vector(&engine, text), &whole);
        assert_ne!(vector(&engine, "the quick brown dog"), whole);
    }
    let [mean, last] =
        [1, 3].map(|pooling| vector(&embedding_engine(place, pooling, |_| {}), text));
    assert_ne!(mean, last);
}

fn a_model_that_was_not_trained_for_it_makes_no_vectors(place: In) {
    let (sender, _events) = channel();
    let refused = engine(place, |_| {}).embed(Input::Text("a".into()), sink(sender, None));
    assert_eq!(refused, Err(EngineError::NoEmbeddings));
    let file = Tiny::new().set("llama.pooling_type", Some(Value::U32(2)));
    let error = load(place, &file, &Settings::default()).err();
    let expected = LoadError::Key {
        key: "llama.pooling_type".to_owned(),
        found: "2".to_owned(),
        expected: "0 (none), 1 (mean) or 3 (last)".to_owned(),
    };
    assert_eq!(error, Some(expected));
}

everywhere! {
    an_answer_counts_its_tokens
    an_answer_is_the_same_alone_and_with_neighbours
    an_answer_is_the_same_in_a_crowd_that_comes_and_goes_and_fights_for_room
    a_prompt_is_used_again_under_the_same_salt_alone_and_changes_no_answer
    a_thousand_clients_that_leave_at_any_token_leave_no_page_behind
    a_stop_string_ends_the_answer_and_is_not_part_of_it
    an_end_token_ends_the_answer
    sequences_take_turns
    refuses_a_request_when_the_queue_is_full_and_accepts_one_when_it_is_not
    a_sink_that_breaks_gets_nothing_more
    a_request_cancelled_in_the_queue_never_starts
    dropping_the_engine_fails_what_is_in_progress
    a_prompt_that_fills_the_context_is_accepted_and_a_longer_one_refused
    refuses_an_empty_prompt_and_an_empty_conversation
    a_conversation_goes_through_the_template
    names_of_control_tokens_are_parsed_or_text_as_asked
    log_probabilities_come_with_as_many_alternatives_as_asked_for
    a_greedy_answer_is_the_same_with_alternatives_and_without
    refuses_settings_out_of_range
    a_vector_has_length_one_and_is_the_same_however_its_text_is_cut
    a_model_that_was_not_trained_for_it_makes_no_vectors
}

#[test]
#[cfg(not(feature = "cuda"))]
fn refuses_a_gpu_without_a_build_for_one() {
    let settings = Settings { device: Device::Cuda { ordinal: 1 }, ..Settings::default() };
    let error = LoadError::Setting {
        setting: "device",
        found: "cuda:1".to_owned(),
        expected: "cpu, or a build for GPUs".to_owned(),
    };
    assert_eq!(LocalEngine::load(&Tiny::new().encode(), &settings).err(), Some(error));
}
