//! Whether the GPUs keep everybody else out, by what the driver says of all of them together.

use super::layout::Settings;

/// NVML's number of the mode that counts.
const PRODUCTION: u32 = 2;

/// How the GPUs are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each for itself.
    Single,
    /// Several, joined by switches in the clear: these must show evidence too.
    ProtectedPcie,
    /// Several, joined by links that are encrypted.
    EncryptedNvlink,
}

/// Why GPUs may not be computed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Nothing is protected.
    #[error(
        "confidential computing is off on the GPUs: the host must switch it on before the machine starts"
    )]
    Off,
    /// Debuggers and profilers see everything.
    #[error(
        "the GPUs are in developer mode: the host must switch confidential computing to on, not devtools"
    )]
    Developer,
    /// Not keys of production.
    #[error("the GPUs' environment is {found}: 2, production, expected")]
    Environment {
        /// As NVML numbers it: 0 none, 1 simulation.
        found: u32,
    },
    /// Settings that do not go together, or that this version does not know.
    #[error(
        "the GPUs' confidential feature is {feature} and their joint mode {several}: 1 with 0 or 2, or mode 1, expected"
    )]
    Mode {
        /// 0 off, 1 on.
        feature: u32,
        /// 0 none, 1 protected PCIe, 2 encrypted NVLink.
        several: u32,
    },
}

/// Reads what the driver says, and accepts nothing that it does not know.
pub(super) fn mode(settings: &Settings) -> Result<Mode, StateError> {
    let Settings { version: _, environment, feature, developer, several } = *settings;
    // The driver reports a developer's machine as simulation too: the plainer reason comes first.
    if developer != 0 {
        return Err(StateError::Developer);
    }
    let mode = match (feature, several) {
        (0, 0) => return Err(StateError::Off),
        (1, 0) => Mode::Single,
        // Here the driver says on purpose that the feature is off.
        (0 | 1, 1) => Mode::ProtectedPcie,
        (1, 2) => Mode::EncryptedNvlink,
        _ => return Err(StateError::Mode { feature, several }),
    };
    if environment != PRODUCTION {
        return Err(StateError::Environment { found: environment });
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Settings = Settings { environment: 2, feature: 1, ..Settings::asked() };

    #[test]
    fn accepts_the_three_modes_of_production() {
        assert_eq!(mode(&GOOD), Ok(Mode::Single));
        assert_eq!(mode(&Settings { several: 2, ..GOOD }), Ok(Mode::EncryptedNvlink));
        assert_eq!(mode(&Settings { several: 1, ..GOOD }), Ok(Mode::ProtectedPcie));
        let hidden = Settings { feature: 0, several: 1, ..GOOD };
        assert_eq!(mode(&hidden), Ok(Mode::ProtectedPcie), "the driver reports the feature as off");
    }

    #[test]
    fn refuses_each_other_setting_by_name() {
        let table = [
            (Settings::asked(), StateError::Off),
            (Settings { feature: 0, ..GOOD }, StateError::Off),
            (Settings { developer: 1, ..GOOD }, StateError::Developer),
            (Settings { environment: 1, developer: 1, ..GOOD }, StateError::Developer),
            (Settings { environment: 0, ..GOOD }, StateError::Environment { found: 0 }),
            (Settings { environment: 1, ..GOOD }, StateError::Environment { found: 1 }),
            (Settings { environment: 3, ..GOOD }, StateError::Environment { found: 3 }),
            (Settings { feature: 2, ..GOOD }, StateError::Mode { feature: 2, several: 0 }),
            (Settings { several: 3, ..GOOD }, StateError::Mode { feature: 1, several: 3 }),
            (
                Settings { feature: 0, several: 2, ..GOOD },
                StateError::Mode { feature: 0, several: 2 },
            ),
        ];
        for (settings, error) in table {
            assert_eq!(mode(&settings), Err(error), "{settings:?}");
        }
    }
}
