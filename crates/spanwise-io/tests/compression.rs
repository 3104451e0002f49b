//! Compressed sources: known by content, of several members or frames, cut off, corrupt, and too large.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::GzEncoder;
use spanwise::frame::BlockSizes;
use spanwise::{Decoder, SpanBatch};
use spanwise_io::{Blocks, Compression, ReadErrorKind, ReadSettings, Source};

fn line(number: usize) -> String {
    let span = format!(r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{:016x}""#, number + 1);
    format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{{span},\"name\":\"chat\"}}]}}]}}]}}\n")
}

fn lines(count: usize) -> Vec<u8> {
    (0..count).map(line).collect::<String>().into_bytes()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

fn skippable(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[0x53, 0x2a, 0x4d, 0x18], &length[..], content].concat()
}

/// As the Collector's file exporter writes it: lengths, and no newline within.
fn collector(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|number| {
            let frame = zstd(line(number).trim_end().as_bytes());
            [u32::try_from(frame.len()).unwrap().to_be_bytes().to_vec(), frame].concat()
        })
        .collect()
}

/// The ids of the spans, the number of documents that were bad, and how it ended.
fn read(source: Vec<u8>, settings: &ReadSettings) -> (Vec<u64>, u64, Option<ReadErrorKind>) {
    let (mut ids, mut bad, mut ended) = (Vec::new(), 0, None);
    let blocks = match Blocks::open(Source::Bytes(Bytes::from(source)), settings) {
        Ok(blocks) => blocks,
        Err(error) => return (ids, bad, Some(error.into_kind())),
    };
    let (mut decoder, mut batch) = (Decoder::new(settings.decode), SpanBatch::new());
    for block in blocks {
        assert!(ended.is_none(), "an error is the last item");
        match block {
            Ok(block) => {
                decoder.decode_framed(block, &mut batch).unwrap();
                ids.extend(batch.spans().map(|span| u64::from_str_radix(&span.span_id(), 16).unwrap_or(0)));
                bad += batch.bad_documents();
            }
            Err(error) => ended = Some(error.into_kind()),
        }
    }
    (ids, bad, ended)
}

fn small() -> ReadSettings {
    ReadSettings { sizes: BlockSizes { block: 700, ..BlockSizes::default() }, ..ReadSettings::default() }
}

#[test]
fn members_and_frames_are_read_to_the_last() {
    let text = lines(40);
    let (first, second) = text.split_at(1234);
    for (name, source) in [
        ("gzip", gzip(&text)),
        ("gzip members", [gzip(first), gzip(second), gzip(b"")].concat()),
        ("zstd", zstd(&text)),
        ("zstd frames", [zstd(first), skippable(b"between"), zstd(second)].concat()),
        ("zstd after a skippable frame", [skippable(b"before"), zstd(&text)].concat()),
        ("collector", collector(40)),
    ] {
        let (ids, bad, ended) = read(source, &small());
        assert_eq!((ids, bad), ((1..=40).collect(), 0), "{name}");
        assert!(ended.is_none(), "{name}: {ended:?}");
    }
}

