//! A checked policy as a list of rules: every key with its value, as a policy file spells them. What is not in the
//! list is not in the policy: each structure is taken apart field by field, so that a new one cannot be left out.

use std::fmt::{Display, Write};

use super::{
    Architecture, BulletinRules, DangerException, EventLogRules, Flag, GpuPolicy, Host, Pins,
    Platform, Policy, SnpPolicy, StatusGrace, TcbGrace, TdxFlag, TdxPolicy, UnknownBits,
    words::Word,
};

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyRule {
    /// The dotted key, as TOML writes it.
    pub key: String,
    /// The value, as TOML writes it.
    pub value: String,
}

/// Collects rules under one table.
struct Rules<'r> {
    table: String,
    rules: &'r mut Vec<PolicyRule>,
}

impl Rules<'_> {
    fn set(&mut self, key: &str, value: impl Into<String>) {
        let key = format!("{}{key}", self.table);
        self.rules.push(PolicyRule { key, value: value.into() });
    }

    fn optional(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.set(key, value.to_string());
        }
    }

    fn under(&mut self, key: &str) -> Rules<'_> {
        Rules { table: format!("{}{key}.", self.table), rules: self.rules }
    }
}

/// A basic string of TOML.
fn text(value: impl Display) -> String {
    let mut quoted = String::from("\"");
    for character in value.to_string().chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            hidden if hidden.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(hidden)).expect("writing to a string");
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn list(values: impl IntoIterator<Item = impl Display>) -> String {
    let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    format!("[{}]", values.join(", "))
}

fn words<T: Word>(values: impl IntoIterator<Item = T>) -> String {
    list(values.into_iter().map(|value| text(value.word())))
}

fn texts(values: impl IntoIterator<Item = impl Display>) -> String {
    list(values.into_iter().map(text))
}

fn digits(values: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    texts(values.into_iter().map(hex::encode))
}

impl Policy {
    /// Every rule, defaults included, in the order of the policy page. Written as a file they are the same policy.
    #[must_use]
    pub fn rules(&self) -> Vec<PolicyRule> {
        let Self {
            freshness,
            platforms,
            maximum_statement_lifetime,
            minimum_physical,
            hosts,
            bulletins,
            exceptions,
            snp,
            tdx,
            gpu,
            models,
        } = self;
        let mut all = Vec::new();
        let mut rules = Rules { table: String::new(), rules: &mut all };
        rules.set("freshness", text(freshness.word()));
        rules.set("platforms", words::<Platform>(platforms.iter().copied()));
        rules.optional("maximum_statement_lifetime", *maximum_statement_lifetime);
        rules.set("minimum_physical", text(minimum_physical.word()));
        exceptions.iter().for_each(|one| exception(one, &mut rules.under("danger_exceptions")));
        hosts.iter().for_each(|(name, host)| self::host(name, host, &mut rules.under("hosts")));
        self::bulletins(bulletins, &mut rules.under("bulletins"));
        self::snp(snp, &mut rules.under("snp"));
        self::tdx(tdx, &mut rules.under("tdx"));
        self::gpu(gpu, &mut rules.under("gpu"));
        for (name, manifests) in models {
            rules.under("models").set(&text(name), digits(manifests.iter().map(|one| one.0)));
        }
        all
    }
}

fn exception(one: &DangerException, rules: &mut Rules<'_>) {
    let DangerException { check, reason, until } = one;
    let mut rules = rules.under(&text(check.id));
    rules.set("reason", text(reason));
    rules.set("until", text(until));
}

fn host(name: &str, host: &Host, rules: &mut Rules<'_>) {
    let Host { physical, chips, platforms } = host;
    let mut rules = rules.under(&text(name));
    rules.set("physical", text(physical.word()));
    rules.set("chips", digits(chips));
    rules.set("platforms", digits(platforms));
}

fn bulletins(bulletins: &BulletinRules, rules: &mut Rules<'_>) {
    let BulletinRules { keys, need, maximum_age } = bulletins;
    rules.set("need", text(need.word()));
    rules.optional("maximum_age", *maximum_age);
    for (name, key) in keys {
        rules.under("keys").set(&text(name), text(hex::encode(key)));
    }
}

fn snp(snp: &SnpPolicy, rules: &mut Rules<'_>) {
    let SnpPolicy {
        generations,
        measurements,
        vmpls,
        revocation,
        minimum_tcb,
        grace,
        provisional_firmware,
        minimum_firmware,
        required_mitigations,
        flags,
        unknown_bits: UnknownBits { policy, platform },
        veks,
        chips_allowed,
        chips_denied,
        pins,
    } = snp;
    rules.set("generations", words(generations.iter().copied()));
    rules.set("vmpls", list(vmpls));
    rules.set("veks", words(veks.iter().copied()));
    rules.set("chips_allowed", digits(chips_allowed));
    rules.set("chips_denied", digits(chips_denied));
    rules.set("revocation", text(revocation.word()));
    rules.set("provisional_firmware", text(provisional_firmware.word()));
    rules.set("required_mitigations", required_mitigations.to_string());
    rules.set("unknown_policy_bits", policy.to_string());
    rules.set("unknown_platform_bits", platform.to_string());
    for (name, measurement) in measurements {
        rules.under("measurements").set(&text(name), text(measurement));
    }
    for (generation, floor) in minimum_tcb {
        components(floor, &mut rules.under("minimum_tcb").under(generation.word()));
    }
    for (generation, TcbGrace { floor, until }) in grace {
        let mut table = rules.under("grace");
        let mut rules = table.under(generation.word());
        rules.set("until", text(until));
        components(floor, &mut rules);
    }
    for (name, flag) in Flag::ALL {
        if let Some(rule) = flags.get(&flag) {
            rules.under("flags").set(name, text(rule.word()));
        }
    }
    if let Some(least) = minimum_firmware {
        let mut rules = rules.under("minimum_firmware");
        rules.set("major", least.major.to_string());
        rules.set("minor", least.minor.to_string());
        rules.set("build", least.build.to_string());
    }
    self::pins(pins, &mut rules.under("pins"));
}

