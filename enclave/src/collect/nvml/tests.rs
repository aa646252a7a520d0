//! Against a library that is loaded and called as a driver's is. What it says in confidential mode follows NVIDIA's header
//! and source: no GPU in that mode was ever asked.

use std::path::Path;
use std::sync::Arc;

use sealroom_attestation::evidence::GpuClass;
use sealroom_attestation::gpu::{
    ChainError, GpuError, Report, ReportError, SetError, report_from_file,
};
use sealroom_forge::{Fake, GpuClass as Kind};

use super::*;
use crate::clock::SystemClock;

mod fake;

use fake::{Machine, NONCE};

/// Why a machine that is almost like the accepted one did not start. Its GPUs stay closed.
fn refused(machine: &Machine) -> CollectError {
    let error = machine.start().err().expect("one thing is wrong");
    assert!(!machine.accepts_work(), "opened in spite of: {error}");
    error
}

#[test]
fn gpus_accept_work_once_every_one_answered_the_nonce() {
    let machine = Machine::new(2);
    let gpus = machine.start().expect("two genuine GPUs");
    assert!(machine.accepts_work() && !gpus.have_stopped());
    for asked in ["asked.0", "asked.1"] {
        assert_eq!(machine.read(asked).as_deref(), Some(&NONCE[..]));
    }
    machine.answering([8; 32]);
    let entries = gpus.collect(&[8; 32]).expect("the next answers");
    for (place, entry) in (0..).zip(&entries) {
        let shown = Fake::gpu([3; 32]).place(place).nonce([8; 32]).sign();
        assert_eq!((&entry.report, &entry.chain), (&shown.report, &shown.chain_pem));
    }
    assert_eq!(entries.len(), 2);
}

/// A genuine H100's report of driver 550.90.07 and its certificates, under NVIDIA's own root.
#[test]
fn a_genuine_report_is_accepted_under_the_pinned_root() {
    let machine = Machine::empty(Anchors::production());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attestation/testdata/gpu");
    let file = |name| std::fs::read(folder.join(name)).expect("real evidence");
    let report = report_from_file(&file("hopper_550_90_07_report.hex")).expect("a report");
    let nonce = Report::decode(GpuClass::Hopper, &report).expect("one report").nonce;
    machine.write("report.0", &report);
    machine.write("chain.0", &file("hopper_550_90_07_chain.pem"));
    machine.set("count", 1);
    let gpus = machine.start_asking(&nonce).expect("genuine");
    assert_eq!(gpus.collect(&nonce).map(|entries| entries[0].report == report), Ok(true));
    assert!(machine.accepts_work());
}

#[test]
fn blackwell_is_read_by_its_own_rules() {
    let machine = Machine::of(vec![Fake::gpu([3; 32]).class(Kind::Blackwell)]);
    machine.set("architecture", 10);
    let gpus = machine.start().expect("a genuine GPU");
    let entries = gpus.collect(&NONCE).expect("its answer");
    assert_eq!(entries[0].class, GpuClass::Blackwell);
}

#[test]
fn gpus_that_are_open_already_are_verified_all_the_same() {
    let machine = Machine::new(1);
    machine.set("ready", 1);
    machine.set("nvmlSystemSetConfComputeGpusReadyState", 2);
    machine.start().map(drop).expect("nothing is set a second time");
    machine.set("developer", 1);
    let error = machine.start().err();
    assert_eq!(error, Some(NvmlError::from(StateError::Developer).into()));
}

#[test]
fn refuses_a_machine_that_is_not_confidential_before_anything_is_asked() {
    let table = [
        ("feature", 0, StateError::Off.into()),
        ("developer", 1, StateError::Developer.into()),
        ("environment", 1, StateError::Environment { found: 1 }.into()),
        ("several", 1, NvmlError::Switches),
    ];
    for (setting, value, error) in table {
        let machine = Machine::new(1);
        machine.set(setting, value);
        assert_eq!(refused(&machine), CollectError::Nvml(error), "{setting} = {value}");
        assert_eq!(machine.read("asked.0"), None, "{setting} = {value}");
    }
}

