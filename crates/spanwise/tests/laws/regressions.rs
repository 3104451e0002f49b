//! The inputs that once broke a law, in `tests/regressions`: every one goes through every law.

use spanwise::Mode;
use spanwise_testgen::samples;

use super::{
    block, history, json_verdict, opentelemetry_proto, oracle, positions, privacy, round_trip, sources,
    stream,
};

#[test]
fn what_once_broke_a_law_keeps_all_of_them() {
    let files = samples::regressions().unwrap();
    assert!(!files.is_empty());
    for file in &files {
        let text = &file.bytes;
        let checked = json_verdict::check(text)
            .and_then(|()| round_trip::check(text))
            .and_then(|()| round_trip::check_modes(text).map(|_| ()))
            .and_then(|()| oracle::check(text).map(|_| ()))
            .and_then(|()| opentelemetry_proto::check(text).map(|_| ()))
            .and_then(|()| privacy::check(text, false))
            .and_then(|()| positions::check(text))
            .and_then(|()| block::check(text))
            .and_then(|()| stream::check(text));
        assert!(checked.is_ok(), "{}: {checked:?}", file.name);
        for mode in [Mode::Strict, Mode::Lenient] {
            let checked = sources::check_places(text, mode)
                .and_then(|()| sources::check_zero_copy(text, mode))
                .and_then(|()| {
                    files.iter().try_for_each(|earlier| history::check(&[&earlier.bytes], text, mode))
                });
            assert!(checked.is_ok(), "{}, {mode:?}: {checked:?}", file.name);
        }
    }
}
