//! A refusal in OpenAI's terms.

use crate::PrivateText;
use crate::sampling::OutOfRange;

/// Why a request was refused. It may quote its own client, so it is never printed or logged.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong, and what was expected.
    pub message: PrivateText,
    /// Where: `messages[0].role`.
    pub param: Option<PrivateText>,
    /// The kind of mistake, for programs.
    pub code: &'static str,
}

impl Invalid {
    /// A mistake in parameter `param`, or in the whole.
    #[must_use]
    pub fn new(message: String, param: Option<&str>, code: &'static str) -> Self {
        Self { message: message.into(), param: param.map(PrivateText::from), code }
    }

    /// A value that the parameter cannot have.
    #[must_use]
    pub fn value(param: &str, expected: &str) -> Self {
        Self::new(format!("parameter {param} is not {expected}"), Some(param), "invalid_value")
    }

    /// A value of another type.
    pub(crate) fn kind(param: &str, expected: &str) -> Self {
        Self::new(format!("parameter {param} is not {expected}"), Some(param), "invalid_type")
    }

    /// A parameter that must be there.
    pub(crate) fn missing(param: &str) -> Self {
        let message = format!("parameter {param} is required");
        Self::new(message, Some(param), "missing_required_parameter")
    }

    /// A parameter that no node has. Ignoring it would give another answer than was asked for.
    pub(crate) fn unsupported(param: &str) -> Self {
        let message = format!("parameter {param} is not supported");
        Self::new(message, Some(param), "unsupported_parameter")
    }
}

impl From<OutOfRange> for Invalid {
    fn from(error: OutOfRange) -> Self {
        Self::new(error.to_string(), Some(error.parameter), "invalid_value")
    }
}
