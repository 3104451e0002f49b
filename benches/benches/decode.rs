//! Decoding, one corpus at a time, with criterion's statistics: to see whether a change made a difference. For the
//! comparison of contestants use the report, which interleaves them.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use spanwise_bench::contestants::{self, Reads, Task};
use spanwise_bench::measure::Case;
use spanwise_corpora::{Corpus, Form};

const SEED: u64 = 42;
const SIZE: u64 = 2 << 20;

fn decode(criterion: &mut Criterion) {
    for corpus in Corpus::ALL {
        let case = Case::generate(*corpus, Form::Ndjson, SEED, SIZE);
        let mut group = criterion.benchmark_group(corpus.name());
        group.throughput(Throughput::Bytes(case.bytes)).sample_size(20);
        for mut contestant in contestants::all() {
            let decodes = contestant.task() == Task::Decode && contestant.reads() == Reads::Spans;
            if !decodes && contestant.name() != contestants::TAPE {
                continue;
            }
            group.bench_function(contestant.name(), |bencher| {
                // A cell, since both closures of a batch need the contestant.
                let contestant = std::cell::RefCell::new(&mut contestant);
                bencher.iter_batched(
                    || contestant.borrow_mut().prepare(&case.requests),
                    |()| contestant.borrow_mut().run(&case.requests),
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
