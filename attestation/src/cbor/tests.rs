use super::*;

#[derive(Debug, PartialEq)]
struct Pair(BTreeMap<String, String>);

impl Item for Pair {
    const NAME: &'static str = "pair";
    const LIMIT: usize = 40;

    fn write(&self, out: &mut Writer) {
        out.map(2).number(1).number(1).number(2).texts(&self.0);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(2)?;
        from.version()?;
        from.key(2)?;
        Ok(Self(from.texts()?))
    }
}

fn refused(bytes: &[u8]) -> CborError {
    Pair::decode(bytes).expect_err("must be refused")
}

#[test]
fn accepts_the_one_encoding_with_shorter_keys_first() {
    let bytes = b"\xa2\x01\x01\x02\xa2\x61b\x60\x62aa\x60";
    let pair = Pair::decode(bytes).expect("deterministic");
    assert_eq!(pair.encode(), bytes);
}

#[test]
fn refuses_every_other_encoding_of_the_same_content() {
    let other: [&[u8]; 5] = [
        b"\xa2\x01\x01\x02\xa2\x62aa\x60\x61b\x60", // keys in another order
        b"\xa2\x01\x01\x02\xa2\x61b\x60\x61b\x60",  // a key twice
        b"\xa2\x01\x18\x01\x02\xa1\x61b\x60",       // a long integer
        b"\xa2\x01\x01\x02\xa1\x61b\x60\x00",       // a trailing byte
        b"\xa2\x01\x01\x02\xa1\x78\x01b\x60",       // a long length
    ];
    for bytes in other {
        assert_eq!(refused(bytes), CborError::NotDeterministic { item: "pair" });
    }
}

#[test]
fn refuses_indefinite_lengths_tags_controls_and_unknown_versions() {
    let malformed = |offset, reason| CborError::Malformed { item: "pair", offset, reason };
    assert_eq!(refused(b"\xbf\xff"), malformed(1, "a map of definite length"));
    assert_eq!(refused(b"\xa2\x01\x01\x02\xc0\xa0"), malformed(4, "a map"));
    let control = malformed(8, "a text without control characters");
    assert_eq!(refused(b"\xa2\x01\x01\x02\xa1\x62a\n\x60"), control);
    let version = CborError::Unsupported { item: "pair", field: "version", found: 2 };
    assert_eq!(refused(b"\xa2\x01\x02\x02\xa0"), version);
}

#[test]
fn refuses_long_input_before_reading_it() {
    assert_eq!(refused(&[0xff; 41]), CborError::TooLong { item: "pair", found: 41, limit: 40 });
    assert_eq!(
        refused(&[0xff; 40]),
        CborError::Malformed { item: "pair", offset: 0, reason: "a map" }
    );
}
