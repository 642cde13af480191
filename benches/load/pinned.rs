//! On which cores this process, and what it starts from now on, may run.

/// Allows the first `count` cores, where the system has a notion of that.
#[cfg(target_os = "linux")]
pub(crate) fn to_cores(count: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut cores = CpuSet::new();
    (0..count).for_each(|core| cores.set(core));
    // A machine with fewer cores keeps what it has.
    let _ = sched_setaffinity(None, &cores);
}

/// Does nothing: the figures are those of all cores.
#[cfg(not(target_os = "linux"))]
pub(crate) fn to_cores(_count: usize) {}
