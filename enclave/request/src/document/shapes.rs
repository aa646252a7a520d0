//! Words for schemas. Everything optional may be `null`, and unknown names may be there as `null` alone.

use serde_json::Value;
use utoipa::openapi::schema::{
    AnyOfBuilder, Array, ArrayBuilder, Object, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

/// An object of a request.
pub(super) struct Fields(ObjectBuilder);

impl Fields {
    pub(super) fn new() -> Self {
        Self(ObjectBuilder::new().schema_type(Type::Object))
    }

    /// A parameter that must be there.
    pub(super) fn must(self, name: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        Self(self.0.property(name, schema).required(name))
    }

    /// A parameter that may be there.
    pub(super) fn may(self, name: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        Self(self.0.property(name, or_null(schema)))
    }

    /// A parameter that is accepted, and changes nothing.
    pub(super) fn ignores(self, name: &str) -> Self {
        Self(self.0.property(name, anything()))
    }

    pub(super) fn description(self, text: &str) -> Self {
        Self(self.0.description(Some(text)))
    }

    /// Nothing else may be there, but for names without a value.
    pub(super) fn build(self) -> Schema {
        let null: RefOr<Schema> = Schema::from(Object::with_type(Type::Null)).into();
        Schema::Object(self.0.additional_properties(Some(null)).build())
    }

    /// Anything else may be there.
    pub(super) fn open(self) -> Schema {
        Schema::Object(self.0.build())
    }
}

pub(super) fn or_null(schema: impl Into<RefOr<Schema>>) -> Schema {
    any_of([schema.into(), Schema::from(Object::with_type(Type::Null)).into()])
}

pub(super) fn any_of(schemas: impl IntoIterator<Item = RefOr<Schema>>) -> Schema {
    let any = schemas.into_iter().fold(AnyOfBuilder::new(), |any, one| any.item(one));
    Schema::AnyOf(any.build())
}

pub(super) fn anything() -> Schema {
    Schema::Object(Object::with_type(SchemaType::AnyValue))
}

pub(super) fn text() -> Schema {
    Schema::Object(Object::with_type(Type::String))
}

pub(super) fn some_text() -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).build())
}

pub(super) fn text_of(least: usize, most: usize) -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(least));
    Schema::Object(text.max_length(Some(most)).build())
}

pub(super) fn name() -> Schema {
    let name = ObjectBuilder::new().schema_type(Type::String);
    Schema::Object(name.pattern(Some("^[A-Za-z0-9_-]{1,64}$")).build())
}

pub(super) fn one_of(values: &[&str]) -> Schema {
    let values: Vec<Value> = values.iter().map(|&value| value.into()).collect();
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values)).build())
}

/// Exactly this value.
pub(super) fn only(kind: Type, value: impl Into<Value>) -> Schema {
    let values = Some([value.into()]);
    Schema::Object(ObjectBuilder::new().schema_type(kind).enum_values(values).build())
}

pub(super) fn flag() -> Schema {
    Schema::Object(Object::with_type(Type::Boolean))
}

pub(super) fn number(least: f64, most: f64) -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(least));
    Schema::Object(number.maximum(Some(most)).build())
}

pub(super) fn any_number() -> Schema {
    Schema::Object(Object::with_type(Type::Number))
}

pub(super) fn integer(least: i64, most: i64) -> Schema {
    let integer = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least as f64));
    Schema::Object(integer.maximum(Some(most as f64)).build())
}

pub(super) fn list(of: impl Into<RefOr<Schema>>, least: usize, most: usize) -> Schema {
    let list = ArrayBuilder::new().items(of.into()).min_items(Some(least)).max_items(Some(most));
    Schema::Array(list.build())
}

/// A list that is not empty. Its most is not told: what is longer than a body may be is refused for that.
pub(super) fn some(of: impl Into<RefOr<Schema>>) -> Schema {
    Schema::Array(ArrayBuilder::new().items(of.into()).min_items(Some(1)).build())
}

pub(super) fn any_list(of: impl Into<RefOr<Schema>>) -> Schema {
    Schema::Array(Array::new(of))
}

pub(super) fn named(schema: &str) -> RefOr<Schema> {
    Ref::from_schema_name(schema).into()
}
