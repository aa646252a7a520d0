//! What is shown is what the decoders of the attestation crate say.

use sealroom_attestation::{
    gpu,
    snp::{self, Generation},
    tdx::{self, Body},
};
use sealroom_verifier::{Evidence, explain::explain};

use crate::evidence::{bundles, forged, real, statement};
use crate::value;

fn all() -> impl Iterator<Item = (String, Evidence)> {
    real().into_iter().chain(forged())
}

#[test]
fn reports_of_sev_snp_agree_with_their_decoder() {
    let mut seen = 0;
    for (name, evidence) in all() {
        let Evidence::SnpReport(bytes) = &evidence else { continue };
        let report = snp::Report::decode(bytes).expect("a report");
        let documents = explain(&evidence).expect("a report");
        let shown = |field: &str| value(&documents, &format!("snp-report/{field}")).to_owned();
        assert_eq!(shown("VERSION"), report.version.to_string(), "{name}");
        assert_eq!(shown("MEASUREMENT"), report.measurement.to_string(), "{name}");
        assert_eq!(shown("REPORT_DATA"), report.report_data.to_string(), "{name}");
        assert_eq!(shown("CHIP_ID"), report.chip_id.to_string(), "{name}");
        assert_eq!(shown("HOST_DATA"), hex::encode(report.host_data), "{name}");
        assert_eq!(shown("VMPL"), report.vmpl.to_string(), "{name}");
        for (flag, bit) in snp::GuestPolicy::FLAGS {
            let name = flag.to_uppercase().replace("RESERVED_ONE", "reserved_one");
            let expected = ((report.policy.0 >> bit) & 1).to_string();
            assert_eq!(shown(&format!("POLICY/{name}")), expected, "{name}");
        }
        assert_eq!(shown("POLICY/ABI_MAJOR"), report.policy.abi_major().to_string());
        for (flag, bit) in snp::PlatformInfo::FLAGS {
            let expected = ((report.platform_info.0 >> bit) & 1).to_string();
            assert_eq!(shown(&format!("PLATFORM_INFO/{}", flag.to_uppercase())), expected);
        }
        let generation = report.cpuid.map(|cpuid| Generation::from_cpuid(cpuid).expect("known"));
        let tcbs = [
            ("CURRENT", report.current_tcb),
            ("REPORTED", report.reported_tcb),
            ("COMMITTED", report.committed_tcb),
            ("LAUNCH", report.launch_tcb),
        ];
        for (which, tcb) in tcbs {
            let tcb = tcb.components(generation.unwrap_or(Generation::Genoa));
            let part = |part: &str| shown(&format!("{which}_TCB/{part}"));
            assert_eq!(part("BOOT_LOADER"), tcb.boot_loader.to_string(), "{name}");
            assert_eq!(part("TEE"), tcb.tee.to_string(), "{name}");
            assert_eq!(part("SNP"), tcb.snp.to_string(), "{name}");
            assert_eq!(part("MICROCODE"), tcb.microcode.to_string(), "{name}");
            if let Some(fmc) = tcb.fmc {
                assert_eq!(part("FMC"), fmc.to_string(), "{name}");
            }
        }
        let version = report.committed_version;
        assert_eq!(shown("COMMITTED_MINOR"), version.minor.to_string(), "{name}");
        if let Some(launch) = report.launch_mitigations {
            assert_eq!(shown("LAUNCH_MIT_VECTOR"), format!("{launch:#x}"), "{name}");
        }
        seen += 1;
    }
    assert!(seen >= 16, "{seen}");
}

#[test]
fn quotes_agree_with_their_decoder() {
    let mut seen = 0;
    for (name, evidence) in all() {
        let Evidence::TdxQuote(bytes) = &evidence else { continue };
        let quote = tdx::Quote::decode(bytes).expect("a quote");
        let documents = explain(&evidence).expect("a quote");
        let shown = |field: &str| value(&documents, &format!("quote/{field}")).to_owned();
        assert_eq!(shown("header/version"), quote.version.to_string(), "{name}");
        assert_eq!(shown("header/user data"), hex::encode(quote.user_data), "{name}");
        assert_eq!(shown("signature/attestation key"), hex::encode(quote.attestation_key));
        assert_eq!(shown("body/REPORTDATA"), hex::encode(quote.body.report_data()), "{name}");
        let qe = &quote.qe.report;
        assert_eq!(shown("QE report/MRSIGNER"), hex::encode(qe.mr_signer), "{name}");
        assert_eq!(shown("QE report/ISVSVN"), qe.isv_svn.to_string(), "{name}");
        assert_eq!(shown("QE report/REPORTDATA"), hex::encode(qe.report_data), "{name}");
        let authentication = shown("certification/QE authentication data");
        assert_eq!(authentication, hex::encode(&quote.qe.auth_data), "{name}");
        match &quote.body {
            Body::Enclave(report) => {
                assert_eq!(shown("body/MRENCLAVE"), hex::encode(report.mr_enclave), "{name}");
                assert_eq!(shown("body/ISVPRODID"), report.isv_prod_id.to_string(), "{name}");
                assert_eq!(shown("body/ATTRIBUTES/DEBUG"), u8::from(report.debug()).to_string());
            }
            Body::Td(report) => td(&name, report, &shown),
        }
        seen += 1;
    }
    assert!(seen >= 13, "{seen}");
}

