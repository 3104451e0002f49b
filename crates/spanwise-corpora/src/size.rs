//! Sizes as people write them.

/// The number of bytes that a text such as `20MiB` says: digits, and `B`, `KiB`, `MiB`, `GiB` or no unit, which is bytes.
///
/// ```
/// assert_eq!(spanwise_corpora::parse_size("20MiB"), Ok(20 << 20));
/// assert_eq!(spanwise_corpora::parse_size("1 MB"), Err("1 MB: write a whole number of B, KiB, MiB or GiB".to_owned()));
/// ```
///
/// # Errors
///
/// What is no such text, and what is more than 64 bits hold, in words for people.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit_at);
    let unit: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    let size = digits.parse::<u64>().ok().filter(|_| unit != 0);
    let size = size.ok_or_else(|| format!("{text}: write a whole number of B, KiB, MiB or GiB"))?;
    size.checked_mul(unit).ok_or_else(|| format!("{text}: too large"))
}
