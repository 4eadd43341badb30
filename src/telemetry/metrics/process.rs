//! What the kernel says of this process, under the names that every exporter gives it. Where there is no `/proc`, what
//! stands only there is not said.

use std::fs;
use std::path::Path;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::time::{ClockId, clock_gettime};

use super::families::{PROCESS_CPU, PROCESS_OPEN_FDS, PROCESS_RESIDENT_MEMORY, PROCESS_START_TIME};
use crate::telemetry::meters::{Samples, Source};

/// This process.
pub(super) struct Process;

impl Source for Process {
    fn tell(&self, samples: &mut Samples) {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        samples.add(&PROCESS_CPU, &[], cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9);
        let told = [
            (&PROCESS_RESIDENT_MEMORY, resident_bytes()),
            (&PROCESS_OPEN_FDS, open_files()),
            (&PROCESS_START_TIME, started()),
        ];
        for (family, value) in told {
            if let Some(value) = value {
                samples.add(family, &[], value);
            }
        }
    }
}

/// The second number of `statm` is in pages (proc(5)).
fn resident_bytes() -> Option<f64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages as f64 * page_size() as f64)
}

/// Since Linux 6.2 the folder's size is their number; before, it is 0 and they are counted.
fn open_files() -> Option<f64> {
    let folder = Path::new("/proc/self/fd");
    match fs::metadata(folder).ok()?.len() {
        0 => Some(fs::read_dir(folder).ok()?.count() as f64),
        count => Some(count as f64),
    }
}

/// Ticks since the system started, which `/proc/stat` has in seconds since 1970.
fn started() -> Option<f64> {
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in brackets, which may hold spaces; the start is the 22nd.
    let (_, fields) = own.rsplit_once(") ")?;
    let ticks: u64 = fields.split(' ').nth(19)?.parse().ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let booted: u64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(booted as f64 + ticks as f64 / clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_is_known_where_there_is_proc() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1e6));
        assert!(open_files().is_some_and(|count| count >= 3.0));
        let year_2020 = 1.5778e9;
        assert!(started().is_some_and(|seconds| seconds > year_2020));
    }
}
