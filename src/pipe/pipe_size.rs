//! Larger pipes: each time a pipe is full or empty, a process has to be woken, and that is what slows a pipeline down.

use std::os::fd::AsFd;

/// Has a pipe hold up to 1 MiB, or as much less as the system allows; what is not a pipe is left alone. Best effort, and on
/// Linux only: the default of 64 KiB works too.
pub fn enlarge(fd: impl AsFd) {
    #[cfg(target_os = "linux")]
    {
        use nix::fcntl::{FcntlArg, fcntl};
        let current = fcntl(&fd, FcntlArg::F_GETPIPE_SZ).unwrap_or(i32::MAX);
        let mut size = 1 << 20;
        while size > current && fcntl(&fd, FcntlArg::F_SETPIPE_SZ(size)).is_err() {
            size /= 2;
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = fd;
}
