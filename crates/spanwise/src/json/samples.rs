//! What tests of the scans try: everything, or under Miri, which takes some thousand times as long, what is at the edges.

/// All bytes; under Miri those next to which a scan's answer changes.
pub(crate) fn bytes() -> impl Iterator<Item = u8> {
    let edges = b"\x00\x1f\x20!\"#/09:@AF[\\]`afg\x7f\x80\xff";
    (0..=255).filter(move |byte| !cfg!(miri) || edges.contains(byte))
}

/// How far a loop over places steps: 1, under Miri as many as `under_miri`.
pub(crate) const fn step(under_miri: usize) -> usize {
    if cfg!(miri) { under_miri } else { 1 }
}
