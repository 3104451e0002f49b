//! What a store does when it opens: ends what a crash cut short, and reads the log.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use tracing::{error, info, warn};

use super::damaged;
use super::dedup::Dedup;
use super::disk::{Disk, Entry};
use super::key_file::{DEDUP, KEYS_SUFFIX, STAGED_KEYS, keys_name, read_keys};
use super::manifest::{Manifest, SPANS, STAGING};
use super::named::Named;
use super::queue::Closed;
use super::record::{HEADER, Predecessor, ReadError, SegmentReader};
use super::writer::{LOG, SPARE, segment_id, segment_name};
use crate::delivery::SpanKey;

/// What was found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) dedup: Dedup,
    /// Segments to seal, in order.
    pub(crate) closed: VecDeque<Closed>,
    /// Segments whose files are complete and could not be put in their places, by their manifests.
    pub(crate) published: Vec<Closed>,
    /// The last segment.
    pub(crate) before: Predecessor,
    /// No segment with this id or a greater one was ever there.
    pub(crate) last_id: u64,
    /// Segments with records that were acknowledged and cannot be read.
    pub(crate) damaged: u64,
}

/// Puts the folders of the store in order and reads what is not sealed.
pub(crate) fn recover(disk: &dyn Disk, window: Duration, capacity: usize, now: u64) -> io::Result<Recovered> {
    let disk = &Named(disk);
    make_folders(disk)?;
    try_a_move(disk)?;
    let published = finish_sealing(disk)?;
    disk.remove_file(Path::new(SPARE))?;
    let mut recovered = Recovered {
        dedup: Dedup::new(window, capacity),
        closed: VecDeque::new(),
        published: Vec::new(),
        before: Predecessor::default(),
        last_id: 0,
        damaged: 0,
    };
    let last_id = remembered(disk, window, now, published.iter().copied(), &mut recovered.dedup);
    recovered.last_id = last_id.inspect_err(|problem| {
        error!(%problem, "what was delivered before cannot be read; move the file away to start without it");
    })?;
    read_log(disk, &published, &mut recovered)?;
    recovered.dedup.advance(now);
    Ok(recovered)
}

/// Makes the folders of a store, unless they are there. Durable when it returns.
pub(crate) fn make_folders(disk: &dyn Disk) -> io::Result<()> {
    for folder in [LOG, STAGING, SPANS, DEDUP] {
        disk.create_dir_all(Path::new(folder))?;
    }
    disk.sync_dir(Path::new(""))
}

