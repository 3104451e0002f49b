//! How to read.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use spanwise::frame::BlockSizes;
use spanwise::{DecodeOptions, Framing};

/// How to read sources.
#[derive(Debug, Clone)]
pub struct ReadSettings {
    /// For what decoder: what is a document depends on the mode and the bounds.
    pub decode: DecodeOptions,
    /// How documents lie in a source.
    pub framing: Framing,
    /// How much of a source is held at a time.
    pub sizes: BlockSizes,
    /// Bytes that one compressed source may come to. Default 1 TiB.
    pub inflated_bytes: u64,
    /// The binary logarithm of the window that a frame of Zstandard may ask for, which is memory. Default 27, 128 MiB, which
    /// every level keeps within, and `--long` up to 27. There are windows of 10 to 31: what lies beyond is taken for the nearest.
    pub window_log: u32,
    /// Counts the bytes of all sources as they are stored, as they are read: for progress.
    pub bytes_read: Arc<AtomicU64>,
}

impl Default for ReadSettings {
    fn default() -> Self {
        Self {
            decode: DecodeOptions::default(),
            framing: Framing::Auto,
            sizes: BlockSizes::default(),
            inflated_bytes: 1 << 40,
            window_log: 27,
            bytes_read: Arc::default(),
        }
    }
}
