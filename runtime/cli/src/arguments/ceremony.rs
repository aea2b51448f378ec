//! Arguments of `keys ceremony` and `keys custodian`.

use super::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum CeremonyVerb {
    /// Open a ceremony and begin it.
    Start(Box<Start>),
    /// Go on with a ceremony that was interrupted.
    Continue {
        /// Its name, such as `ceremony-0001`.
        id: String,
        #[command(flatten)]
        room: Room,
    },
    /// What it is about, how far it has come, what it waits for.
    Show {
        /// Its name.
        id: String,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// All ceremonies.
    List {
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Give a ceremony up: its components are removed. A security officer does it.
    Abandon {
        /// Its name.
        id: String,
        /// Why, public words.
        #[arg(long)]
        why: String,
        #[command(flatten)]
        room: Room,
    },
    /// The record that all sign; checks its digest and its signatures.
    Record {
        /// Its name.
        id: String,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Where people and forms are.
#[derive(Args)]
pub(crate) struct Room {
    /// Answers, one a line, in place of people; at TEST sites only.
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,
    /// Printer's device for blind forms, such as `/dev/usb/lp0`. A TEST site without one writes them
    /// into its folder `forms`.
    #[arg(long, value_name = "DEVICE")]
    pub(crate) printer: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Start {
    /// `generate`, `import`, `export`, `destroy` or `key-pair`.
    pub(crate) kind: String,
    /// The key: `aurora.zmk`, with its version (`@1`) for one that is there.
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub(crate) key: String,
    /// Its only use, such as `transport` or `emv.issuer_private`.
    #[arg(long = "use", value_name = "USE", default_value = "transport")]
    pub(crate) usage: String,
    /// `tdes2`, `tdes3`, `aes128`, `aes192`, `aes256`, `rsa`, `p256`.
    #[arg(long, default_value = "tdes2")]
    pub(crate) algorithm: String,
    /// Bits of an RSA modulus.
    #[arg(long, default_value_t = 0)]
    pub(crate) bits: u32,
    /// Public exponent of an RSA key.
    #[arg(long, default_value_t = 0)]
    pub(crate) exponent: u32,
    /// `exportable`, `non_exportable` or `sensitive`.
    #[arg(long, default_value = "non_exportable")]
    pub(crate) exportability: String,
    /// Who answers for the key.
    #[arg(long, default_value = "")]
    pub(crate) owner: String,
    /// Where it belongs.
    #[arg(long, default_value = "production")]
    pub(crate) zone: String,
    /// Components, 2 to 5.
    #[arg(long, default_value_t = 3)]
    pub(crate) components: u8,
    /// Security officers that open it, at least 2.
    #[arg(long, default_value_t = 2)]
    pub(crate) officers: u8,
    /// An auditor watches and signs, too.
    #[arg(long)]
    pub(crate) auditor: bool,
    /// The check value that the key's sender has told: `ecb:08D7B4`, `cmac:…`, `gp:…`.
    #[arg(long, value_name = "METHOD:HEX")]
    pub(crate) check_value: Option<String>,
    #[command(flatten)]
    pub(crate) room: Room,
}

#[derive(Subcommand)]
pub(crate) enum CustodianVerb {
    /// Register a person; the first two are security officers, others need two officers.
    Add {
        /// Name.
        name: String,
        /// `officer`, `auditor`, `custodian:1` to `custodian:5`; may be given again.
        #[arg(long, required = true)]
        role: Vec<String>,
        /// Answers, one a line, in place of people; at TEST sites only.
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
    },
    /// Everybody who is registered.
    List {
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Take a person out of the register; two officers do it.
    Remove {
        /// Name.
        name: String,
        /// Answers, one a line, in place of people; at TEST sites only.
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
    },
    /// Unlock a name after wrong secrets; two officers do it.
    Unlock {
        /// Name.
        name: String,
        /// Answers, one a line, in place of people; at TEST sites only.
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
    },
}
