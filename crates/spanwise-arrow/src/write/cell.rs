//! A cell of any column as JSON.

use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType, UInt32Type,
};
use arrow_array::{Array, StructArray};
use arrow_schema::{DataType, TimeUnit};
use spanwise::write_json_string;

/// Appends the cell as JSON: times as ISO 8601 text, bytes as hex, maps and structs as objects, doubles without a JSON number
/// as text.
pub(super) fn write_json(array: &dyn Array, index: usize, out: &mut Vec<u8>) {
    if array.is_null(index) {
        out.extend_from_slice(b"null");
        return;
    }
    // Writing to a vector cannot fail.
    let _ = match array.data_type() {
        DataType::Utf8View => {
            write_json_string(array.as_string_view().value(index), out);
            Ok(())
        }
        DataType::Utf8 => {
            write_json_string(array.as_string::<i32>().value(index), out);
            Ok(())
        }
        DataType::Dictionary(..) => {
            write_json_string(word(array, index), out);
            Ok(())
        }
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(index)),
        DataType::UInt32 => write!(out, "{}", array.as_primitive::<UInt32Type>().value(index)),
        DataType::Float64 => {
            spanwise::ValueRef::Double(array.as_primitive::<Float64Type>().value(index)).write_json(out);
            Ok(())
        }
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(index)),
        DataType::Timestamp(unit, _) => {
            out.push(b'"');
            if *unit == TimeUnit::Microsecond {
                write_micros(array.as_primitive::<TimestampMicrosecondType>().value(index), out);
            } else {
                write_time(array.as_primitive::<TimestampNanosecondType>().value(index), out);
            }
            out.push(b'"');
            Ok(())
        }
        DataType::FixedSizeBinary(_) => {
            out.push(b'"');
            for byte in array.as_fixed_size_binary().value(index) {
                let _ = write!(out, "{byte:02x}");
            }
            out.push(b'"');
            Ok(())
        }
        DataType::Map(..) => {
            write_map(&array.as_map().value(index), out);
            Ok(())
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(index);
            out.push(b'[');
            for element in 0..list.len() {
                if element > 0 {
                    out.push(b',');
                }
                write_json(&list, element, out);
            }
            out.push(b']');
            Ok(())
        }
        DataType::Struct(fields) => {
            let members = array.as_struct();
            out.push(b'{');
            for (number, (field, member)) in fields.iter().zip(members.columns()).enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                write_json_string(field.name(), out);
                out.push(b':');
                write_json(member, index, out);
            }
            out.push(b'}');
            Ok(())
        }
        // A converter makes no other.
        _ => {
            out.extend_from_slice(b"null");
            Ok(())
        }
    };
}

fn write_map(entries: &StructArray, out: &mut Vec<u8>) {
    out.push(b'{');
    if let [keys, values] = entries.columns() {
        for entry in 0..entries.len() {
            if entry > 0 {
                out.push(b',');
            }
            write_json(keys, entry, out);
            out.push(b':');
            write_json(values, entry, out);
        }
    }
    out.push(b'}');
}

/// The word of a dictionary's cell.
pub(super) fn word(array: &dyn Array, index: usize) -> &str {
    let words = array.as_dictionary::<Int32Type>();
    words.key(index).map_or("", |key| words.values().as_string::<i32>().value(key))
}

/// Appends a time since the Unix epoch as ISO 8601, with nine digits of the second, in UTC.
pub(super) fn write_time(nanos: i64, out: &mut Vec<u8>) {
    let (seconds, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    write_second(seconds, out);
    let _ = write!(out, ".{nanos:09}Z");
}

/// The same with six digits.
fn write_micros(micros: i64, out: &mut Vec<u8>) {
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    write_second(seconds, out);
    let _ = write!(out, ".{micros:06}Z");
}

fn write_second(seconds: i64, out: &mut Vec<u8>) {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years begin in March here, so that the leap day is a year's last (Howard Hinnant, "chrono-compatible low-level date
    // algorithms", `civil_from_days`).
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
}

#[cfg(test)]
mod tests {
    use super::{write_micros, write_time};

    #[test]
    fn times_are_calendar_dates() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            let mut out = Vec::new();
            write_time(nanos, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        let mut out = Vec::new();
        write_micros(1_700_000_000_000_001, &mut out);
        assert_eq!(out, b"2023-11-14T22:13:20.000001Z");
    }
}
