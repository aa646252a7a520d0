//! How a stream hides its lengths, as client and node name it.

use std::fmt;
use std::time::Duration;

/// How streamed answers are padded: the header `sealroom-padding` and the setting `padding.minimum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Events as long as they are.
    None,
    /// Events filled up to buckets.
    Bucket,
    /// One event of one size every interval, whatever there is to say.
    Constant {
        /// Between two events.
        interval: Duration,
    },
}

impl Padding {
    /// Reads `none`, `bucket` or `constant;t=MS`, with 10 to 1,000 milliseconds.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "bucket" => Some(Self::Bucket),
            _ => {
                let digits = text.strip_prefix("constant;t=")?;
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                let interval =
                    digits.parse().ok().filter(|ms| plain && (10..=1000).contains(ms))?;
                Some(Self::Constant { interval: Duration::from_millis(interval) })
            }
        }
    }

    /// The one of both that hides more; of two constant ones the slower.
    #[must_use]
    pub fn stronger(self, other: Self) -> Self {
        match (self, other) {
            (Self::Constant { interval: one }, Self::Constant { interval: two }) => {
                Self::Constant { interval: one.max(two) }
            }
            (constant @ Self::Constant { .. }, _) | (_, constant @ Self::Constant { .. }) => {
                constant
            }
            (Self::Bucket, _) | (_, Self::Bucket) => Self::Bucket,
            (Self::None, Self::None) => Self::None,
        }
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Bucket => f.write_str("bucket"),
            Self::Constant { interval } => write!(f, "constant;t={}", interval.as_millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(ms: u64) -> Padding {
        Padding::Constant { interval: Duration::from_millis(ms) }
    }

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        for padding in [Padding::None, Padding::Bucket, constant(10), constant(1000)] {
            assert_eq!(Padding::decode(&padding.to_string()), Some(padding));
        }
        for other in ["", "Bucket", "constant", "constant;t=9", "constant;t=1001", "constant;t=+50"]
        {
            assert_eq!(Padding::decode(other), None, "{other}");
        }
    }

    #[test]
    fn the_stronger_of_two_wins_whoever_asked() {
        let order = [Padding::None, Padding::Bucket, constant(50)];
        for (weak, one) in order.into_iter().enumerate() {
            for (strong, other) in order.into_iter().enumerate() {
                assert_eq!(one.stronger(other), order[weak.max(strong)]);
            }
        }
        assert_eq!(constant(50).stronger(constant(100)), constant(100));
    }
}
