//! Endorsements in which anything differs are refused: ten thousand of them.

use std::collections::BTreeMap;

use sealroom_attestation::endorsements::Endorsements;
use sealroom_tests::vendors::Vendors;
use sealroom_verifier::endorsements::{Entry, Resource, verify};

use super::{
    NOW,
    desk::{Machine, folder, gathered, machines, services, store, vendors},
};

const MUTANTS: usize = 10_000;

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed, the same mutants.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a length")
    }
}

/// One byte changed, left out, or put in.
fn mutated(files: &[Vec<u8>], random: &mut Random) -> Vec<Vec<u8>> {
    let mut files = files.to_vec();
    let file = random.below(files.len());
    let at = random.below(files[file].len());
    match random.below(4) {
        0 => drop(files[file].remove(at)),
        1 => files[file].insert(at, random.next().to_le_bytes()[0]),
        _ => files[file][at] ^= 1 << random.below(8),
    }
    files
}

fn decoded(files: &[Vec<u8>]) -> Option<Endorsements> {
    let mut all = Endorsements::default();
    files.iter().try_for_each(|file| all.add_file(file)).ok().map(|()| all)
}

/// A statement that was verified, and what stands above it.
struct Genuine<'m> {
    machine: &'m Machine,
    resource: Resource,
    entry: std::sync::Arc<Entry>,
    above: Endorsements,
}

async fn all_genuine<'m>(vendors: &Vendors, machines: &'m [Machine]) -> Vec<Genuine<'m>> {
    let mut genuine = Vec::new();
    for machine in machines {
        let folder = folder();
        let online = store(folder.path(), Some(services(vendors)), machine);
        let gathered = gathered(&online, machine, NOW).await;
        let above = machine.needs().above;
        let mut chain = Endorsements::default();
        for (resource, asked) in &gathered.found {
            if above.contains(resource) {
                asked
                    .entry
                    .files
                    .iter()
                    .for_each(|file| chain.add_file(file).expect("read before"));
            }
        }
        for (resource, asked) in gathered.found {
            let above =
                if above.contains(&resource) { Endorsements::default() } else { chain.clone() };
            genuine.push(Genuine { machine, resource, entry: asked.entry, above });
        }
    }
    genuine
}

/// What comes along unasked was never held against the ratchet.
#[tokio::test]
async fn endorsements_that_come_along_with_another_are_refused() {
    let vendors = vendors();
    let machines = machines(&vendors);
    let genuine = all_genuine(&vendors, &machines).await;
    let mut refused = 0;
    for one in &genuine {
        for other in genuine.iter().filter(|other| other.resource != one.resource) {
            let key_beside_chain = matches!(
                (&one.resource, &other.resource),
                (Resource::AmdChain { .. }, Resource::AmdKey { .. })
            );
            if key_beside_chain {
                // Certificates have no edition that could go back.
                continue;
            }
            let both = [one.entry.files.clone(), other.entry.files.clone()].concat();
            let (above, anchors) = (&one.above, one.machine.anchors());
            let unfit =
                verify(&one.resource, &both, above, &anchors, NOW).expect_err("a passenger");
            assert_eq!(
                unfit.check.id, "endorsements.subject",
                "{} {}",
                one.resource, other.resource
            );
            refused += 1;
        }
        let alone =
            verify(&one.resource, &one.entry.files, &one.above, &one.machine.anchors(), NOW);
        assert_eq!(alone.as_ref(), Ok(&one.entry.statement), "{}", one.resource);
    }
    println!("{refused} passengers refused");
}

/// Each alone would count; together they would outgrow what is read at once, and refuse every quote.
#[tokio::test]
async fn endorsements_with_more_certificates_than_a_chain_has_are_refused() {
    let vendors = vendors();
    let machines = machines(&vendors);
    let genuine = all_genuine(&vendors, &machines).await;
    let chained = |one: &&Genuine<'_>| {
        decoded(&one.entry.files).is_some_and(|own| !own.tdx.certificates.is_empty())
    };
    let mut refused = 0;
    for one in genuine.iter().filter(chained) {
        let chain = one.entry.files.last().expect("a chain").clone();
        let files = [one.entry.files.clone(), vec![chain]].concat();
        let (above, anchors) = (&one.above, one.machine.anchors());
        let unfit = verify(&one.resource, &files, above, &anchors, NOW).expect_err("four of them");
        assert_eq!(unfit.check.id, "endorsements.subject", "{}", one.resource);
        refused += 1;
    }
    assert_eq!(refused, 3, "a list and two documents come with their chains");
}

#[tokio::test]
async fn endorsements_that_differ_in_anything_are_refused() {
    let vendors = vendors();
    let machines = machines(&vendors);
    let genuine = all_genuine(&vendors, &machines).await;
    let seed = u64::from_le_bytes(sealroom_tests::world::seed()[..8].try_into().expect("8 bytes"));
    println!("seed {seed}, {} statements", genuine.len());
    let mut random = Random(seed);
    let (mut made, mut accepted) = (0, Vec::new());
    let mut refused = BTreeMap::<&str, usize>::new();
    while made < MUTANTS {
        let Genuine { machine, resource, entry, above } = &genuine[random.below(genuine.len())];
        let files = mutated(&entry.files, &mut random);
        let now_says = decoded(&files);
        if now_says.is_some() && now_says == decoded(&entry.files) {
            continue;
        }
        made += 1;
        match verify(resource, &files, above, &machine.anchors(), NOW) {
            Ok(_) => accepted.push(resource.to_string()),
            Err(unfit) => *refused.entry(unfit.check.id).or_default() += 1,
        }
    }
    println!("mutants accepted: {} of {MUTANTS}; refused by {refused:?}", accepted.len());
    assert_eq!(accepted, Vec::<String>::new());
}