#[test]
fn zeros_behind_gzip_are_padding_and_all_else_is_said_to_be_none() {
    let text = lines(3);
    for (name, behind, spans, is_good) in [
        ("zeros", vec![0; 300_000], 3, true),
        ("one zero", vec![0], 3, true),
        ("a member behind zeros", [vec![0; 512], gzip(&text)].concat(), 6, true),
        ("short garbage", b"junk".to_vec(), 3, false),
        ("long garbage", vec![b'x'; 300_000], 3, false),
        ("garbage behind zeros", [vec![0; 512], b"junk".to_vec()].concat(), 3, false),
    ] {
        let (ids, _, ended) = read([gzip(&text), behind].concat(), &small());
        assert_eq!(ids.len(), spans, "{name}");
        match ended {
            None => assert!(is_good, "{name}"),
            Some(ReadErrorKind::Trailing(Compression::Gzip)) => assert!(!is_good, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let cut = [gzip(&text), gzip(&text)[..5].to_vec()].concat();
    assert!(matches!(read(cut, &small()).2, Some(ReadErrorKind::CutOff(_))));
}

#[test]
fn a_message_without_bytes_is_an_empty_line() {
    let nothing = 0_u32.to_be_bytes();
    let source = [collector(3), nothing.to_vec(), nothing.to_vec(), collector(2), nothing.to_vec()].concat();
    let (ids, bad, ended) = read(source, &small());
    assert_eq!((ids, bad), (vec![1, 2, 3, 1, 2], 0));
    assert!(ended.is_none(), "{ended:?}");
}

#[test]
fn messages_without_bytes_may_come_first() {
    for (nothing, is_known) in [(1, true), (2, true), (14, true), (15, false), (40_000, false)] {
        let source = [vec![0; nothing * 4], collector(2)].concat();
        assert_eq!(Compression::of(&source[..Compression::HEAD]).is_some(), is_known, "{nothing}");
        let (ids, bad, ended) = read(source, &small());
        assert!(ended.is_none(), "{nothing}: {ended:?}");
        assert_eq!((ids == [1, 2], bad == 0), (is_known, is_known), "{nothing}");
    }
}

#[test]
fn a_message_that_is_shorter_than_its_length_is_cut_off() {
    let frame = zstd(line(0).as_bytes());
    let length = u32::try_from(frame.len() + 1).unwrap().to_be_bytes();
    let (ids, _, ended) = read([&length[..], &frame].concat(), &small());
    assert_eq!(ids, [1]);
    assert!(matches!(ended, Some(ReadErrorKind::CutOff(Compression::CollectorZstd))), "{ended:?}");
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let source = gzip(&lines(9));
    let mut blocks =
        Blocks::open(Source::Bytes(source[..source.len() - 4].to_vec().into()), &small()).unwrap();
    let error = blocks.find_map(Result::err).unwrap();
    assert_eq!(
        error.to_string(),
        format!("the gzip data is cut off, after {} bytes of text", lines(9).len())
    );
    let mut blocks =
        Blocks::open(Source::Bytes([source, b"junk".to_vec()].concat().into()), &small()).unwrap();
    let error = blocks.find_map(Result::err).unwrap();
    let expected =
        format!("what stands behind the gzip data, after {} bytes of text, is no gzip", lines(9).len());
    assert_eq!(error.to_string(), expected);
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.write_all(&lines(9)).unwrap();
    let mut blocks = Blocks::open(Source::Bytes(encoder.finish().unwrap().into()), &small()).unwrap();
    let error = blocks.find_map(Result::err).unwrap();
    let expected = "the zstd data, after 0 bytes of text, wants a window of more than 128 MiB";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_was_good_before_a_cut_is_delivered() {
    let text = lines(400);
    for (compression, source) in [
        (Compression::Gzip, gzip(&text)),
        (Compression::Zstd, text.chunks(3000).flat_map(zstd).collect()),
        (Compression::CollectorZstd, collector(400)),
    ] {
        let mut most = 0;
        for length in (9..source.len()).step_by(source.len() / 23) {
            let (ids, bad, ended) = read(source[..length].to_vec(), &small());
            let whole = (1..).take(ids.len()).eq(ids.iter().copied());
            assert!(whole && bad <= 1, "{compression:?} cut at {length}: {} spans, {bad} bad", ids.len());
            match ended {
                Some(ReadErrorKind::CutOff(found)) => assert_eq!(found, compression),
                // Between two frames nothing is missing that could be known of.
                None => assert_ne!(compression, Compression::Gzip),
                other => panic!("{compression:?} cut at {length}: {other:?}"),
            }
            most = most.max(ids.len());
        }
        assert!(most > 300, "{compression:?}: {most}");
    }
}

#[test]
fn damage_is_an_error_and_never_more_than_that() {
    let text = lines(60);
    for (compression, source) in [
        (Compression::Gzip, gzip(&text)),
        (Compression::Zstd, zstd::encode_all(&text[..], 1).unwrap()),
        (Compression::CollectorZstd, collector(60)),
    ] {
        let mut corrupt = 0;
        for at in (8..source.len()).step_by(source.len() / 60 + 1) {
            let mut source = source.clone();
            source[at] ^= 0x55;
            let (_, _, ended) = read(source, &small());
            match ended {
                Some(ReadErrorKind::Corrupt(found)) => {
                    assert_eq!(found, compression);
                    corrupt += 1;
                }
                None | Some(ReadErrorKind::CutOff(_)) => {}
                other => panic!("{compression:?} damaged at {at}: {other:?}"),
            }
        }
        assert!(corrupt > 10, "{compression:?}: {corrupt}");
    }
}

#[test]
fn text_beyond_the_bound_is_refused_after_what_is_within() {
    for source in [gzip(&lines(100)), zstd(&lines(100)), collector(100)] {
        let (ids, bad, ended) = read(source, &ReadSettings { inflated_bytes: 5000, ..small() });
        assert!(ids.len() > 25 && ids.len() < 100 && bad <= 1, "{} {bad}", ids.len());
        assert!(matches!(ended, Some(ReadErrorKind::Inflated)));
    }
}

/// The fault at the end of the data tells whether that was read.
#[test]
fn what_lies_beyond_the_bound_is_not_read() {
    let text = vec![b' '; 16 << 20];
    let cut = |mut frame: Vec<u8>| {
        frame.truncate(frame.len() - 5);
        frame
    };
    let message = zstd(&text);
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    for (name, source) in [
        ("gzip", cut(gzip(&text))),
        ("zstd", cut(message.clone())),
        ("collector", cut([&length[..], &message].concat())),
    ] {
        for block in [700, usize::MAX] {
            let sizes = BlockSizes { block, ..BlockSizes::default() };
            let settings = ReadSettings { sizes, inflated_bytes: 1 << 20, ..ReadSettings::default() };
            let (_, _, ended) = read(source.clone(), &settings);
            assert!(matches!(ended, Some(ReadErrorKind::Inflated)), "{name}, blocks of {block}: {ended:?}");
        }
    }
}

#[test]
fn the_bound_on_text_is_exact() {
    let text = lines(100);
    let whole = text.len() as u64;
    for source in [gzip(&text), zstd(&text)] {
        for (inflated_bytes, is_whole) in [(whole - 1, false), (whole, true), (whole + 1, true)] {
            let (ids, _, ended) = read(source.clone(), &ReadSettings { inflated_bytes, ..small() });
            // One byte less is the newline at the end, without which the last line is whole, too.
            assert_eq!(ids.len(), 100);
            assert_eq!(ended.is_none(), is_whole, "{inflated_bytes} of {whole}: {ended:?}");
            assert!(is_whole || matches!(ended, Some(ReadErrorKind::Inflated)));
        }
    }
}

#[test]
fn a_window_beyond_the_bound_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(25).unwrap();
    encoder.write_all(&lines(200_000)).unwrap();
    let frame = encoder.finish().unwrap();
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    // A frame before it has been read.
    let second = [zstd(&lines(1)), frame.clone()].concat();
    for (source, before) in [(frame.clone(), 0), ([&length[..], &frame].concat(), 0), (second, 1)] {
        let (ids, _, ended) =
            read(source.clone(), &ReadSettings { window_log: 20, ..ReadSettings::default() });
        assert_eq!(ids.len(), before);
        assert!(matches!(ended, Some(ReadErrorKind::Window { most: 0x10_0000, .. })), "{ended:?}");
        assert_eq!(read(source, &ReadSettings::default()).0.len(), before + 200_000);
    }
}

#[test]
fn a_bound_on_windows_beyond_those_that_there_are_is_the_nearest() {
    for window_log in [0, 9, 31, 32, 99, u32::MAX] {
        let settings = ReadSettings { window_log, ..ReadSettings::default() };
        for source in [zstd(&lines(1)), collector(1)] {
            let (ids, _, ended) = read(source, &settings);
            assert!(ids == [1] && ended.is_none(), "{window_log}: {ended:?}");
        }
    }
}
