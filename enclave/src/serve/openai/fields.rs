//! A JSON object taken apart parameter by parameter, so that every refusal can name one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use sealroom_engine::PrivateText;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::ApiError;

/// The parameters of one object that were not taken yet.
pub(super) struct Fields<'a> {
    rest: BTreeMap<String, &'a RawValue>,
    /// Where the object stands, for messages: `messages[0].` or nothing.
    place: String,
}

impl<'a> Fields<'a> {
    /// Takes a JSON object apart.
    pub(super) fn decode(json: &'a [u8], place: String) -> Result<Self, ApiError> {
        let object: Object<'a> = serde_json::from_slice(json).map_err(|error| {
            // The parser's own words can quote the content: only the place is passed on.
            let (line, column) = (error.line(), error.column());
            let what =
                if error.is_data() { "a JSON object without repeated names" } else { "JSON" };
            let message = format!("line {line}, column {column}: not {what}");
            ApiError::invalid(message, None, "invalid_json")
        })?;
        Ok(Self { rest: object.0, place })
    }

    /// Takes a parameter away; `null` is the same as absent.
    pub(super) fn take<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, ApiError> {
        match self.take_raw(name) {
            Some(raw) => {
                serde_json::from_str(raw.get()).map(Some).map_err(|_| self.wrong(name, expected))
            }
            None => Ok(None),
        }
    }

    /// As [`Fields::take`], for a parameter that must be there.
    pub(super) fn require<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, ApiError> {
        self.take(name, expected)?.ok_or_else(|| {
            let message = format!("parameter {}{name} is required", self.place);
            ApiError::invalid(message, Some(name), "missing_required_parameter")
        })
    }

    /// Takes a parameter away as it is written.
    pub(super) fn take_raw(&mut self, name: &'static str) -> Option<&'a RawValue> {
        self.rest.remove(name).filter(|raw| raw.get() != "null")
    }

    /// Takes a parameter that this node understands with one value only.
    pub(super) fn only(&mut self, name: &'static str, neutral: &[&str]) -> Result<(), ApiError> {
        match self.take_raw(name) {
            Some(raw) if !neutral.iter().any(|value| is_written(raw.get(), value)) => {
                let message = format!(
                    "parameter {}{name} is not supported with this value: {} expected",
                    self.place,
                    neutral.join(" or ")
                );
                Err(ApiError::invalid(message, Some(name), "unsupported_value"))
            }
            _ => Ok(()),
        }
    }

    /// The value is of another type, or out of range.
    pub(super) fn wrong(&self, name: &str, expected: &str) -> ApiError {
        let message = format!("parameter {}{name} is not {expected}", self.place);
        ApiError::invalid(message, Some(name), "invalid_type")
    }

    /// Refuses what was not taken: ignoring it would give another answer than was asked for.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        let mut rest = self.rest.iter().filter(|(_, raw)| raw.get() != "null");
        match rest.next() {
            Some((name, _)) => Err(ApiError::unsupported(&format!("{}{name}", self.place))),
            None => Ok(()),
        }
    }
}

/// Whether `json` is `value`, however much white space stands between its tokens.
fn is_written(json: &str, value: &str) -> bool {
    let (mut in_string, mut escaped) = (false, false);
    let tokens = json.bytes().filter(|byte| {
        if !in_string {
            in_string = *byte == b'"';
            return !byte.is_ascii_whitespace();
        }
        in_string = escaped || *byte != b'"';
        escaped = !escaped && *byte == b'\\';
        true
    });
    tokens.eq(value.bytes())
}

struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = BTreeMap<String, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = BTreeMap::new();
                while let Some((name, raw)) = map.next_entry::<String, &'de RawValue>()? {
                    match found.entry(name) {
                        Entry::Vacant(place) => drop(place.insert(raw)),
                        // Two parsers could read two requests in it.
                        Entry::Occupied(_) => {
                            return Err(serde::de::Error::custom("repeated name"));
                        }
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_map(Names).map(Object)
    }
}

/// A JSON string that wipes itself.
pub(super) struct Text(pub(super) PrivateText);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(PrivateText::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_counts_inside_strings_alone() {
        let value = r#"{"a b":["\"c "]}"#;
        assert!(is_written(value, value));
        assert!(is_written("{ \"a b\" :\n\t[ \"\\\"c \" ] }", value));
        for other in [r#"{"ab":["\"c "]}"#, r#"{"a b":["\"c"]}"#, r#"{"a b":["c "]}"#] {
            assert!(!is_written(other, value), "{other}");
        }
    }
}
