//! `spanwise` as far as Arrow, into a batch that is reused: a record batch of each request, as a receiver makes it, or of each
//! block of about 1 MiB of requests as lines, as files are read.

use super::{Contestant, Facts, Reads, Refusal, Task};
use bytes::Bytes;
use spanwise::{DecodeOptions, Decoder, Framing, SpanBatch};
use spanwise_arrow::{ArrowOptions, Converter, OptionsError};
use std::hint::black_box;

/// What a block grows to before it ends with a line, as in `spanwise_io`.
const BLOCK: usize = 1 << 20;

pub(super) struct SpanwiseToArrow {
    name: &'static str,
    decoder: Decoder,
    batch: SpanBatch,
    converter: Converter,
    /// Where requests are read as lines of blocks: the blocks.
    blocks: Option<Vec<Bytes>>,
    framing: Framing,
}

impl SpanwiseToArrow {
    fn new(name: &'static str, options: &ArrowOptions) -> Result<Self, OptionsError> {
        let converter = Converter::new(options)?;
        // Few columns ask for few lists.
        let decoder = Decoder::new(DecodeOptions::default().with_projection(converter.projection()));
        Ok(SpanwiseToArrow {
            name,
            decoder,
            batch: SpanBatch::new(),
            converter,
            blocks: None,
            framing: Framing::Documents,
        })
    }

    /// Every column, attributes, events and links included, and three short ones; each request by request and by blocks.
    pub(super) fn all() -> Result<Vec<Self>, OptionsError> {
        let columns = ["name", "start_time", "duration_ns"].map(str::to_owned);
        let three = ArrowOptions { columns: Some(columns.into()), ..ArrowOptions::default() };
        let by_blocks = |contestant| SpanwiseToArrow { blocks: Some(Vec::new()), ..contestant };
        Ok(vec![
            Self::new("spanwise to Arrow", &ArrowOptions::default())?,
            by_blocks(Self::new("spanwise to Arrow, by blocks", &ArrowOptions::default())?),
            Self::new("spanwise to Arrow, 3 columns", &three)?,
            by_blocks(Self::new("spanwise to Arrow, 3 columns, by blocks", &three)?),
        ])
    }

    /// What writers of several layouts sent is no file of lines.
    fn framing(requests: &[Bytes]) -> Framing {
        let lines = requests.iter().all(|request| !request.contains(&b'\n'));
        if lines { Framing::Lines } else { Framing::Documents }
    }

    /// Decodes request by request, or block by block, and shows each batch.
    fn each(
        &mut self,
        requests: &[Bytes],
        mut see: impl FnMut(&mut Converter, &SpanBatch) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let framing = self.framing;
        let pieces = self.blocks.as_deref().unwrap_or(requests);
        for piece in pieces {
            let decoded = match self.blocks {
                Some(_) => self.decoder.decode_block(piece.clone(), framing, &mut self.batch),
                None => self.decoder.decode(piece.clone(), &mut self.batch),
            };
            decoded.map_err(Refusal::because)?;
            see(&mut self.converter, &self.batch)?;
        }
        Ok(())
    }
}

impl Contestant for SpanwiseToArrow {
    fn name(&self) -> &'static str {
        self.name
    }

    fn task(&self) -> Task {
        Task::Arrow
    }

    fn reads(&self) -> Reads {
        Reads::Spans
    }

    fn prepare(&mut self, requests: &[Bytes]) {
        self.framing = Self::framing(requests);
        let Some(blocks) = &mut self.blocks else { return };
        blocks.clear();
        let mut block = Vec::new();
        for request in requests {
            block.extend_from_slice(request);
            block.push(b'\n');
            if block.len() >= BLOCK {
                blocks.push(std::mem::take(&mut block).into());
            }
        }
        if !block.is_empty() {
            blocks.push(block.into());
        }
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        self.each(requests, |converter, batch| {
            black_box(converter.convert(batch).map_err(Refusal::because)?);
            Ok(())
        })
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        if !self.decoder.options().projection.span_attributes {
            facts.attributes = None;
        }
        self.each(requests, |converter, batch| {
            facts.add_batch(batch)?;
            let rows = converter.convert(batch).map_err(Refusal::because)?;
            if rows.num_rows() != batch.len() {
                return Err(Refusal(format!("{} rows of {} spans", rows.num_rows(), batch.len())));
            }
            Ok(())
        })?;
        Ok(facts)
    }
}