#[test]
fn refuses_no_gpu_and_more_than_a_bundle_has() {
    for found in [0, 33] {
        let machine = Machine::new(1);
        machine.set("count", found);
        assert_eq!(refused(&machine), NvmlError::Number { found }.into());
    }
}

#[test]
fn refuses_another_architecture_by_name() {
    let machine = Machine::new(1);
    machine.set("architecture", 8);
    let error = refused(&machine);
    assert_eq!(error, NvmlError::Architecture { gpu: 0, found: 8 }.into());
    let told = "GPU 0 is of architecture 8 (ada): hopper or blackwell expected";
    assert_eq!(error.to_string(), told);
}

/// Both buffers are filled up with zeros: their whole lengths are accepted, and no byte more.
#[test]
fn refuses_lengths_that_the_buffers_do_not_have() {
    let table = [("report", 0x2000_usize), ("chain", 0x1400)];
    for (name, limit) in table {
        let size = format!("{name}_size");
        let machine = Machine::new(1);
        machine.set(&size, limit);
        let gpus = machine.start().expect("the whole buffer");
        let entries = gpus.collect(&NONCE).expect("the whole buffer");
        assert!(entries[0].report.len() < 0x2000 && entries[0].chain.ends_with(b"-----\n"));

        let part = if name == "chain" { "certificates" } else { "report" };
        for found in [limit as u32 + 1, u32::MAX] {
            let machine = Machine::new(1);
            machine.set(&size, found);
            let error = NvmlError::Length { gpu: 0, part, found, limit };
            assert_eq!(refused(&machine), error.into());
        }
    }
}

#[test]
fn refuses_a_driver_that_returns_no_report() {
    let machine = Machine::new(2);
    machine.write("report.1", b"");
    assert_eq!(refused(&machine), NvmlError::Report { gpu: 1 }.into());
}

#[test]
fn refuses_a_report_over_another_nonce() {
    let machine = Machine::new(1);
    machine.answering([8; 32]);
    let reason = Box::new(GpuError::Report(ReportError::Nonce));
    let error = SetError::Device { device: "GPU 0".to_owned(), reason };
    assert_eq!(refused(&machine), NvmlError::Refused(error).into());
}

#[test]
fn refuses_certificates_of_another_vendor_and_of_another_gpu() {
    let machine = Machine::new(2);
    let foreign = Fake::gpu([3; 32]).place(1).other_vendor().nonce(NONCE).sign();
    machine.write("chain.1", &foreign.chain_pem);
    let error = refused(&machine);
    assert!(
        matches!(
            &error,
            CollectError::Nvml(NvmlError::Refused(SetError::Device { device, reason }))
                if device == "GPU 1"
                    && matches!(&**reason, GpuError::Chain(ChainError::RootNotPinned { .. }))
        ),
        "{error}"
    );

    let machine = Machine::new(2);
    let other = Fake::gpu([3; 32]).place(0).sign();
    machine.write("chain.1", &other.chain_pem);
    let reason = Box::new(GpuError::Report(ReportError::Signature));
    let error = SetError::Device { device: "GPU 1".to_owned(), reason };
    assert_eq!(refused(&machine), NvmlError::Refused(error).into());
}

#[test]
fn refuses_each_call_that_fails_by_name_and_number() {
    let table = [
        "nvmlInit_v2",
        "nvmlDeviceGetCount_v2",
        "nvmlSystemGetConfComputeSettings",
        "nvmlDeviceGetHandleByIndex_v2",
        "nvmlDeviceGetArchitecture",
        "nvmlDeviceGetConfComputeGpuAttestationReport",
        "nvmlDeviceGetConfComputeGpuCertificate",
        "nvmlSystemGetConfComputeGpusReadyState",
    ];
    for name in table {
        let machine = Machine::new(1);
        machine.set(name, 999);
        let error = refused(&machine);
        assert_eq!(error, NvmlError::Call { name, code: 999 }.into());
        assert_eq!(error.to_string(), format!("{name} failed with 999: unknown"));
    }
    let machine = Machine::new(1);
    let name = "nvmlSystemSetConfComputeGpusReadyState";
    machine.set(name, 4);
    let error = machine.start().err();
    assert_eq!(error, Some(NvmlError::Call { name, code: 4 }.into()));
}

