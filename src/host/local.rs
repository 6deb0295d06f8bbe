//! This machine, as a [`super::Host`].
