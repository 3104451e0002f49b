//! The folders that Parquet files lie in: `date=2026-11-25/service=checkout`.

use arrow_array::temporal_conversions::date32_to_datetime;

/// The folder of rows without a service name: what engines read as null.
pub(crate) const NO_SERVICE: &str = "__HIVE_DEFAULT_PARTITION__";
/// The folder of services beyond the bound on folders, and of names too long for one. Their names stand in the column
/// `service_name`, as everybody's do.
pub(crate) const OTHER_SERVICES: &str = "__OTHER__";
/// Bytes of a folder's name after `service=`, at most.
const LONGEST: usize = 160;
const DAY_NANOS: u64 = 86_400_000_000_000;

/// How many folders one segment is spread over, at most. Each is an open file meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    partitions: usize,
    /// Days of which each has a folder of its own for the services beyond those; of others it is that of the delivery.
    days: usize,
}

impl Default for Spread {
    fn default() -> Self {
        Self { partitions: 128, days: 32 }
    }
}

impl Spread {
    const FEWEST: usize = 8;

    /// As far as so many files allow.
    pub(crate) fn within(files: usize) -> Self {
        let files = files.clamp(Self::FEWEST, Self::default().files());
        let days = files / 5;
        Self { partitions: files - days, days }
    }

    /// Folders, each of a day and a service.
    pub(crate) fn partitions(self) -> usize {
        self.partitions
    }

    /// All folders, those of days as well.
    pub(crate) fn files(self) -> usize {
        self.partitions + self.days
    }
}

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Partition {
    /// Days since 1970.
    pub(crate) day: i32,
    /// As it stands in the path.
    pub(crate) service: String,
}

impl Partition {
    /// The path below `spans`.
    pub(crate) fn path(&self) -> String {
        // Days that a time of 64 bits can have are all in the calendar.
        let date = date32_to_datetime(self.day).map(|time| time.date().to_string());
        format!("date={}/service={}", date.as_deref().unwrap_or(NO_SERVICE), self.service)
    }
}

/// The day of a span: that of its start, or where it has none of the delivery.
pub(crate) fn day(start: u64, received: u64) -> i32 {
    // Beyond i64 a time is null in the table too.
    let time = if start == 0 || i64::try_from(start).is_err() { received } else { start };
    i32::try_from(time / DAY_NANOS).unwrap_or_default()
}

/// A service's name as a folder's: all but letters, digits, `_`, `-` and inner dots in percent-encoding, as Hive, Spark,
/// `DuckDB`, polars and Arrow undo it.
pub(crate) fn service_folder(name: &str) -> String {
    if name.is_empty() {
        return NO_SERVICE.to_owned();
    }
    let mut folder = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || (byte == b'.' && at > 0);
        if plain {
            folder.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            // Writing to a string cannot fail.
            let _ = write!(folder, "%{byte:02X}");
        }
        if folder.len() > LONGEST {
            return OTHER_SERVICES.to_owned();
        }
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_folders_that_stay_below_the_store() {
        for (name, folder) in [
            ("checkout", "checkout"),
            ("Check_Out-2.eu", "Check_Out-2.eu"),
            ("", NO_SERVICE),
            ("..", "%2E."),
            (".hidden", "%2Ehidden"),
            ("a/../../b", "a%2F..%2F..%2Fb"),
            ("a=b c\n\0", "a%3Db%20c%0A%00"),
            ("zä", "z%C3%A4"),
            ("100%", "100%25"),
        ] {
            assert_eq!(service_folder(name), folder, "{name:?}");
        }
        assert_eq!(service_folder(&"x".repeat(160)), "x".repeat(160));
        assert_eq!(service_folder(&"x".repeat(161)), OTHER_SERVICES);
        assert_eq!(service_folder(&"ä".repeat(60)), OTHER_SERVICES);
    }

    #[test]
    fn the_day_is_that_of_the_start_or_of_the_delivery() {
        let received = 1_764_028_800_000_000_000;
        for (start, date) in [
            (1_700_000_000_000_000_000, "2023-11-14"),
            (1, "1970-01-01"),
            (0, "2025-11-25"),
            (u64::MAX, "2025-11-25"),
            (i64::MAX.cast_unsigned(), "2262-04-11"),
        ] {
            let partition = Partition { day: day(start, received), service: "s".into() };
            assert_eq!(partition.path(), format!("date={date}/service=s"));
        }
    }
}
