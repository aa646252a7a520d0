//! Every check by name: why it matters, and what to do when it fails.
//!
//! The names are part of the interface: policies, reports and other people's scripts match on them.

/// The definition of one check.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// The stable name, dots from the general to the particular.
    pub id: &'static str,
    /// What an attacker could do if nobody looked.
    pub why: &'static str,
    /// What the operator or the auditor can do about it.
    pub fix: &'static str,
}

macro_rules! checks {
    ($($name:ident = $id:literal, $why:literal, $fix:literal;)*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $why)]
            pub static $name: Check = Check { id: $id, why: $why, fix: $fix };
        )*
        /// Every check that this version knows, for lists and documentation.
        pub static ALL: &[&Check] = &[$(&$name),*];
    };
}

checks! {
    SNP_REPORT_LENGTH = "snp.report.length",
        "bytes after the report would travel unverified",
        "pass the report of 1,184 bytes as the firmware returned it";
    SNP_REPORT_VERSION = "snp.report.version",
        "fields of an unknown version would be read at the wrong places",
        "update the verifier, or the firmware when the version is older than 2";
    SNP_REPORT_SIGNATURE = "snp.report.signature",
        "a report that the chip did not sign says nothing",
        "collect the report and its VCEK or VLEK from the same machine at the same TCB";
    SNP_CRL_SIGNATURE = "snp.crl.signature",
        "a forged revocation list hides revoked keys",
        "fetch the list for this product again from AMD's key distribution service";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_check_says_why_and_what_to_do() {
        let mut ids: Vec<_> = ALL.iter().map(|check| check.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
        assert!(ALL.iter().all(|check| !check.why.is_empty() && !check.fix.is_empty()));
    }
}