fn td(name: &str, report: &tdx::TdReport, shown: &dyn Fn(&str) -> String) {
    assert_eq!(shown("body/MRTD"), report.mr_td.to_string(), "{name}");
    assert_eq!(shown("body/MRSEAM"), report.mr_seam.to_string(), "{name}");
    assert_eq!(shown("body/MRCONFIGID"), report.mr_config_id.to_string(), "{name}");
    assert_eq!(shown("body/TEE_TCB_SVN"), report.tee_tcb_svn.to_string(), "{name}");
    for (index, rtmr) in report.rtmr.iter().enumerate() {
        assert_eq!(shown(&format!("body/RTMR{index}")), rtmr.to_string(), "{name}");
    }
    for (flag, bit) in tdx::TdAttributes::FLAGS {
        let expected = u8::from(report.attributes.has(*bit)).to_string();
        assert_eq!(shown(&format!("body/TDATTRIBUTES/{}", flag.to_uppercase())), expected);
    }
    assert_eq!(shown("body/XFAM"), report.xfam.to_string(), "{name}");
    let module = report.tee_tcb_svn.module_version().to_string();
    assert_eq!(shown("body/TEE_TCB_SVN/module major"), module, "{name}");
    let Some(td15) = &report.td15 else { return };
    assert_eq!(shown("body/TEE_TCB_SVN2"), td15.tee_tcb_svn2.to_string(), "{name}");
    assert_eq!(shown("body/MRSERVICETD"), td15.mr_service_td.to_string(), "{name}");
    let Some(extended) = &td15.extended else { return };
    assert_eq!(shown("body/TD_ID"), hex::encode(extended.td_id), "{name}");
    assert_eq!(shown("body/CUR_SERVTD_HASH"), extended.current_service_td.to_string());
}

/// Every bit that the list names is one that a TD may have, and no other.
#[test]
fn the_named_bits_of_xfam_are_those_that_a_td_may_have() {
    let (_, evidence) =
        forged().into_iter().find(|(name, _)| name == "quote 4 Td10").expect("a quote");
    let documents = explain(&evidence).expect("a quote");
    let bits = documents[0].lines.iter().filter(|line| line.path.starts_with("quote/body/XFAM/"));
    let bit = |meaning: &str| -> u32 {
        let bit = meaning.strip_prefix("bit ").and_then(|rest| rest.split(':').next());
        bit.expect("a bit").parse().expect("a number")
    };
    let named = bits.fold(0_u64, |all, line| all | (1 << bit(&line.meaning)));
    assert_eq!(named, tdx::Xfam::ALLOWED);
}

#[test]
fn reports_of_devices_agree_with_their_decoder() {
    let mut seen = 0;
    for (name, evidence) in all() {
        let Evidence::GpuReport(bytes) = &evidence else { continue };
        let entry = gpu::entry_from_files(bytes, &[]).expect("a report");
        let report = gpu::Report::decode(entry.class, bytes).expect("a report");
        let documents = explain(&evidence).expect("a report");
        let shown = |field: &str| value(&documents, &format!("gpu-report/{field}")).to_owned();
        let opaque = |field: &str| shown(&format!("response/opaque/{field}/{field}"));
        assert_eq!(shown("request/Nonce"), hex::encode(report.nonce), "{name}");
        assert_eq!(shown("response/Nonce"), hex::encode(report.responder_nonce), "{name}");
        for (index, digest) in report.measurements.iter().enumerate() {
            let path = format!("response/block {}/DMTFSpecMeasurementValue", index + 1);
            assert_eq!(shown(&path), hex::encode(digest), "{name}");
        }
        let quoted = |text: &str| format!("\"{text}\"");
        let vbios = opaque("VBIOS_VERSION");
        assert!(vbios == report.fields.vbios || vbios == quoted(&report.fields.vbios), "{name}");
        if let Some(device) = report.fields.gpu() {
            assert_eq!(opaque("DRIVER_VERSION"), quoted(&device.driver), "{name}");
            assert_eq!(opaque("PROJECT"), quoted(&device.project), "{name}");
        }
        if let Some(switch) = report.fields.switch() {
            assert_eq!(opaque("DEVICE_PDI"), switch.pdi.to_string(), "{name}");
        }
        if let Some(fwid) = report.fields.fwid {
            assert_eq!(opaque("FWID"), hex::encode(fwid), "{name}");
        }
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn bundles_agree_with_what_was_put_in() {
    for (name, bundle) in bundles() {
        use sealroom_attestation::cbor::Item as _;
        let documents = explain(&Evidence::Bundle(bundle.encode())).expect("a bundle");
        let shown = |path: &str| value(&documents, path).to_owned();
        assert_eq!(shown("bundle/statement"), hex::encode(&bundle.statement), "{name}");
        assert_eq!(shown("bundle/key configurations"), hex::encode(&bundle.kem_keys), "{name}");
        let statement = statement();
        assert_eq!(shown("bundle/statement/identity"), statement.identity.to_string(), "{name}");
        assert_eq!(shown("bundle/statement/KEM epoch"), "300", "{name}");
        let issued = "1780272000 (2026-06-01T00:00:00Z)";
        assert_eq!(shown("bundle/statement/issued at"), issued, "{name}");
        assert_eq!(shown("bundle/manifest/file 1 size"), "70000", "{name}");
        assert_eq!(shown("bundle/manifest/parameter a/0/b"), "\"\u{202e}turned\"", "{name}");
        assert_eq!(shown("bundle/configuration/setting padding"), "\"bucket\"", "{name}");
        for (index, entry) in bundle.gpus.iter().enumerate() {
            let chain = String::from_utf8(entry.chain.clone()).expect("PEM");
            assert_eq!(shown(&format!("bundle/GPU {index} chain")), chain, "{name}");
        }
    }
}
