//! What is sometimes given in place of JSON, known by its first bytes. Nothing is refused for it: it is a hint for whoever wonders
//! why every byte is wrong.

use std::fmt;

use crate::index_file::MAGIC;

/// What a text that is no JSON looks like.
///
/// ```
/// use spanwise_io::Foreign;
/// assert_eq!(Foreign::of(b"PAR1\x15\x04"), Some(Foreign::Parquet));
/// assert_eq!(Foreign::of(b"{\"resourceSpans\":[]}"), None);
/// assert_eq!(Foreign::Parquet.to_string(), "this looks like a Parquet file, not like JSON");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// Text in UTF-16, which `>` writes in older versions of `PowerShell`.
    Utf16,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC file.
    Arrow,
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
    /// Data that xz has compressed.
    Xz,
    /// Data that bzip2 has compressed.
    Bzip2,
    /// Data that LZ4 has compressed.
    Lz4,
    /// Data that gzip has compressed twice.
    Gzip,
    /// Data that Zstandard has compressed twice.
    Zstd,
    /// An index of ours.
    Index,
}

impl Foreign {
    /// What a text that begins so looks like. Of a text that was compressed it is what was in there.
    pub fn of(text: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| text.starts_with(magic);
        Some(match text {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..] => Self::Utf16,
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..] => Self::Bzip2,
            [0x1f, 0x8b, ..] => Self::Gzip,
            _ if begins(b"PAR1") => Self::Parquet,
            _ if begins(b"ARROW1") => Self::Arrow,
            _ if begins(b"PK\x03\x04") => Self::Zip,
            _ if begins(b"\xfd7zXZ\0") => Self::Xz,
            _ if begins(b"\x04\x22\x4d\x18") => Self::Lz4,
            _ if begins(b"\x28\xb5\x2f\xfd") => Self::Zstd,
            _ if begins(&MAGIC) => Self::Index,
            // Behind the name and the rest of a first member's head.
            _ if text.get(257..262) == Some(b"ustar") => Self::Tar,
            _ => return None,
        })
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Utf16 => return f.write_str("this looks like text in UTF-16; JSON is UTF-8"),
            Self::Index => return f.write_str("this looks like an index of spanwise, not like JSON"),
            Self::Parquet => "a Parquet file",
            Self::Arrow => "an Arrow file",
            Self::Zip => "a zip archive",
            Self::Tar => "a tar archive",
            Self::Xz => "xz data",
            Self::Bzip2 => "bzip2 data",
            Self::Lz4 => "LZ4 data",
            Self::Gzip => "gzip data that was compressed twice",
            Self::Zstd => "zstd data that was compressed twice",
        };
        write!(f, "this looks like {what}, not like JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell() {
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (text, expected) in [
            (&b"\xff\xfe{\0\"\0"[..], Some(Foreign::Utf16)),
            (b"\xfe\xff\0{\0\"", Some(Foreign::Utf16)),
            (b"{\0\"\0", Some(Foreign::Utf16)),
            (b"BZh91AY&SY", Some(Foreign::Bzip2)),
            (b"ARROW1\0\0", Some(Foreign::Arrow)),
            (b"PK\x03\x04\x14", Some(Foreign::Zip)),
            (b"\xfd7zXZ\0\0", Some(Foreign::Xz)),
            (b"\x04\x22\x4d\x18", Some(Foreign::Lz4)),
            (b"\x1f\x8b\x08", Some(Foreign::Gzip)),
            (b"\x28\xb5\x2f\xfd", Some(Foreign::Zstd)),
            (b"\x89SPWIDX\n\x01", Some(Foreign::Index)),
            (&tar, Some(Foreign::Tar)),
            (b"", None),
            (b"[", None),
            (b"BZh9 is no magic", None),
            (b"\xef\xbb\xbf{}", None),
        ] {
            assert_eq!(Foreign::of(text), expected, "{text:?}");
        }
    }
}
