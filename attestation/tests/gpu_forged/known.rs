//! What is remembered changes nothing: the first verdict, the second, and the one after something genuine.

use sealroom_attestation::UnixTime;
use sealroom_attestation::gpu::Known;

use crate::endorsed::everything;
use crate::scene::{NOW, One, Set, fake, hgx};

fn board() -> Set {
    let board = hgx().nonce([3; 32]);
    Set::from(board.clone()).with(everything(&board, |_| ())).asking([3; 32])
}

fn known<T>(scene: &crate::scene::Scene<T>) -> Known {
    Known::new(&scene.endorsements, scene.anchors.clone())
}

/// The verdict on a board, in words: claims and rows, or the reason and what was claimed.
fn verdict(known: &Known, scene: &Set, now: u64) -> String {
    format!("{:?}", known.verify_set(&scene.evidence, scene.nonce.as_ref(), UnixTime(now)))
}

#[test]
fn a_board_that_was_seen_before_gets_the_same_verdict() {
    let scene = board();
    let cold = format!("{:?}", scene.verify());
    assert!(cold.starts_with("Ok"), "{cold}");
    let known = known(&scene);
    for _ in 0..3 {
        assert_eq!(verdict(&known, &scene, NOW), cold);
    }
}

#[test]
fn a_device_that_was_seen_before_gets_the_same_verdict() {
    let scene = One::from(fake());
    let cold = format!("{:?}", scene.verify());
    let known = known(&scene);
    for _ in 0..3 {
        let warm = known.verify(&scene.evidence, None, UnixTime(NOW));
        assert_eq!(format!("{warm:?}"), cold);
    }
}

#[test]
fn what_is_remembered_ends_with_what_was_signed() {
    let scene = board();
    let known = known(&scene);
    assert!(verdict(&known, &scene, NOW).starts_with("Ok"));
    let later = NOW + 601;
    let cold = format!("{:?}", scene.clone().at(later).verify());
    assert!(cold.starts_with("Err") && cold.contains("gpu.ocsp.validity"), "{cold}");
    assert_eq!(verdict(&known, &scene, later), cold);
}

#[test]
fn a_change_is_refused_after_the_genuine_as_before_it() {
    let genuine = board();
    let changes: [fn(&mut Set); 4] = [
        |scene| scene.evidence[2].report[40] ^= 1,
        |scene| *scene.evidence[2].report.last_mut().expect("a report") ^= 1,
        |scene| scene.evidence[2].chain = scene.evidence[3].chain.clone(),
        |scene| scene.evidence.swap(1, 8),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = genuine.clone();
        change(&mut changed);
        let cold = format!("{:?}", changed.verify());
        let known = known(&genuine);
        assert!(verdict(&known, &genuine, NOW).starts_with("Ok"));
        assert_eq!(verdict(&known, &changed, NOW), cold, "change {number}");
        assert_eq!(cold.starts_with("Ok"), number == 3, "change {number}: {cold}");
    }
}
