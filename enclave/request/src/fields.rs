//! A JSON object taken apart parameter by parameter, so that every refusal can name one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::Invalid;

/// The parameters of one object that were not taken yet.
pub(crate) struct Fields<'a> {
    rest: BTreeMap<String, &'a RawValue>,
    /// Where the object stands: `messages[0].` or nothing.
    place: String,
}

impl<'a> Fields<'a> {
    /// Takes the object of a request apart.
    pub(crate) fn decode(json: &'a [u8]) -> Result<Self, Invalid> {
        let object: Object<'a> = serde_json::from_slice(json).map_err(|error| {
            // The parser's own words can quote the content: only the place is passed on.
            let (line, column) = (error.line(), error.column());
            let what =
                if error.is_data() { "a JSON object without repeated names" } else { "JSON" };
            let message = format!("line {line}, column {column}: not {what}");
            Invalid::new(message, None, "invalid_json")
        })?;
        Ok(Self { rest: object.0, place: String::new() })
    }

    /// Takes an object inside another one apart; `place` is its own name.
    pub(crate) fn inside(raw: &'a RawValue, place: &str) -> Result<Self, Invalid> {
        let object: Object<'a> = serde_json::from_str(raw.get())
            .map_err(|_| Invalid::kind(place, "an object without repeated names"))?;
        Ok(Self { rest: object.0, place: format!("{place}.") })
    }

    /// The full name of a parameter.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    /// Takes a parameter away; `null` is the same as absent.
    pub(crate) fn take<T: DeserializeOwned>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Invalid> {
        match self.take_raw(name) {
            Some(raw) => {
                serde_json::from_str(raw.get()).map(Some).map_err(|_| self.kind(name, expected))
            }
            None => Ok(None),
        }
    }

    /// Takes a whole number away. JSON has one kind of number: 8.0 and 8e0 are 8.
    pub(crate) fn integer(&mut self, name: &str, expected: &str) -> Result<Option<i64>, Invalid> {
        Ok(self.take::<Integer>(name, expected)?.map(|Integer(number)| number))
    }

    /// The same for what cannot be negative.
    pub(crate) fn count(&mut self, name: &str, expected: &str) -> Result<Option<usize>, Invalid> {
        let number = self.integer(name, expected)?;
        let count = |number| usize::try_from(number).map_err(|_| self.value(name, expected));
        number.map(count).transpose()
    }

    /// As [`Fields::take`], for a parameter that must be there.
    pub(crate) fn require<T: DeserializeOwned>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<T, Invalid> {
        self.take(name, expected)?.ok_or_else(|| Invalid::missing(&self.path(name)))
    }

    /// Takes a parameter away as it is written.
    pub(crate) fn take_raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.rest.remove(name).filter(|raw| raw.get() != "null")
    }

    /// As [`Fields::take_raw`], for a parameter that must be there.
    pub(crate) fn require_raw(&mut self, name: &str) -> Result<&'a RawValue, Invalid> {
        self.take_raw(name).ok_or_else(|| Invalid::missing(&self.path(name)))
    }

    /// Takes a list away, element by element.
    pub(crate) fn list(
        &mut self,
        name: &str,
        expected: &str,
        most: usize,
    ) -> Result<Vec<&'a RawValue>, Invalid> {
        let Some(raw) = self.take_raw(name) else { return Ok(Vec::new()) };
        let list: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| self.kind(name, expected))?;
        if list.len() > most {
            return Err(self.value(name, &format!("{expected}, {most} at most")));
        }
        Ok(list)
    }

    /// Takes a parameter that is understood with some values only.
    pub(crate) fn only(&mut self, name: &str, neutral: &[&str]) -> Result<(), Invalid> {
        match self.take_raw(name) {
            Some(raw) if !neutral.iter().any(|value| is_written(raw.get(), value)) => {
                let path = self.path(name);
                let values = neutral.join(" or ");
                let message =
                    format!("parameter {path} is not supported with this value: {values} expected");
                Err(Invalid::new(message, Some(&path), "unsupported_value"))
            }
            _ => Ok(()),
        }
    }

    /// The value is of another type.
    pub(crate) fn kind(&self, name: &str, expected: &str) -> Invalid {
        Invalid::kind(&self.path(name), expected)
    }

    /// The value is of the right type and still not allowed.
    pub(crate) fn value(&self, name: &str, expected: &str) -> Invalid {
        Invalid::value(&self.path(name), expected)
    }

    /// Refuses what was not taken: ignoring it would give another answer than was asked for.
    pub(crate) fn finish(self) -> Result<(), Invalid> {
        let mut rest = self.rest.iter().filter(|(_, raw)| raw.get() != "null");
        match rest.next() {
            Some((name, _)) => Err(Invalid::unsupported(&self.path(name))),
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

/// Up to here every integer is a double: what is greater means different numbers to different readers of JSON.
pub(crate) const MOST_INTEGER: i64 = 1 << 53;

pub(crate) struct Integer(pub(crate) i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let whole = |number: &f64| number.fract() == 0.0;
        let integer =
            number.as_i64().or_else(|| number.as_f64().filter(whole).map(|number| number as i64));
        let integer = integer.filter(|integer| (-MOST_INTEGER..=MOST_INTEGER).contains(integer));
        integer.map(Self).ok_or_else(|| serde::de::Error::custom("not an integer"))
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
