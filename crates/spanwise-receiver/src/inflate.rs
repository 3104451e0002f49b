//! Undoing the compression of a body, within a bound.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use crate::answer::{Answer, Bound};
use crate::budget::Reservation;

/// The largest window that a zstd frame over HTTP may ask for: 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;
const FIRST_BUFFER: usize = 64 << 10;

/// The compression of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// What `Content-Encoding` says; `None` for what is not known, and for more than one.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Some(Self::Identity) };
        if values.next().is_some() {
            return None;
        }
        let value = value.to_str().ok()?.trim();
        let is = |name: &str| value.eq_ignore_ascii_case(name);
        if value.is_empty() || is("identity") {
            Some(Self::Identity)
        } else if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else if is("zstd") {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// The body without its compression, at most `limit` bytes. What is held is taken from `memory`.
    pub(crate) fn inflate(
        self,
        body: Bytes,
        limit: usize,
        memory: &mut Reservation,
    ) -> Result<Bytes, Answer> {
        let inflated = match self {
            Self::Identity => return Ok(body),
            Self::Gzip => read(MultiGzDecoder::new(&body[..]), limit, memory)?,
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(&body[..]).map_err(|_| broken())?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| Answer::Internal)?;
                memory.take(1 << ZSTD_WINDOW_LOG)?;
                let inflated = read(decoder, limit, memory);
                inflated?
            }
        };
        drop(body);
        memory.shrink_to(inflated.capacity());
        Ok(inflated.into())
    }
}

fn broken() -> Answer {
    Answer::Invalid { message: "the body's compression is broken".to_owned(), field: None }
}

/// What is wrong, in a sentence. A frame that is whole, and only asks for too much, can be sent in another way.
fn failed(error: &std::io::Error) -> Answer {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<zstd::Error>());
    if inner.is_some_and(|inner| inner.is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge)) {
        let most = 1 << ZSTD_WINDOW_LOG;
        let message = format!("the body's zstd frame wants a window of more than {most} bytes");
        return Answer::Invalid { message, field: None };
    }
    broken()
}

/// Reads to the end, and takes memory before it grows.
fn read(mut input: impl Read, limit: usize, memory: &mut Reservation) -> Result<Vec<u8>, Answer> {
    let mut out: Vec<u8> = Vec::new();
    let mut len = 0;
    loop {
        if len == out.len() {
            if len > limit {
                return Err(Answer::TooLarge(Bound::Inflated(limit)));
            }
            // One more than the bound, to see that there is more.
            let size = (len * 2).max(FIRST_BUFFER).min(limit.saturating_add(1)).max(len + 1);
            memory.take(size - len)?;
            out.reserve_exact(size - len);
            out.resize(size, 0);
        }
        match input.read(out.get_mut(len..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    if len > limit {
        return Err(Answer::TooLarge(Bound::Inflated(limit)));
    }
    out.truncate(len);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use http::HeaderValue;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(encoding: Encoding, body: Vec<u8>, limit: usize, budget: usize) -> Result<Bytes, Answer> {
        let budget = Budget::new(budget);
        let mut memory = budget.reserve();
        let inflated = encoding.inflate(body.into(), limit, &mut memory);
        if let Ok(bytes) = &inflated {
            assert!(encoding == Encoding::Identity || memory.bytes() >= bytes.len());
        }
        inflated
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for len in [0, 1, 1000, FIRST_BUFFER, FIRST_BUFFER + 1, 1 << 20] {
            let text: Vec<u8> = (0..len).map(|n: usize| u8::try_from(n % 251).unwrap()).collect();
            let bodies = [
                (Encoding::Identity, text.clone()),
                (Encoding::Gzip, gzip(&text)),
                (Encoding::Zstd, zstd::encode_all(&text[..], 3).unwrap()),
            ];
            for (encoding, body) in bodies {
                for limit in [len, len + 1, 1 << 30, usize::MAX] {
                    assert_eq!(
                        inflate(encoding, body.clone(), limit, 1 << 30).unwrap(),
                        text,
                        "{encoding:?} {len}"
                    );
                }
                if len > 0 && encoding != Encoding::Identity {
                    assert_eq!(
                        inflate(encoding, body, len - 1, 1 << 30),
                        Err(Answer::TooLarge(Bound::Inflated(len - 1)))
                    );
                }
            }
        }
    }

    #[test]
    fn members_of_gzip_are_joined() {
        let body = [gzip(b"{}"), gzip(b"\n")].concat();
        assert_eq!(inflate(Encoding::Gzip, body, 100, 1 << 20).unwrap(), "{}\n");
    }

    #[test]
    fn bombs_end_at_the_bound_or_at_the_budget() {
        let zeros = vec![0; 64 << 20];
        for (encoding, bomb) in
            [(Encoding::Gzip, gzip(&zeros)), (Encoding::Zstd, zstd::encode_all(&zeros[..], 19).unwrap())]
        {
            assert!(bomb.len() < 100_000);
            assert_eq!(
                inflate(encoding, bomb.clone(), 1 << 20, 1 << 30),
                Err(Answer::TooLarge(Bound::Inflated(1 << 20)))
            );
            assert_eq!(inflate(encoding, bomb.clone(), 1 << 30, 16 << 20), Err(Answer::BeyondMemory));
            // Where others hold a part of it, it may be taken later.
            let budget = Budget::new(256 << 20);
            let mut others = budget.reserve();
            assert_eq!(others.grow(240 << 20), Ok(()));
            let inflated = encoding.inflate(bomb.into(), 1 << 30, &mut budget.reserve());
            assert_eq!(inflated, Err(Answer::Overload));
        }
    }

    #[test]
    fn broken_compression_is_a_bad_request() {
        let good = gzip(b"a text of some length, and some more");
        let mut flipped = good.clone();
        flipped[15] ^= 0xff;
        for body in [b"{}".to_vec(), Vec::new(), good[..good.len() - 3].to_vec(), flipped] {
            assert_eq!(inflate(Encoding::Gzip, body, 1 << 20, 1 << 20), Err(broken()));
        }
        let good = zstd::encode_all(&b"a text of some length"[..], 3).unwrap();
        for body in [b"{}".to_vec(), good[..good.len() - 3].to_vec()] {
            assert_eq!(inflate(Encoding::Zstd, body, 1 << 20, 1 << 30), Err(broken()));
        }
    }

    #[test]
    fn windows_beyond_the_bound_are_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 19).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&vec![7; 1 << 20]).unwrap();
        let body = encoder.finish().unwrap();
        let Err(Answer::Invalid { message, .. }) = inflate(Encoding::Zstd, body, 64 << 20, 1 << 30) else {
            panic!()
        };
        assert_eq!(message, "the body's zstd frame wants a window of more than 8388608 bytes");
    }

    #[test]
    fn names_of_encodings() {
        for (values, expected) in [
            (&[][..], Some(Encoding::Identity)),
            (&[""], Some(Encoding::Identity)),
            (&["identity"], Some(Encoding::Identity)),
            (&["gzip"], Some(Encoding::Gzip)),
            (&["GZip"], Some(Encoding::Gzip)),
            (&["x-gzip"], Some(Encoding::Gzip)),
            (&["zstd"], Some(Encoding::Zstd)),
            (&["br"], None),
            (&["gzip, gzip"], None),
            (&["gzip", "gzip"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(Encoding::of(&headers), expected, "{values:?}");
        }
    }
}
