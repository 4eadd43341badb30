//! Which configuration is in force, and what became of the last attempt to put another in its place.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::live::{Reloads, Told};

pub(super) fn told(reloads: &Reloads) -> Value {
    let Told { generation, since, last, .. } = reloads.told();
    let last = last.map(|last| {
        json!({ "at": millis(last.at), "trigger": last.trigger.to_string(), "problems": last.problems })
    });
    json!({ "generation": generation, "since": millis(since), "last_reload": last })
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
