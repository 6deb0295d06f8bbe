//! How large a machine's userdata may be: one closed table. A document over a limit is cut or refused by the platform,
//! before any of this code runs, so that only `mint` and `check` can say it in time.

/// Where a machine gets its userdata from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Amazon EC2.
    Ec2,
    /// Hetzner Cloud.
    Hetzner,
    /// Apache CloudStack, as it was before `vm.userdata.max.length`.
    CloudStack,
    /// OpenStack Nova.
    OpenStack,
    /// Azure, custom data and user data.
    Azure,
}

/// What a platform's limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The bytes as they are.
    Raw,
    /// Their base64 text, a third longer.
    Base64,
}

impl Platform {
    /// All of them, the smallest limit first.
    pub const ALL: [Self; 5] = [Self::Ec2, Self::Hetzner, Self::CloudStack, Self::OpenStack, Self::Azure];

    /// The largest size, in bytes, and what of it is counted. Only limits that the platform documents, or that people
    /// ran into: a warning about a limit that is none costs more than it helps.
    #[must_use]
    pub const fn limit(self) -> (usize, Counted) {
        match self {
            Self::Ec2 => (16_384, Counted::Raw),
            Self::Hetzner => (32_768, Counted::Raw),
            Self::CloudStack => (32_768, Counted::Base64),
            Self::OpenStack => (65_535, Counted::Base64),
            Self::Azure => (65_536, Counted::Base64),
        }
    }

    /// Its name as its users write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Hetzner => "Hetzner",
            Self::CloudStack => "CloudStack",
            Self::OpenStack => "OpenStack",
            Self::Azure => "Azure",
        }
    }

    /// The largest userdata as it is, raw bytes: base64 makes four of each three, begun or whole.
    #[must_use]
    pub const fn room(self) -> usize {
        match self.limit() {
            (limit, Counted::Raw) => limit,
            (limit, Counted::Base64) => limit / 4 * 3,
        }
    }
}

/// The platforms that do not take userdata of this many raw bytes, the smallest limit first.
#[must_use]
pub fn exceeded(bytes: usize) -> Vec<Platform> {
    Platform::ALL.into_iter().filter(|platform| bytes > platform.room()).collect()
}
