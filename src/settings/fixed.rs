//! Settings that hold for the life of the process, because threads are made and the log is begun by them.

use super::Settings;

impl Settings {
    /// The keys whose values differ in `next` and do nothing before a restart.
    pub fn fixed(&self, next: &Settings) -> Vec<&'static str> {
        let serves_traffic = |it: &Settings| it.ext_proc.as_ref().is_none_or(|ext_proc| !ext_proc.is_alone);
        let differences = [
            ("server.workers", self.server.workers != next.server.workers),
            ("server.listen", serves_traffic(self) != serves_traffic(next)),
            (
                "server.socket_mode",
                self.server.listen == next.server.listen
                    && self.server.socket_mode != next.server.socket_mode,
            ),
            ("log.format", self.log.format != next.log.format),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}
