//! The catalogue of what kubeboot tells the journal: each kind of message has a MESSAGE_ID that never changes
//! (systemd.journal-fields(7)), so that tools find it whatever its words. The README lists them.
//!
//! Made by `systemd-id128 new`. `journalctl MESSAGE_ID=… -o json` shows the entries.

macro_rules! catalogue {
    ($($variant:ident: $id:literal, $meaning:literal;)*) => {
        /// A kind of message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Message {
            $(#[doc = $meaning] $variant,)*
        }

        impl Message {
            /// All of them, in the order of the README's table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The MESSAGE_ID: 32 lower-case hex digits.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            /// What it tells.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

catalogue! {
    RunBegins: "2108e6bdd44f4ecdb4844e8e17f35040", "a run begins: which machine is to be what, in which cluster";
    StepBegins: "2413eff9a5204b1aaa547444eddf8038", "a step's action begins (`STEP`)";
    Waiting: "113eee0e818348fc9cc646ce9ddaec44", "something is waited for, or looks otherwise than before (`STEP`, `FAILURE`)";
    AttemptFailed: "7203a65ffed34a879aae7afc59678e3c", "an attempt failed and will be repeated (`STEP`, `FAILURE`)";
    CourseTaken: "f00757830e654bc7b3aefb5c4797a8bc", "the fence chose: this machine starts the cluster, or joins it";
    StepDone: "8cbe35370c3c44c6a27814775daa9aa5", "a step is done (`STEP`)";
    LeftToDo: "6cdd27038b8f472b8b1427977f253271", "something is left for a person to do";
    Failed: "dec83b4e3c604809ac2442bb89c549ce", "the run ended with a fault (`FAILURE`, `EXIT_CODE`)";
    Done: "13a58805025745409b0373617a49de9c", "the node works and kubeboot has retired";
    Output: "470e85ef57024d86830208ef16300639", "a line of kubeadm's, or of another program's (`STEP`)";
}
