//! A stream of events under one of the paddings: what goes out, and when.

use std::collections::VecDeque;

use sealroom_attestation::endpoints::deadline;
use sealroom_attestation::seal::Plaintext;
use sealroom_attestation::seal::bhttp::{self, Field, ResponseHead};
use sealroom_attestation::seal::padding::{self, Piece, Sizes};
use tokio::time::Instant;

use super::outgoing::{Gone, Sealer, field};
use crate::serve::Padding;

/// Sends events, and fills the silence between them.
pub(super) struct Stream {
    sealer: Sealer,
    padding: Padding,
    /// What waits for its beat in constant mode: chunks, and the tokens in each.
    queue: VecDeque<(Plaintext, u64)>,
    sent: u64,
    beat: Instant,
}

impl Stream {
    /// Sends the constant head of every stream.
    pub(super) async fn begin(
        mut sealer: Sealer,
        padding: Padding,
    ) -> Result<Self, (Sealer, Gone)> {
        let fields = vec![field("content-type", "text/event-stream")];
        if let Err(gone) = sealer.head(&ResponseHead { status: 200, fields }).await {
            return Err((sealer, gone));
        }
        let mut stream =
            Self { sealer, padding, queue: VecDeque::new(), sent: 0, beat: Instant::now() };
        stream.set_beat();
        Ok(stream)
    }

    pub(super) const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// When [`Stream::beat`] is to be called unless an event goes out before.
    pub(super) const fn next_beat(&self) -> Instant {
        self.beat
    }

    /// Whether text should gather until the next beat.
    pub(super) const fn is_constant(&self) -> bool {
        matches!(self.padding, Padding::Constant { .. })
    }

    /// One event, `data: ...` and a blank line, with the tokens it carries.
    pub(super) async fn event(&mut self, event: &[u8], tokens: u64) -> Result<(), Gone> {
        let mut tokens = tokens;
        match self.padding {
            Padding::None => {
                let mut chunk = Plaintext::new();
                bhttp::content_into(event, &mut chunk);
                self.send(&chunk, tokens).await?;
            }
            Padding::Bucket => {
                for piece in padding::pieces(event, Sizes::Bucket).map_err(|_| Gone)? {
                    self.send(&encoded(&piece), std::mem::take(&mut tokens)).await?;
                }
            }
            Padding::Constant { .. } => {
                for piece in padding::pieces(event, Sizes::Constant).map_err(|_| Gone)? {
                    self.queue.push_back((encoded(&piece), std::mem::take(&mut tokens)));
                }
                return Ok(());
            }
        }
        self.set_beat();
        Ok(())
    }

    /// Sends what is due: the next queued chunk, or a comment that says nothing.
    pub(super) async fn beat(&mut self) -> Result<(), Gone> {
        self.set_beat();
        match self.queue.pop_front() {
            Some((chunk, tokens)) => self.send(&chunk, tokens).await,
            None => self.send(&encoded(&Piece::idle(self.sizes())), 0).await,
        }
    }

    /// Sends everything that waits, at its pace, and what a constant stream runs on for.
    pub(super) async fn drain(&mut self) -> Result<(), Gone> {
        if !self.is_constant() {
            return Ok(());
        }
        while !self.queue.is_empty() || padding::constant_tail(self.sent) > 0 {
            tokio::time::sleep_until(self.beat).await;
            self.beat().await?;
        }
        Ok(())
    }

    /// The end of the content, the trailers and the final chunk.
    pub(super) async fn end(self, trailers: &[Field], receipt: &str) -> Result<(), Gone> {
        self.sealer.finish(&padding::stream_end(trailers), 0, Some(receipt)).await
    }

    async fn send(&mut self, chunk: &Plaintext, tokens: u64) -> Result<(), Gone> {
        self.sent = self.sent.saturating_add(1);
        self.sealer.chunk(chunk, tokens).await
    }

    const fn sizes(&self) -> Sizes {
        match self.padding {
            Padding::None | Padding::Bucket => Sizes::Bucket,
            Padding::Constant { .. } => Sizes::Constant,
        }
    }

    fn set_beat(&mut self) {
        self.beat = match self.padding {
            // From the last beat, not from now: a late one does not slow the stream down.
            Padding::Constant { interval } => (self.beat + interval).max(Instant::now()),
            Padding::None | Padding::Bucket => Instant::now() + deadline::IDLE_EVENT,
        };
    }
}

fn encoded(piece: &Piece<'_>) -> Plaintext {
    let mut chunk = Plaintext::with_capacity(piece.size());
    piece.encode_into(&mut chunk);
    chunk
}
