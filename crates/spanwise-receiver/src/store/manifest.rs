//! Which files of a sealed segment go where, written down before they go.

use std::io::{self, Read, Write};
use std::path::Path;

use tracing::warn;
use twox_hash::XxHash3_64;

use super::disk::{Disk, gone_is_fine};
use super::writer::{LOG, SPARE, segment_name};

pub(crate) const STAGING: &str = "staging";
pub(crate) const SPANS: &str = "spans";
const MANIFEST: &str = "manifest";
/// Until it is whole.
const DRAFT: &str = "manifest.draft";

/// Which files of a staging folder go where.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    moves: Vec<(String, String)>,
}

impl Manifest {
    /// Adds a file of the staging folder, and where it goes.
    pub(crate) fn add(&mut self, staged: String, target: String) {
        self.moves.push((staged, target));
    }

    /// Writes it into the staging folder, under a name that means nothing yet.
    pub(crate) fn draft(&self, disk: &dyn Disk, folder: &Path) -> io::Result<()> {
        let mut file = disk.create(&folder.join(DRAFT))?;
        file.write_all(&self.to_bytes())?;
        file.sync()?;
        drop(file);
        disk.sync_dir(folder)?;
        disk.sync_dir(Path::new(STAGING))?;
        disk.sync_dir(Path::new(""))
    }

    /// Gives the draft its name: from here on the segment counts as sealed. After an error it may have it, or not.
    pub(crate) fn name(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
        disk.rename(&folder.join(DRAFT), &folder.join(MANIFEST))?;
        disk.sync_dir(folder)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        for (staged, target) in &self.moves {
            text.extend([staged, "\t", target, "\n"]);
        }
        let checksum = XxHash3_64::oneshot(text.as_bytes());
        format!("{text}end\t{checksum:016x}\n").into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let (lines, end) = text.rsplit_once("end\t")?;
        if end != format!("{:016x}\n", XxHash3_64::oneshot(lines.as_bytes())) {
            return None;
        }
        let moves = lines.lines().map(|line| {
            let (staged, target) = line.split_once('\t')?;
            Some((staged.to_owned(), target.to_owned()))
        });
        Some(Self { moves: moves.collect::<Option<_>>()? })
    }

    /// The manifest of a staging folder, if the files there were ever complete. It is durable when this returns: others are
    /// published because it is.
    pub(crate) fn read(disk: &dyn Disk, id: u64) -> io::Result<Option<Self>> {
        let folder = Path::new(STAGING).join(id.to_string());
        let mut bytes = Vec::new();
        match disk.open(&folder.join(MANIFEST)) {
            Ok(mut file) => file.read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let manifest = Self::from_bytes(&bytes);
        if manifest.is_some() {
            disk.sync_dir(&folder)?;
        }
        Ok(manifest)
    }

    /// Moves the files to their places, leaves the segment to be written over if it is `ours`, and removes the staging folder. Can be
    /// done again from any point. One that cannot be moved does not keep the others: the first such error is given.
    pub(crate) fn carry_out(&self, disk: &dyn Disk, id: u64, ours: bool) -> io::Result<()> {
        let folder = Path::new(STAGING).join(id.to_string());
        let mut touched: Vec<&Path> = Vec::new();
        let mut problem = None;
        for (staged, target) in &self.moves {
            let target = Path::new(target);
            if let Err(error) = place(disk, &folder, staged, target) {
                problem.get_or_insert(error);
            }
            // Up to the store's folder: whoever looks after it may have removed `spans` itself.
            touched.extend(target.ancestors().skip(1));
        }
        if let Some(error) = problem {
            return Err(error);
        }
        touched.sort_unstable();
        touched.dedup();
        for folder in touched.iter().rev() {
            // Where it is gone, so is the file, and somebody meant it.
            gone_is_fine(disk.sync_dir(folder))?;
        }
        // The last look at what is lost with the segment, should its files only have been away.
        disk.open(&folder.join(MANIFEST))?;
        disk.check_held()?;
        let segment = Path::new(LOG).join(segment_name(id));
        // A receiver that had the store before, and has not noticed yet that it has no more, may be writing to any other.
        if ours {
            gone_is_fine(disk.rename(&segment, Path::new(SPARE)))?;
        } else {
            disk.remove_file(&segment)?;
        }
        disk.sync_dir(Path::new(LOG))?;
        // All is in its place. What is left of the folder goes at the next start.
        if let Err(error) = disk.remove_dir_all(&folder) {
            warn!(segment = id, kind = ?error.kind(), "cannot remove a staging folder");
        }
        Ok(())
    }
}

/// Gives a file of the staging folder its place, unless it has it from before a crash.
fn place(disk: &dyn Disk, folder: &Path, staged: &str, target: &Path) -> io::Result<()> {
    let staged = folder.join(staged);
    let mut tries = 3;
    loop {
        if let Some(parent) = target.parent() {
            disk.create_dir_all(parent)?;
        }
        let missing = match disk.rename(&staged, target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => error,
            other => return other,
        };
        let is_staged = || match disk.open(&staged) {
            Ok(_) => Ok(true),
            Err(error) => gone_is_fine(Err(error)).map(|()| false),
        };
        if !is_staged()? {
            // All of the folder may be what is away: it is not while the manifest is there.
            disk.open(&folder.join(MANIFEST))?;
            if !is_staged()? {
                return Ok(());
            }
        }
        // The folder of its place was removed just now, as anybody may do while it is empty.
        tries -= 1;
        if tries == 0 {
            return Err(missing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LocalDisk;

    #[test]
    fn a_manifest_is_whole_or_none() {
        let moves = vec![
            ("0.parquet".to_owned(), "spans/date=2026-11-25/service=a/1.parquet".to_owned()),
            ("keys".to_owned(), "dedup/1.keys".to_owned()),
        ];
        for manifest in [Manifest { moves }, Manifest::default()] {
            let bytes = manifest.to_bytes();
            assert_eq!(Manifest::from_bytes(&bytes), Some(manifest));
            for len in 0..bytes.len() {
                assert_eq!(Manifest::from_bytes(&bytes[..len]), None, "{len}");
            }
        }
    }

    /// Where it is taken for none, the files that it names are thrown away.
    #[test]
    fn a_manifest_that_cannot_be_read_is_an_error_and_no_manifest_is_none() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(STAGING).join("7");
        std::fs::create_dir_all(&folder).unwrap();
        let disk = LocalDisk::open(root.path()).unwrap();
        assert_eq!(Manifest::read(&disk, 7).unwrap(), None);
        std::fs::write(folder.join(MANIFEST), Manifest::default().to_bytes()).unwrap();
        assert_eq!(Manifest::read(&disk, 7).unwrap(), Some(Manifest::default()));
        std::fs::remove_file(folder.join(MANIFEST)).unwrap();
        // A link to itself.
        std::os::unix::fs::symlink(MANIFEST, folder.join(MANIFEST)).unwrap();
        assert!(Manifest::read(&disk, 7).is_err());
    }
}
