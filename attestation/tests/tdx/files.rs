//! Files as people have them: padded quotes, and endorsements in several forms.

use sealroom_attestation::reader::ReadError;
use sealroom_attestation::tdx::{DecodeError, Quote, quote_from_file};

use crate::{quote, vector};

#[test]
fn the_buffers_padding_is_cut_off_and_everything_else_is_kept() {
    let file = vector("tdx/v4_td10_uptodate_quote.bin").unwrap();
    let cut = quote_from_file(&file).unwrap();
    assert_eq!((cut.len(), file.len()), (4936, 5006));
    assert!(Quote::decode(&cut).is_ok_and(|quote| quote.version == 4));
    let mut more = cut.clone();
    more.push(1);
    assert_eq!(quote_from_file(&more).unwrap(), more);
    let trailing = ReadError::Trailing { offset: 4936, left: 1 };
    assert_eq!(Quote::decode(&more), Err(DecodeError::Read(trailing)));
    let short = &cut[..4935];
    assert_eq!(quote_from_file(short).unwrap(), short);
}

#[test]
fn a_quote_of_an_unknown_version_is_still_a_quote() {
    let mut later = quote("v4_td10_uptodate");
    later[0] = 6;
    assert_eq!(quote_from_file(&later).unwrap(), later);
    assert_eq!(Quote::decode(&later), Err(DecodeError::Version { found: 6 }));
    assert_eq!(quote_from_file(b"hello"), None);
    assert_eq!(quote_from_file(&[4; 4000]), None);
}
