//! What all record batches of a converter have in common, made once: types of nested columns, words, lists without elements.
//!
//! A small request has some hundred strings and buffers less to allocate for it than for the rest of its columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray, new_empty_array};
use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};

use crate::{ArrowOptions, Ids, Layout, Names, Times};

/// See the module's head.
#[derive(Debug, Clone)]
pub(crate) struct Shapes {
    /// Key and value of a map of attributes, and the one child that holds them.
    pub(crate) map: Nested,
    /// The same of maps whose values are text, whatever the layout.
    pub(crate) text_map: Nested,
    /// The members of a value in the typed layout.
    pub(crate) typed: Fields,
    /// The element of a list of events.
    pub(crate) event: Nested,
    /// The element of a list of links.
    pub(crate) link: Nested,
    /// The time zone of times.
    pub(crate) zone: Arc<str>,
    /// Their unit, and the type with both.
    pub(crate) times: Times,
    pub(crate) time: DataType,
    /// The known words of span kinds and status codes, by number.
    pub(crate) kinds: ArrayRef,
    pub(crate) status_codes: ArrayRef,
}

/// A struct, the field that holds it, and a column of it with no row.
#[derive(Debug, Clone)]
pub(crate) struct Nested {
    pub(crate) fields: Fields,
    pub(crate) item: FieldRef,
    pub(crate) none: ArrayRef,
}

impl Nested {
    fn new(name: &str, fields: Vec<Field>) -> Self {
        let fields = Fields::from(fields);
        let data_type = DataType::Struct(fields.clone());
        let none = new_empty_array(&data_type);
        Self { fields, item: Arc::new(Field::new(name, data_type, false)), none }
    }
}

impl Shapes {
    pub(crate) fn new(options: &ArrowOptions) -> Self {
        let ArrowOptions { layout, ids, names, .. } = *options;
        let zone: Arc<str> = "UTC".into();
        let typed = Fields::from(vec![
            Field::new("str", DataType::Utf8View, true),
            Field::new("int", DataType::Int64, true),
            Field::new("double", DataType::Float64, true),
            Field::new("bool", DataType::Boolean, true),
            Field::new("json", DataType::Utf8View, true),
        ]);
        let entries = |value| {
            let key = Field::new("key", DataType::Utf8View, false);
            Nested::new("entries", vec![key, Field::new("value", value, true)])
        };
        let text_map = entries(DataType::Utf8View);
        let map = match layout {
            Layout::Map => text_map.clone(),
            Layout::Typed => entries(DataType::Struct(typed.clone())),
        };
        let name = |ours, theirs| if names == Names::ClickHouse { theirs } else { ours };
        let attributes =
            Field::new(name("attributes", "Attributes"), DataType::Map(Arc::clone(&map.item), false), false);
        let dropped =
            Field::new(name("dropped_attributes_count", "DroppedAttributesCount"), DataType::UInt32, false);
        let unit = match options.times {
            Times::Nanoseconds => TimeUnit::Nanosecond,
            Times::Microseconds => TimeUnit::Microsecond,
        };
        let time = DataType::Timestamp(unit, Some(Arc::clone(&zone)));
        let event = vec![
            Field::new(name("time", "Timestamp"), time.clone(), true),
            Field::new(name("name", "Name"), DataType::Utf8View, false),
            attributes.clone(),
            dropped.clone(),
        ];
        let link = vec![
            id(name("trace_id", "TraceId"), ids, 16),
            id(name("span_id", "SpanId"), ids, 8),
            Field::new(name("trace_state", "TraceState"), DataType::Utf8View, false),
            Field::new(name("flags", "Flags"), DataType::UInt32, false),
            attributes,
            dropped,
        ];
        let (event, link) = (Nested::new("item", event), Nested::new("item", link));
        let words = |words: &[&str]| Arc::new(StringArray::from_iter_values(words)) as ArrayRef;
        Self {
            map,
            text_map,
            typed,
            event,
            link,
            zone,
            times: options.times,
            time,
            kinds: words(KINDS),
            status_codes: words(STATUS_CODES),
        }
    }
}

const KINDS: &[&str] = &["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUS_CODES: &[&str] = &["unset", "ok", "error"];

/// The field of an id of so many bytes.
pub(crate) fn id(name: &str, ids: Ids, bytes: i32) -> Field {
    match ids {
        Ids::Text => Field::new(name, DataType::Utf8View, false),
        Ids::Binary => Field::new(name, DataType::FixedSizeBinary(bytes), true),
    }
}
