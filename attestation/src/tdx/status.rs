//! How the states of several parts become one.

use super::json::TcbStatus;

impl TcbStatus {
    /// Merges a part's status into the platform's: a part that is behind or revoked makes the whole so.
    #[must_use]
    pub const fn with(self, part: Self) -> Self {
        match (part, self) {
            (Self::Revoked, _) => Self::Revoked,
            (
                Self::OutOfDate | Self::OutOfDateConfigurationNeeded,
                Self::UpToDate | Self::SWHardeningNeeded,
            ) => part,
            (
                Self::OutOfDate | Self::OutOfDateConfigurationNeeded,
                Self::ConfigurationNeeded | Self::ConfigurationAndSWHardeningNeeded,
            ) => Self::OutOfDateConfigurationNeeded,
            (Self::OutOfDateConfigurationNeeded, Self::OutOfDate) => part,
            (Self::ConfigurationNeeded, Self::UpToDate) => part,
            (Self::ConfigurationNeeded, Self::SWHardeningNeeded) => {
                Self::ConfigurationAndSWHardeningNeeded
            }
            _ => self,
        }
    }

    /// True when something is behind.
    #[must_use]
    pub const fn is_out_of_date(self) -> bool {
        matches!(self, Self::OutOfDate | Self::OutOfDateConfigurationNeeded)
    }

    /// True when the platform's configuration must change.
    #[must_use]
    pub const fn needs_configuration(self) -> bool {
        matches!(
            self,
            Self::ConfigurationNeeded
                | Self::OutOfDateConfigurationNeeded
                | Self::ConfigurationAndSWHardeningNeeded
                | Self::RelaunchAdvisedConfigurationNeeded
        )
    }

    /// A TD that was launched on a TCB that is behind, while the present one is not, should be launched again.
    #[must_use]
    pub const fn relaunched(self, current: Self) -> Self {
        if !self.is_out_of_date() || current.is_out_of_date() || matches!(current, Self::Revoked) {
            return self.with(current);
        }
        if self.needs_configuration() || current.needs_configuration() {
            Self::RelaunchAdvisedConfigurationNeeded
        } else {
            Self::RelaunchAdvised
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TcbStatus::{self, *};

    #[test]
    fn a_part_that_is_behind_makes_the_whole_so() {
        let cases = [
            (UpToDate, OutOfDate, OutOfDate),
            (SWHardeningNeeded, OutOfDate, OutOfDate),
            (ConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded),
            (ConfigurationAndSWHardeningNeeded, OutOfDate, OutOfDateConfigurationNeeded),
            (OutOfDate, UpToDate, OutOfDate),
            (UpToDate, Revoked, Revoked),
            (Revoked, UpToDate, Revoked),
            (UpToDate, UpToDate, UpToDate),
            (UpToDate, OutOfDateConfigurationNeeded, OutOfDateConfigurationNeeded),
            (SWHardeningNeeded, ConfigurationNeeded, ConfigurationAndSWHardeningNeeded),
            (OutOfDate, OutOfDateConfigurationNeeded, OutOfDateConfigurationNeeded),
        ];
        for (whole, part, together) in cases {
            assert_eq!(whole.with(part), together, "{whole} with {part}");
        }
    }

    #[test]
    fn merging_never_makes_a_status_better() {
        let rank = |status: TcbStatus| match status {
            UpToDate => 0,
            SWHardeningNeeded | ConfigurationNeeded | ConfigurationAndSWHardeningNeeded => 1,
            RelaunchAdvised | RelaunchAdvisedConfigurationNeeded => 2,
            OutOfDate | OutOfDateConfigurationNeeded => 3,
            Revoked => 4,
        };
        let all = [
            UpToDate,
            SWHardeningNeeded,
            ConfigurationNeeded,
            ConfigurationAndSWHardeningNeeded,
            OutOfDate,
            OutOfDateConfigurationNeeded,
            Revoked,
        ];
        for whole in all {
            for part in
                [UpToDate, ConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded, Revoked]
            {
                let both = whole.with(part);
                assert!(rank(both) >= rank(whole) && rank(both) >= rank(part), "{whole} {part}");
            }
        }
    }

    #[test]
    fn relaunch_is_advised_only_where_it_helps() {
        assert_eq!(OutOfDate.relaunched(UpToDate), RelaunchAdvised);
        assert_eq!(OutOfDate.relaunched(SWHardeningNeeded), RelaunchAdvised);
        let advised = RelaunchAdvisedConfigurationNeeded;
        assert_eq!(OutOfDate.relaunched(ConfigurationNeeded), advised);
        assert_eq!(OutOfDateConfigurationNeeded.relaunched(UpToDate), advised);
        assert_eq!(OutOfDate.relaunched(OutOfDate), OutOfDate);
        assert_eq!(OutOfDate.relaunched(Revoked), Revoked);
        assert_eq!(UpToDate.relaunched(OutOfDate), OutOfDate);
    }
}
