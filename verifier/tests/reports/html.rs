//! The page: everything of the verdict is on it, and nothing else gets in.

use std::{collections::BTreeSet, fs, path::Path};

use sealroom_attestation::Outcome;
use sealroom_verifier::{Decision, Verdict, report::html};

use crate::scene::{self, Board};

fn all() -> Vec<(&'static str, Verdict)> {
    vec![
        ("accepted_snp", scene::genoa(Some(&scene::genoa_policy()))),
        ("undecided_snp", scene::genoa(None)),
        ("refused_tdx", scene::trust_domain(true)),
        ("accepted_tdx", scene::trust_domain(false)),
        ("accepted_board", Board::default().verdict()),
        ("refused_board", Board { other_image: true, ..Board::default() }.verdict()),
        ("gpu", scene::gpu(true)),
        ("gpu_without_chain", scene::gpu(false)),
        ("nothing", scene::nothing()),
        ("excepted_snp", scene::genoa(Some(&scene::excepting_policy()))),
    ]
}

/// The pages lie in the target folder, for whoever wants to look at them.
#[test]
fn pages_of_every_kind_of_verdict_are_written() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).expect("a folder");
    for (name, verdict) in all() {
        fs::write(folder.join(format!("{name}.html")), html(&verdict)).expect("a page");
    }
}

#[test]
fn decisions_are_those_of_the_scenes() {
    let decisions: Vec<_> = all().into_iter().map(|(_, one)| one.decision).collect();
    let (good, bad, open) = (Decision::Accepted, Decision::Refused, Decision::Undecided);
    assert_eq!(decisions, [good, open, bad, good, good, bad, open, open, bad, good]);
}

#[test]
fn the_same_verdict_gives_the_same_bytes() {
    for ((name, one), (_, other)) in all().iter().zip(&all()) {
        assert_eq!(html(one), html(other), "{name}");
    }
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    for (name, verdict) in all() {
        let page = html(&verdict);
        for word in ["http://", "https://", "src=", "href=", "<script", "<link", "@import", "url("]
        {
            assert!(!page.contains(word), "{name} holds {word}");
        }
        assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"));
    }
}

#[test]
fn simulated_is_the_first_word_and_is_there_only_where_it_is_so() {
    for (name, verdict) in all() {
        let page = html(&verdict);
        let body = page.split("<body>").nth(1).expect("a body");
        let first = body.split(['<', '>']).map(str::trim).filter(|text| !text.is_empty());
        let words: Vec<_> = first.take(3).collect();
        assert_eq!(words.contains(&"SIMULATED"), verdict.simulated(), "{name}: {words:?}");
        assert_eq!(page.contains("SIMULATED"), verdict.simulated(), "{name}");
    }
}

#[test]
fn every_check_is_on_the_page_with_its_reason() {
    for (name, verdict) in all() {
        let page = html(&verdict);
        for row in verdict.ledger.findings() {
            let head = format!("scope=\"row\">{}</th>", row.check.id);
            assert!(page.contains(&head), "{name}: {}", row.check.id);
            assert!(page.contains(&row.check.why.replace('\'', "&#39;")), "{}", row.check.id);
        }
    }
}

#[test]
fn what_was_not_checked_is_exactly_what_did_not_run() {
    for (name, verdict) in all() {
        let page = html(&verdict);
        let section = page.split("<h2 id=\"open\">").nth(1).expect("the section");
        let listed = section.split("scope=\"row\">").skip(1);
        let listed: BTreeSet<_> = listed.filter_map(|text| text.split('<').next()).collect();
        let open = verdict
            .ledger
            .findings()
            .iter()
            .filter(|row| matches!(row.outcome, Outcome::Missing | Outcome::NotGiven));
        let open: BTreeSet<_> = open.map(|row| row.check.id).collect();
        assert_eq!(listed, open, "{name}");
    }
}

#[test]
fn failed_checks_come_first_then_open_ones_then_passed_ones() {
    let page = html(&scene::trust_domain(true));
    let table = page.split("<h2 id=\"checks\">").nth(1).expect("the section");
    let table = table.split("</section>").next().expect("its end");
    let classes = table.split("<tr role=\"row\" class=\"").skip(1);
    let classes: Vec<_> = classes.filter_map(|row| row.split('"').next()).collect();
    let order = |class: &&str| ["bad", "open", "dim", "good"].iter().position(|one| one == class);
    let order: Vec<_> = classes.iter().map(order).collect();
    assert!(order.is_sorted() && order.first() == Some(&Some(0)), "{classes:?}");
}

#[test]
fn names_of_others_stay_text() {
    let model = "</dd><script>alert(\"1\")</script>\u{202e}&'";
    let page = html(&Board { model, ..Board::default() }.verdict());
    assert!(!page.contains("<script") && !page.contains(['\u{202e}', '\u{1b}']));
    let shown = "&lt;/dd&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;\u{fffd}&amp;&#39;";
    assert!(page.contains(shown));
    assert!(
        html(&Board { model: "plain", ..Board::default() }.verdict()).contains("<dd>plain</dd>")
    );
}

#[test]
fn a_platform_that_is_behind_is_shown_with_what_it_needs() {
    let behind = html(&scene::trust_domain(true));
    for words in ["TDX_01 ISV SVN", "INTEL-SA-01192", "OutOfDate", "What is behind"] {
        assert!(behind.contains(words), "{words}");
    }
    assert!(!html(&scene::trust_domain(false)).contains("What is behind"));
}

#[test]
fn chains_name_their_roots_and_whether_anybody_trusts_them() {
    let real = html(&scene::genoa(None));
    assert!(real.contains("ARK-Genoa") && real.contains("pinned in this program"));
    let board = html(&Board::default().verdict());
    assert!(board.contains("SIMULATED: a test key that was accepted on purpose"));
    for device in ["GPU 0: report of", "GPU 7: report of", "switch 3: report of", "RIM: VBIOS"] {
        assert!(board.contains(device), "{device}");
    }
    assert!(html(&scene::nothing()).contains("No certificate could be read."));
}

/// Every element that is opened is closed, in order.
#[test]
fn elements_are_nested() {
    let void = ["meta", "br", "!DOCTYPE"];
    for (name, verdict) in all() {
        let page = html(&verdict);
        let mut open = Vec::new();
        for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
            let word = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
            match (tag.starts_with('/'), tag.ends_with('/') || void.contains(&word)) {
                (true, _) => assert_eq!(open.pop(), Some(word), "{name}: </{word}>"),
                (false, true) => {}
                (false, false) => open.push(word),
            }
        }
        assert_eq!(open, Vec::<&str>::new(), "{name}");
    }
}
