//! Answers one prompt and prints how fast: `generate MODEL PROMPT [TOKENS] [THREADS|cuda]`.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::Instant;

use sealroom_engine::{
    Device, Engine, Event, GenerationRequest, Input, LocalEngine, Sampling, Settings,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(prompt)) = (arguments.next(), arguments.next()) else {
        return Err("generate MODEL PROMPT [TOKENS] [THREADS|cuda]".into());
    };
    let max_tokens = arguments.next().map_or(Ok(64), |count| count.parse())?;
    let mut settings = Settings::default();
    match arguments.next().as_deref() {
        None => {}
        Some("cuda") => settings.device = Device::Cuda { ordinal: 0 },
        Some(threads) => settings.threads = threads.parse()?,
    }
    let started = Instant::now();
    let engine = LocalEngine::load(&std::fs::read(path)?, &settings)?;
    eprintln!("loaded in {:?}: {:#?}", started.elapsed(), engine.card());

    let mut request = GenerationRequest::new(Input::user(prompt), 0);
    request.max_tokens = Some(max_tokens);
    request.sampling = Sampling::greedy();
    let (sender, events) = mpsc::channel();
    let sink = move |event: Event| match sender.send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    engine.submit(request, Box::new(sink))?;
    for event in events {
        match event {
            Event::Started { .. } | Event::Embedded(_) => {}
            Event::Token(token) => print!("{}", token.text.expose()),
            Event::Finished(end) => {
                let read = (end.timing.first_token - end.timing.queue).as_secs_f64();
                let wrote = (end.timing.total - end.timing.first_token).as_secs_f64();
                println!();
                eprintln!(
                    "{:?}; prompt {:.1} tok/s, answer {:.1} tok/s",
                    end,
                    end.usage.prompt as f64 / read,
                    (end.usage.completion - 1) as f64 / wrote
                );
            }
            Event::Failed(error) => return Err(error.into()),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