/// Sees whether a file can come from `staging` to `spans` and `dedup`. Where these are on two file systems it never can, and it is
/// better not to begin.
fn try_a_move(disk: &dyn Disk) -> io::Result<()> {
    const PROBE: &str = "probe";
    for folder in [SPANS, DEDUP] {
        let (from, to) = (Path::new(STAGING).join(PROBE), Path::new(folder).join(PROBE));
        let tried = disk.remove_file(&from).and_then(|()| disk.create(&from).map(drop));
        let tried = tried.and_then(|()| disk.rename(&from, &to));
        let _ = disk.remove_file(if tried.is_ok() { &to } else { &from });
        match tried {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let why = format!("{error}; all of a store must be on one file system");
                return Err(io::Error::new(error.kind(), why));
            }
            Err(error) => {
                error!(%error, "nothing can be put into `{folder}` now; deliveries are kept in the log");
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Carries manifests out, and throws away files that have none. Gives those that cannot be carried out now: their segments count as
/// sealed nevertheless, and what the log says of them is not asked for.
fn finish_sealing(disk: &dyn Disk) -> io::Result<BTreeSet<u64>> {
    let mut left = BTreeSet::new();
    for entry in disk.list(Path::new(STAGING))? {
        let path = Path::new(STAGING).join(&entry.name);
        let Some(id) = entry.name.parse().ok().filter(|_| entry.is_dir) else { continue };
        match Manifest::read(disk, id)? {
            Some(manifest) => match manifest.carry_out(disk, id, false) {
                Ok(()) => info!(segment = id, "sealing was cut short, and is now done"),
                Err(error) => {
                    error!(segment = id, %error, "files cannot be put in their places; it is tried again");
                    left.insert(id);
                }
            },
            None => disk.remove_dir_all(&path)?,
        }
    }
    Ok(left)
}

/// The window of duplicates as it is on the disk, where something of it was lost: the spans of sealed segments, those of published
/// ones among them, and of unsealed ones up to where they count. Beside it the unsealed segments whose files are gone.
pub(crate) fn remember(
    disk: &dyn Disk,
    window: Duration,
    capacity: usize,
    now: u64,
    (unsealed, published): (Vec<Closed>, Vec<u64>),
) -> io::Result<(Dedup, BTreeSet<u64>)> {
    let disk = &Named(disk);
    let (mut dedup, mut gone) = (Dedup::new(window, capacity), BTreeSet::new());
    // Where all of it is away, it only looks empty.
    disk.check_held()?;
    remembered(disk, window, now, published, &mut dedup)?;
    for Closed { id, len, .. } in unsealed {
        match read_segment(disk, id, len, &mut dedup) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // It was sealed since those of sealed ones were read. If not, it is gone.
                match hashes(disk, id, &Path::new(DEDUP).join(keys_name(id)))? {
                    Some((received, keys)) => remember_all(received, &keys, &mut dedup),
                    None => {
                        gone.insert(id);
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
    disk.check_held()?;
    dedup.advance(now);
    Ok((dedup, gone))
}

/// The hashes of a sealed segment and when the last of its spans came; `None` where they are gone or damaged.
fn hashes(disk: &dyn Disk, id: u64, path: &Path) -> io::Result<Option<(u64, Vec<SpanKey>)>> {
    let mut bytes = Vec::new();
    match disk.open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let keys = read_keys(&bytes);
    if keys.is_none() {
        warn!(segment = id, "the hashes of a segment are damaged: its spans may be stored again");
    }
    Ok(keys)
}

fn remember_all(received: u64, keys: &[SpanKey], dedup: &mut Dedup) {
    dedup.advance(received);
    for key in keys {
        dedup.see(*key, received);
    }
}

/// Reads the hashes of spans that are sealed already, in the order of their segments, and gives the id of the last of these. Those of
/// published segments may not have their place yet.
fn remembered(
    disk: &dyn Disk,
    window: Duration,
    now: u64,
    published: impl IntoIterator<Item = u64>,
    dedup: &mut Dedup,
) -> io::Result<u64> {
    let longest = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX).saturating_mul(2);
    let staged = |id: u64| (id, Path::new(STAGING).join(id.to_string()).join(STAGED_KEYS));
    let mut files: BTreeMap<u64, PathBuf> = published.into_iter().map(staged).collect();
    files.extend(disk.list(Path::new(DEDUP))?.into_iter().filter_map(|Entry { name, .. }| {
        let id = name.strip_suffix(KEYS_SUFFIX)?.parse().ok()?;
        Some((id, Path::new(DEDUP).join(name)))
    }));
    for (id, path) in &files {
        let mut found = hashes(disk, *id, path)?;
        if found.is_none() && path.starts_with(STAGING) {
            // It has its place since. There is none where no span has an id.
            found = hashes(disk, *id, &Path::new(DEDUP).join(keys_name(*id)))?;
        }
        if let Some((received, keys)) = found
            && now.saturating_sub(received) <= longest
        {
            remember_all(received, &keys, dedup);
        }
    }
    Ok(files.last_key_value().map_or(0, |(id, _)| *id))
}

/// Reads all segments but those that are published, and finds how much of each counts.
fn read_log(disk: &dyn Disk, published: &BTreeSet<u64>, recovered: &mut Recovered) -> io::Result<()> {
    let entries = disk.list(Path::new(LOG))?;
    let mut segments: Vec<_> = entries
        .iter()
        .filter(|entry| !entry.is_dir)
        .filter_map(|entry| Some((segment_id(&entry.name)?, entry.len)))
        .collect();
    segments.sort_unstable();
    recovered.last_id = recovered.last_id.max(segments.last().map_or(0, |(id, _)| *id));
    // How much of such a one counts may stand nowhere any more, and need not.
    let bytes: HashMap<_, _> = segments.extract_if(.., |(id, _)| published.contains(id)).collect();
    let closed = |id: &u64| Closed { told: true, ..Closed::found(*id, bytes.get(id).copied().unwrap_or(0)) };
    recovered.published = published.iter().map(closed).collect();
    // How much of a segment was acknowledged, where the one after it says so.
    let mut acknowledged = HashMap::new();
    for (id, len) in &segments {
        let file = io::BufReader::new(disk.open(&Path::new(LOG).join(segment_name(*id)))?);
        match SegmentReader::new(file, *id, *len) {
            Ok(reader) => acknowledged.extend(reader.before().map(|before| (before.id, before.len))),
            Err(ReadError::Damaged) => {}
            // It would say how much of the one before counts: what was refused, and sent again, would count twice.
            Err(ReadError::Io(error)) => return Err(error),
        }
    }
    let mut closed = Vec::new();
    for (id, len) in segments {
        let limit = acknowledged.get(&id).copied();
        let Whole { len: whole, header, holes } = read_segment(
            disk,
            id,
            limit.map_or(len, |limit| limit.min(len)),
            &mut recovered.dedup,
        )
        .inspect_err(|problem| {
            error!(segment = id, %problem, "a segment cannot be read; move it away to start without it");
        })?;
        // Where its header never came to be, nothing in it was acknowledged.
        let is_damaged = holes || limit.is_some_and(|limit| whole < limit) || whole > HEADER && !header;
        if is_damaged {
            error!(segment = id, "acknowledged records cannot be read; a copy is kept in `damaged`");
            recovered.damaged += 1;
            damaged::copy_segment(disk, id)?;
        } else if whole < len {
            info!(segment = id, bytes = len - whole, "no record that counts stands in the tail of a segment");
        }
        if whole > HEADER {
            closed.push(Closed { told: is_damaged, ..Closed::found(id, whole) });
            recovered.before = Predecessor { id, len: whole };
        } else {
            disk.remove_file(&Path::new(LOG).join(segment_name(id)))?;
        }
    }
    make_durable(disk, &closed)?;
    recovered.closed.extend(closed);
    Ok(())
}

/// Where the process died and the machine did not, what was read may stand in the system's memory alone. It is remembered from
/// now on, and a client that sends it again is told that it is stored.
fn make_durable(disk: &dyn Disk, segments: &[Closed]) -> io::Result<()> {
    for segment in segments {
        let (mut file, _) = disk.reopen(&Path::new(LOG).join(segment_name(segment.id)))?;
        file.sync()?;
    }
    disk.sync_dir(Path::new(LOG))
}

/// What is whole of a segment.
struct Whole {
    /// Bytes up to the end of its last record.
    len: u64,
    header: bool,
    /// Records stand behind what is none: it is not where writing was cut short.
    holes: bool,
}

/// Remembers the spans of a segment, and gives how much of it is whole.
fn read_segment(disk: &dyn Disk, id: u64, len: u64, dedup: &mut Dedup) -> io::Result<Whole> {
    let file = disk.open(&Path::new(LOG).join(segment_name(id)))?;
    let mut reader = match SegmentReader::new(io::BufReader::with_capacity(1 << 20, file), id, len) {
        Ok(reader) => reader,
        Err(ReadError::Damaged) => return Ok(Whole { len: 0, header: false, holes: false }),
        Err(ReadError::Io(error)) => return Err(error),
    };
    let header = reader.before().is_some();
    let (mut text, mut holes) = (BytesMut::new(), false);
    loop {
        text.clear();
        match reader.next(&mut text) {
            Ok(Some(record)) => {
                dedup.advance(record.received);
                for (index, key) in record.keys.iter().enumerate() {
                    if !record.skips(index) {
                        dedup.see(*key, record.received);
                    }
                }
            }
            Err(ReadError::Damaged) if reader.skip_damage()? => holes = true,
            Ok(None) | Err(ReadError::Damaged) => {
                return Ok(Whole { len: reader.position(), header, holes });
            }
            Err(ReadError::Io(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::damaged::DAMAGED;
    use super::super::dedup::Sighting;
    use super::super::key_file::write_keys;
    use super::super::record::{write_header, write_record};
    use super::*;
    use crate::store::LocalDisk;
    use std::fs;

    fn whole(id: u64, len: u64) -> Closed {
        Closed::found(id, len)
    }

    fn told(id: u64, len: u64) -> Closed {
        Closed { told: true, ..Closed::found(id, len) }
    }

    const HOUR: Duration = Duration::from_hours(1);

    /// A segment with a record for each span, and where its records end.
    fn segment(id: u64, before: Predecessor, spans: &[u64]) -> (Vec<u8>, Vec<u64>) {
        let mut bytes = Vec::new();
        write_header(id, before, &mut bytes);
        let mut ends = Vec::new();
        for span in spans {
            let key = SpanKey { content: u128::from(*span), ids: *span };
            write_record(id, 1000, &[key], &[0], b"{}", &mut bytes);
            ends.push(bytes.len() as u64);
        }
        (bytes, ends)
    }

    fn store(segments: &[(u64, &[u8])]) -> (tempfile::TempDir, LocalDisk) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(LOG)).unwrap();
        for (id, bytes) in segments {
            fs::write(folder.path().join(LOG).join(segment_name(*id)), bytes).unwrap();
        }
        let disk = LocalDisk::open(folder.path()).unwrap();
        (folder, disk)
    }

    fn recovered(disk: &LocalDisk) -> (Vec<Closed>, u64, Dedup) {
        let recovered = recover(disk, HOUR, 100, 1000).unwrap();
        (recovered.closed.into(), recovered.damaged, recovered.dedup)
    }

    #[test]
    fn hashes_are_read_once_in_order_and_while_they_are_young() {
        let (folder, disk) = store(&[]);
        let hour = u64::try_from(HOUR.as_nanos()).unwrap();
        let now = 10 * hour;
        let put = |path: &str, received: u64, spans: std::ops::Range<u64>| {
            let keys: Vec<_> = spans.map(|n| SpanKey { content: u128::from(n), ids: n }).collect();
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, write_keys(received, &keys)).unwrap();
        };
        // Of published ones one is too old, one is where it was made, and one is in its place.
        put("staging/1/keys", now - 3 * hour, 100..110);
        put("staging/2/keys", now - hour, 200..220);
        put("dedup/00000000000003.keys", now, 1..4);
        put("dedup/00000000000004.keys", now, 4..7);
        let mut dedup = Dedup::new(HOUR, 20);
        assert_eq!(remembered(&disk, HOUR, now, [1, 2, 3, 5], &mut dedup).unwrap(), 5);
        assert_eq!(dedup.len(), 16);
        for n in 1..7 {
            let key = SpanKey { content: u128::from(n), ids: n };
            assert_eq!(dedup.see(key, now), Sighting::Duplicate, "{n}");
        }
    }

    /// It is sealed while the hashes are read, or somebody took it away.
    #[test]
    fn a_segment_whose_file_is_gone_is_told_unless_its_hashes_are_there() {
        let (there, ends) = segment(1, Predecessor::default(), &[1, 2]);
        let (folder, disk) = store(&[(1, &there)]);
        make_folders(&disk).unwrap();
        let key = |n: u64| SpanKey { content: u128::from(n), ids: n };
        fs::write(folder.path().join(DEDUP).join(keys_name(2)), write_keys(1000, &[key(3)])).unwrap();
        let remember = |ids: &[u64]| {
            let unsealed = ids.iter().map(|id| whole(*id, ends[1])).collect();
            remember(&disk, HOUR, 100, 1000, (unsealed, Vec::new()))
        };
        let (mut dedup, gone) = remember(&[1, 2, 3]).unwrap();
        assert_eq!(gone, BTreeSet::from([3]));
        for n in 1..=3 {
            assert_eq!(dedup.see(key(n), 1000), Sighting::Duplicate, "{n}");
        }
        // One that is there and cannot be read is not gone.
        fs::create_dir(folder.path().join(LOG).join(segment_name(4))).unwrap();
        assert!(remember(&[1, 4]).is_err());
    }

    #[test]
    fn what_stands_behind_the_acknowledged_part_is_not_read() {
        let (first, ends) = segment(1, Predecessor::default(), &[1, 2, 3]);
        // The third was refused, and sent again.
        let (second, second_ends) = segment(2, Predecessor { id: 1, len: ends[1] }, &[3]);
        let (_folder, disk) = store(&[(1, &first), (2, &second)]);
        let (closed, damaged, dedup) = recovered(&disk);
        assert_eq!(closed, [whole(1, ends[1]), whole(2, second_ends[0])]);
        assert_eq!((damaged, dedup.len()), (0, 3));
    }

    #[test]
    fn a_torn_tail_is_no_damage() {
        let (bytes, ends) = segment(1, Predecessor::default(), &[1, 2]);
        let torn = &bytes[..bytes.len() - 1];
        let (folder, disk) = store(&[(1, torn), (2, &[0; 10])]);
        let (closed, damaged, dedup) = recovered(&disk);
        assert_eq!((closed, damaged, dedup.len()), (vec![whole(1, ends[0])], 0, 1));
        // A segment whose header never came to be is gone.
        assert!(!folder.path().join(LOG).join(segment_name(2)).exists());
        assert!(!folder.path().join(DAMAGED).exists());
    }

    #[test]
    fn what_is_left_of_an_older_segment_is_not_read() {
        let (old, _) = segment(1, Predecessor::default(), &[1, 2, 3, 4]);
        let (new, ends) = segment(2, Predecessor { id: 1, len: old.len() as u64 }, &[5, 6]);
        // All records are of one length: whole ones of the older segment follow.
        let over = [&new[..], &old[new.len()..]].concat();
        let (folder, disk) = store(&[(2, &over)]);
        fs::write(folder.path().join(SPARE), &old).unwrap();
        let (closed, damaged, dedup) = recovered(&disk);
        assert_eq!((closed, damaged, dedup.len()), (vec![whole(2, ends[1])], 0, 2));
        assert!(!folder.path().join(SPARE).exists());
        // It was renamed, and the power went before its new header was written.
        let (folder, disk) = store(&[(2, &old)]);
        let (closed, damaged, dedup) = recovered(&disk);
        assert_eq!((closed, damaged, dedup.len()), (Vec::new(), 0, 0));
        assert_eq!(fs::read_dir(folder.path().join(LOG)).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_header_takes_no_record_with_it() {
        let (mut bytes, ends) = segment(1, Predecessor::default(), &[1, 2]);
        bytes[20] ^= 1;
        let (folder, disk) = store(&[(1, &bytes)]);
        let (closed, damaged, dedup) = recovered(&disk);
        assert_eq!((closed, damaged, dedup.len()), (vec![told(1, ends[1])], 1, 2));
        assert_eq!(fs::read(folder.path().join(DAMAGED).join(segment_name(1))).unwrap(), bytes);
    }

    #[test]
    fn damage_to_what_was_acknowledged_is_told_and_a_copy_kept() {
        let (mut first, ends) = segment(1, Predecessor::default(), &[1, 2]);
        let at = first.len() - 1;
        first[at] ^= 1;
        let (second, second_ends) = segment(2, Predecessor { id: 1, len: ends[1] }, &[3]);
        let (folder, disk) = store(&[(1, &first), (2, &second)]);
        let (closed, damaged, _) = recovered(&disk);
        assert_eq!(closed, [told(1, ends[0]), whole(2, second_ends[0])]);
        assert_eq!(damaged, 1);
        assert_eq!(fs::read(folder.path().join(DAMAGED).join(segment_name(1))).unwrap(), first);
    }

    #[test]
    fn zeros_in_the_place_of_records_take_none_behind_them_with_them() {
        for hole in [4096, 8192, 20_000, 65_536] {
            let (mut bytes, mut ends) = (Vec::new(), Vec::new());
            write_header(1, Predecessor::default(), &mut bytes);
            for span in 1..=200 {
                ends.push(bytes.len());
                let key = SpanKey { content: u128::from(span), ids: span };
                write_record(1, 1000, &[key], &[0], &[b'x'; 1000], &mut bytes);
            }
            bytes[ends[100] - hole..ends[100]].fill(0);
            let kept = 100 + ends.iter().filter(|end| **end <= ends[100] - hole).count() - 1;
            let mut reader = SegmentReader::new(&bytes[..], 1, bytes.len() as u64).unwrap();
            let (mut found, mut text) = (0, BytesMut::new());
            loop {
                match reader.next(&mut text) {
                    Ok(Some(_)) => found += 1,
                    Err(ReadError::Damaged) if reader.skip_damage().unwrap() => {}
                    _ => break,
                }
            }
            // As it is found when it is made Parquet, and with the room behind it that was not written to.
            let end = bytes.len() as u64;
            bytes.resize(bytes.len() + (1 << 20), 0);
            let (_folder, disk) = store(&[(1, &bytes)]);
            let recovered = recover(&disk, HOUR, 10_000, 1000).unwrap();
            assert_eq!((found, recovered.dedup.len()), (kept, kept), "{hole}");
            assert_eq!((Vec::from(recovered.closed), recovered.damaged), (vec![told(1, end)], 1), "{hole}");
        }
    }

    #[test]
    fn damage_takes_no_record_behind_it_whichever_segment_it_is() {
        let (bytes, ends) = segment(1, Predecessor::default(), &[1, 2, 3, 4]);
        let (next, next_ends) = segment(2, Predecessor { id: 1, len: ends[2] }, &[4, 5]);
        let old = segment(0, Predecessor::default(), &[7, 8, 9, 10, 11, 12]).0;
        for at in ends[0]..ends[1] {
            let mut damaged = bytes.clone();
            damaged[usize::try_from(at).unwrap()] ^= 1;
            // The newest, written over an older one: what is left of that is no record.
            let newest = [&damaged[..], &old[damaged.len()..]].concat();
            let (folder, disk) = store(&[(1, &newest)]);
            let (closed, count, dedup) = recovered(&disk);
            assert_eq!((closed, count, dedup.len()), (vec![told(1, ends[3])], 1, 3), "{at}");
            assert_eq!(fs::read(folder.path().join(DAMAGED).join(segment_name(1))).unwrap(), newest);
            // One of which the last record was refused, and sent again.
            let (_folder, disk) = store(&[(1, &damaged), (2, &next)]);
            let (closed, count, dedup) = recovered(&disk);
            assert_eq!(closed, [told(1, ends[2]), whole(2, next_ends[1])], "{at}");
            assert_eq!((count, dedup.len()), (1, 4), "{at}");
        }
    }
}
