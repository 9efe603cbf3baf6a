//! What forms and answers hold, and how the document writes it.

use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, Array, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required};

/// A member of a form or an answer.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) text: &'static str,
}

/// What a member is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    OneOf(&'static [&'static str]),
    Number,
    Flag,
    List,
    Any,
    Object,
}

pub(super) const fn member(name: &'static str, kind: Kind, text: &'static str) -> Member {
    Member { name, kind, required: false, text }
}

pub(super) const fn required(name: &'static str, kind: Kind, text: &'static str) -> Member {
    Member { name, kind, required: true, text }
}

/// A shape that the document names.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) members: &'static [&'static [Member]],
}

impl Member {
    pub(super) fn parameter(&self, place: ParameterIn) -> ParameterBuilder {
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(place)
            .required(if self.required { Required::True } else { Required::False })
            .description(Some(self.text))
            .schema(Some(self.kind.schema("")))
    }
}

impl Shape {
    pub(super) fn schema(&self) -> Object {
        let mut object = ObjectBuilder::new()
            .description(Some(self.text))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)));
        for member in self.members.iter().copied().flatten() {
            object = object.property(member.name, member.kind.schema(member.text));
            if member.required {
                object = object.required(member.name);
            }
        }
        object.build()
    }
}

impl Kind {
    fn schema(self, text: &str) -> RefOr<Schema> {
        let plain = |kind| ObjectBuilder::new().schema_type(kind);
        let object = match self {
            Self::Text => plain(Type::String),
            Self::OneOf(values) => plain(Type::String).enum_values(Some(values.iter().copied())),
            Self::Number => plain(Type::Integer),
            Self::Flag => plain(Type::Boolean),
            Self::List => {
                let mut list = Array::new(plain(Type::String).build());
                list.description = (!text.is_empty()).then(|| text.to_owned());
                return RefOr::T(Schema::Array(list));
            }
            Self::Any => plain(Type::Array),
            Self::Object => plain(Type::Object),
        };
        let description = (!text.is_empty()).then_some(text);
        RefOr::T(Schema::Object(object.description(description).build()))
    }
}
