//! One file per subcommand: arguments to calls, nothing else.

pub mod mint;