fn components(floor: &sealroom_attestation::snp::TcbComponents, rules: &mut Rules<'_>) {
    rules.optional("fmc", floor.fmc);
    rules.set("boot_loader", floor.boot_loader.to_string());
    rules.set("tee", floor.tee.to_string());
    rules.set("snp", floor.snp.to_string());
    rules.set("microcode", floor.microcode.to_string());
}

fn pins(pins: &Pins, rules: &mut Rules<'_>) {
    let Pins { host_data, family_ids, image_ids, id_keys, author_keys, minimum_guest_svn } = pins;
    rules.set("host_data", digits(host_data));
    rules.set("image_ids", digits(image_ids));
    rules.set("family_ids", digits(family_ids));
    rules.set("id_keys", digits(id_keys));
    rules.set("author_keys", digits(author_keys));
    rules.set("minimum_guest_svn", minimum_guest_svn.to_string());
}

fn tdx(tdx: &TdxPolicy, rules: &mut Rules<'_>) {
    let TdxPolicy {
        images,
        statuses,
        grace,
        advisories_denied,
        minimum_evaluation,
        minimum_tcb_date,
        minimum_tee_tcb_svn,
        maximum_age,
        revocation,
        flags,
        modules,
        config_ids,
        owners,
        owner_configs,
        platforms_allowed,
        platforms_denied,
        event_log,
    } = tdx;
    rules.set("statuses", words(statuses.iter().copied()));
    rules.set("advisories_denied", texts(advisories_denied));
    rules.set("minimum_evaluation", minimum_evaluation.to_string());
    rules.optional("minimum_tcb_date", minimum_tcb_date.map(text));
    rules.optional("minimum_tee_tcb_svn", minimum_tee_tcb_svn.map(|svn| text(hex::encode(svn.0))));
    rules.optional("maximum_age", *maximum_age);
    rules.set("revocation", text(revocation.word()));
    rules.set("modules", texts(modules));
    rules.set("config_ids", texts(config_ids));
    rules.set("owners", texts(owners));
    rules.set("owner_configs", texts(owner_configs));
    rules.set("platforms_allowed", digits(platforms_allowed));
    rules.set("platforms_denied", digits(platforms_denied));
    for (name, image) in images {
        let mut table = rules.under("images");
        let mut rules = table.under(&text(name));
        rules.set("mrtd", text(image.mr_td));
        for (place, register) in image.rtmr.iter().enumerate() {
            rules.optional(&format!("rtmr{place}"), register.map(text));
        }
    }
    if let Some(StatusGrace { statuses, until }) = grace {
        let mut rules = rules.under("grace");
        rules.set("statuses", words(statuses.iter().copied()));
        rules.set("until", text(until));
    }
    for (name, flag) in TdxFlag::ALL {
        if let Some(rule) = flags.get(&flag) {
            rules.under("flags").set(name, text(rule.word()));
        }
    }
    self::event_log(event_log, &mut rules.under("event_log"));
}

fn event_log(log: &EventLogRules, rules: &mut Rules<'_>) {
    let EventLogRules { need, allowed, expected } = log;
    rules.set("need", text(need.word()));
    for (register, digests) in allowed {
        rules.under("allowed").set(&format!("rtmr{register}"), texts(digests));
    }
    for (name, event) in expected {
        let mut table = rules.under("expected");
        let mut rules = table.under(&text(name));
        rules.set("register", text(format!("rtmr{}", event.register)));
        rules.set("digests", texts(&event.digests));
    }
}

fn gpu(gpu: &GpuPolicy, rules: &mut Rules<'_>) {
    let GpuPolicy {
        required,
        count,
        architectures,
        modes,
        minimum_driver,
        drivers_denied,
        minimum_vbios,
        vbios_denied,
        reference_values,
        revocation,
        suspended_signers,
        maximum_rim_age,
        maximum_ocsp_age,
    } = gpu;
    rules.set("required", text(required.word()));
    rules.optional("count", *count);
    rules.set("architectures", words(architectures.iter().copied()));
    rules.set("modes", words(modes.iter().copied()));
    rules.optional("minimum_driver", minimum_driver.as_ref().map(text));
    rules.set("drivers_denied", texts(drivers_denied));
    for (architecture, least) in minimum_vbios {
        let name = match architecture {
            Architecture::Hopper => "hopper",
            Architecture::Blackwell => "blackwell",
        };
        rules.under("minimum_vbios").set(name, text(least));
    }
    rules.set("vbios_denied", texts(vbios_denied));
    rules.set("reference_values", text(reference_values.word()));
    rules.set("revocation", text(revocation.word()));
    rules.set("suspended_signers", text(suspended_signers.word()));
    rules.optional("maximum_rim_age", *maximum_rim_age);
    rules.optional("maximum_ocsp_age", *maximum_ocsp_age);
}
