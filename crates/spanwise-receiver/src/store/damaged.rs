//! What cannot be made into Parquet, kept for whoever can make something of it.

use std::io::{self, Write};
use std::path::Path;

use super::disk::Disk;
use super::writer::{LOG, segment_name};

/// The folder. It is there once something is in it.
pub(crate) const DAMAGED: &str = "damaged";

/// Copies a segment, since sealing what can be read of it removes it. Durable when it returns.
pub(crate) fn copy_segment(disk: &dyn Disk, id: u64) -> io::Result<()> {
    let name = segment_name(id);
    let mut from = disk.open(&Path::new(LOG).join(&name))?;
    keep(disk, &name, |to| io::copy(&mut from, to).map(drop))
}

/// Keeps the JSON of one record of a segment, the `index`th that is kept. Durable when it returns.
pub(crate) fn keep_record(disk: &dyn Disk, id: u64, index: u64, json: &[u8]) -> io::Result<()> {
    keep(disk, &format!("{id:014}-{index}.json"), |to| to.write_all(json))
}

fn keep(disk: &dyn Disk, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let path = Path::new(DAMAGED).join(name);
    make_folder(disk)?;
    // From an attempt that failed later on.
    disk.remove_file(&path)?;
    let mut to = disk.create(&path)?;
    write(&mut to)?;
    to.flush()?;
    to.sync()?;
    disk.sync_dir(Path::new(DAMAGED))
}

fn make_folder(disk: &dyn Disk) -> io::Result<()> {
    disk.create_dir_all(Path::new(DAMAGED))?;
    disk.sync_dir(Path::new(""))
}