#[test]
fn refuses_gpus_that_stay_closed() {
    let machine = Machine::new(1);
    machine.set("stuck", 1);
    assert_eq!(refused(&machine), NvmlError::NotReady.into());
}

#[test]
fn gpus_that_closed_are_lost_for_this_boot() {
    let machine = Machine::new(1);
    let gpus = machine.start().expect("a genuine GPU");
    machine.set("ready", 0);
    assert_eq!(gpus.collect(&NONCE), Err(NvmlError::NotReady.into()));
    assert!(gpus.have_stopped());
    machine.set("ready", 1);
    assert_eq!(gpus.collect(&NONCE), Err(NvmlError::Stopped.into()));
}

#[test]
fn another_number_of_gpus_than_at_the_start_is_final() {
    for found in [1, 3] {
        let machine = Machine::new(2);
        let gpus = machine.start().expect("two genuine GPUs");
        machine.set("count", found);
        let error = NvmlError::Count { found, expected: 2 };
        assert_eq!(gpus.collect(&NONCE), Err(error.into()));
        assert!(gpus.have_stopped());
    }
}

#[test]
fn evidence_that_is_refused_is_final() {
    let machine = Machine::new(1);
    let gpus = machine.start().expect("a genuine GPU");
    let error = gpus.collect(&[8; 32]).expect_err("still the first answer");
    assert!(matches!(&error, CollectError::Nvml(NvmlError::Refused(_))), "{error}");
    assert!(gpus.have_stopped());
}

#[test]
fn a_call_that_failed_once_may_be_made_again() {
    let machine = Machine::new(1);
    let gpus = machine.start().expect("a genuine GPU");
    let name = "nvmlDeviceGetConfComputeGpuAttestationReport";
    machine.set(name, 10);
    assert_eq!(gpus.collect(&NONCE), Err(NvmlError::Call { name, code: 10 }.into()));
    machine.set(name, 0);
    assert_eq!(gpus.collect(&NONCE).map(|entries| entries.len()), Ok(1));
    assert!(!gpus.have_stopped());
}

#[test]
fn says_which_library_is_missing_and_which_function() {
    let machine = Machine::new(1).with_an_old_library();
    let name = "nvmlSystemGetConfComputeSettings";
    assert_eq!(refused(&machine), NvmlError::Symbol { name }.into());

    let nowhere = Path::new("/nonexistent/nvml.so");
    let clock = Arc::new(SystemClock::new());
    let error = Nvml::start_with(nowhere, Anchors::production(), &NONCE, clock).err();
    assert!(
        matches!(
            &error,
            Some(CollectError::Nvml(NvmlError::Library { name, .. })) if name == "/nonexistent/nvml.so"
        ),
        "{error:?}"
    );
}

/// Changes nothing on the machine: the GPUs are asked, and opened by nobody.
#[test]
#[ignore = "needs a GPU and NVIDIA's driver; docs/engine.md has the command"]
fn real_driver_says_what_it_is() {
    let clock = Arc::new(SystemClock::new());
    let gpus = Gpus::find(Path::new(LIBRARY), Anchors::production(), clock).expect("a driver");
    let settings = gpus.library.settings().expect("its settings");
    println!("{} GPUs, {settings:?}, open: {:?}", gpus.count, gpus.library.accepts_work());
    for gpu in 0..gpus.count {
        println!("GPU {gpu}: architecture {:?}", gpus.library.architecture(gpu));
        println!("  report: {:?}", gpus.library.report(gpu, &NONCE).map(|answer| answer.size));
        let certificates = gpus.library.certificates(gpu);
        println!("  certificates: {:?}", certificates.map(|answer| answer.attestation_size));
    }
    let evidence = gpus.evidence(&NONCE);
    match settings.feature | settings.several {
        0 => assert_eq!(evidence.err(), Some(StateError::Off.into())),
        _ => assert_eq!(evidence.map(|(entries, _)| entries.len()), Ok(gpus.count as usize)),
    }
}
