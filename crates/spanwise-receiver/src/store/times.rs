//! Times in microseconds, for engines that refuse Parquet files with nanoseconds.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMicrosecondType, TimestampNanosecondType};
use arrow_array::{Array as _, ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

/// The unit of all timestamps in the Parquet files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeSetting {
    /// As they were sent. `DuckDB`, polars and pyarrow read them.
    #[default]
    Nanoseconds,
    /// Without the last three digits, which Spark wants; `duration_ns` keeps them.
    Microseconds,
}

impl TimeSetting {
    /// The schema of a table whose times are in nanoseconds, with times in this unit.
    pub(crate) fn schema(self, schema: &SchemaRef) -> SchemaRef {
        match self {
            Self::Nanoseconds => Arc::clone(schema),
            Self::Microseconds => {
                let fields: Vec<FieldRef> = schema.fields().iter().map(micros).collect();
                Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
            }
        }
    }

    /// The table with the times that `schema` says.
    pub(crate) fn convert(self, table: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        if self == Self::Nanoseconds {
            return Ok(table);
        }
        let columns = table.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| in_micros(column, field));
        RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)
    }
}

/// The array with times in microseconds, as `field` has them: what [`micros`] made of the array's own.
fn in_micros(array: &ArrayRef, field: &FieldRef) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == field.data_type() {
        return Ok(Arc::clone(array));
    }
    let other = || ArrowError::CastError("a column is not of its type".to_owned());
    Ok(match field.data_type() {
        DataType::List(element) => {
            let list = array.as_list_opt::<i32>().ok_or_else(other)?;
            let values = in_micros(list.values(), element)?;
            let nulls = list.nulls().cloned();
            Arc::new(ListArray::try_new(Arc::clone(element), list.offsets().clone(), values, nulls)?)
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct_opt().ok_or_else(other)?;
            let columns = parts.columns().iter().zip(fields);
            let columns = columns.map(|(column, field)| in_micros(column, field));
            let columns = columns.collect::<Result<_, _>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, parts.nulls().cloned())?)
        }
        _ => {
            let times = array.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(other)?;
            let times = times.unary::<_, TimestampMicrosecondType>(|nanos| nanos.div_euclid(1000));
            Arc::new(times.with_data_type(field.data_type().clone()))
        }
    })
}

/// The field with times in microseconds, wherever in it they are.
fn micros(field: &FieldRef) -> FieldRef {
    let kind = match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        DataType::List(element) => DataType::List(micros(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(micros).collect()),
        _ => return Arc::clone(field),
    };
    Arc::new(Field::clone(field).with_data_type(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanwise_arrow::{ArrowOptions, Converter};

    #[test]
    fn all_times_lose_three_digits_and_nothing_else_changes() {
        let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
            {"name":"a","startTimeUnixNano":"1764028800123456789","endTimeUnixNano":"0",
             "events":[{"name":"e","timeUnixNano":"1999"}]},{"name":"b"}]}]}]}"#;
        let mut converter = Converter::new(&ArrowOptions::default()).unwrap();
        let table = converter.convert(&spanwise::decode(json).unwrap()).unwrap();
        let same = TimeSetting::Nanoseconds;
        assert_eq!(same.schema(&table.schema()), table.schema());
        assert_eq!(same.convert(table.clone(), &table.schema()).unwrap(), table);

        let schema = TimeSetting::Microseconds.schema(&table.schema());
        let micros = TimeSetting::Microseconds.convert(table.clone(), &schema).unwrap();
        assert_eq!(micros.schema(), schema);
        let times =
            |name: &str| micros.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>();
        assert_eq!(
            (times("start_time").value(0), times("start_time").is_null(1)),
            (1_764_028_800_123_456, true)
        );
        assert!(times("end_time").is_null(0));
        let events = micros.column_by_name("events").unwrap().as_list::<i32>().values().as_struct().clone();
        let of_events = events.column_by_name("time").unwrap();
        assert_eq!(of_events.as_primitive::<TimestampMicrosecondType>().value(0), 1);
        for (index, field) in table.schema().fields().iter().enumerate() {
            if !["start_time", "end_time", "events"].contains(&field.name().as_str()) {
                assert_eq!(micros.column(index), table.column(index), "{field:?}");
            }
        }
        assert!(!format!("{schema:?}").contains("Nanosecond"), "{schema:?}");
    }
}
