//! What the bed prints: one line per thing, with the time since the harness started.

use std::sync::OnceLock;
use std::time::Instant;

static STARTED: OnceLock<Instant> = OnceLock::new();

/// Seconds since the first line.
pub fn elapsed() -> f64 {
    STARTED.get_or_init(Instant::now).elapsed().as_secs_f64()
}

pub fn say(text: impl AsRef<str>) {
    println!("{:7.1}s  {}", elapsed(), text.as_ref());
}
