//! The clock: time that the processor spent on this thread.
//!
//! Not the time on the wall, which on a machine with other work counts their turns as well; where a contestant is
//! not interrupted, the two are the same. Reading takes a system call, well below a millionth of a run.

use std::time::Duration;

/// The processor time of this thread so far. Only differences mean anything.
#[cfg(unix)]
pub fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The time since the first call: the wall's, where the system has no clock of a thread that is precise enough.
#[cfg(not(unix))]
pub fn now() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}
