//! One vector for a text, while its tokens are computed.

use zeroize::Zeroizing;

use crate::computer::Wants;
use crate::llama::Pooling;

/// What is known so far.
pub(crate) struct Pooled {
    pooling: Pooling,
    sum: Zeroizing<Vec<f32>>,
    count: usize,
}

impl Pooled {
    pub(crate) fn new(pooling: Pooling, width: usize) -> Self {
        Self { pooling, sum: Zeroizing::new(vec![0.0; width]), count: 0 }
    }

    /// What it wants of some tokens: `to_the_end` where they are the text's last ones.
    pub(crate) const fn wants(&self, to_the_end: bool) -> Wants {
        match (self.pooling, to_the_end) {
            (Pooling::Mean, _) => Wants::Each,
            (Pooling::Last, true) => Wants::Last,
            (Pooling::Last, false) => Wants::Nothing,
        }
    }

    /// Takes the vectors that it wanted of `count` tokens out of `all`.
    pub(crate) fn take<'a>(&mut self, all: &'a [f32], count: usize, to_the_end: bool) -> &'a [f32] {
        let rows = match self.wants(to_the_end) {
            Wants::Each => count,
            Wants::Last => 1,
            Wants::Nothing | Wants::Logits | Wants::Likeliest => 0,
        };
        let (own, rest) = all.split_at_checked(rows * self.sum.len()).unwrap_or((all, &[]));
        for row in own.chunks_exact(self.sum.len()) {
            self.sum.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
        }
        self.count += rows;
        rest
    }

    /// It begins anew: the tokens will be computed again.
    pub(crate) fn restart(&mut self) {
        self.sum.fill(0.0);
        self.count = 0;
    }

    /// The vector, of length 1.
    pub(crate) fn finish(&mut self) -> Zeroizing<Vec<f32>> {
        let mut vector = std::mem::take(&mut self.sum);
        let squares: f64 = vector.iter().map(|number| f64::from(*number).powi(2)).sum();
        // The mean has the direction of the sum: its length does not matter.
        let inverse = if squares > 0.0 { squares.sqrt().recip() as f32 } else { 0.0 };
        vector.iter_mut().for_each(|number| *number *= inverse);
        vector
    }
}
