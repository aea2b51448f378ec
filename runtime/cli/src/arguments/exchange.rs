//! Arguments of `keys export`, `import`, `public-key` and `exception`.

use super::Format;
use super::inventory::Who;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Under what a key travels.
#[derive(Args)]
pub(crate) struct CarrierArguments {
    /// Form: key-block-d, key-block-e, key-block-b, aes-key-wrap, aes-key-wrap-padded, rsa-oaep,
    /// ecdh-key-wrap; by exception key-block-a, key-block-c, legacy-ecb, legacy-cbc.
    #[arg(long, default_value = "key-block-d")]
    pub(crate) form: String,
    /// Label of the wrapping key, or of this site's key pair for rsa-oaep (in) and ecdh-key-wrap.
    #[arg(long, value_name = "NAME@VERSION", default_value = "")]
    pub(crate) under: String,
    /// The other side's public key (PEM or DER, SubjectPublicKeyInfo), for rsa-oaep (out) and
    /// ecdh-key-wrap.
    #[arg(long, value_name = "FILE")]
    pub(crate) peer: Option<PathBuf>,
    /// Shared information of both sides, for ecdh-key-wrap.
    #[arg(long, default_value = "")]
    pub(crate) info: String,
    /// Hash of rsa-oaep: `sha256` or `sha1`.
    #[arg(long, default_value = "sha256")]
    pub(crate) hash: String,
    /// Name of an exception, such as `exception-0001`.
    #[arg(long)]
    pub(crate) exception: Option<String>,
}

/// What a key that comes in is to be here.
#[derive(Args)]
pub(crate) struct IncomingKey {
    /// Logical name that the key gets, with a version if it is not the next one.
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub(crate) key: String,
    /// Its only use.
    #[arg(long = "use", value_name = "USE")]
    pub(crate) usage: String,
    /// Its algorithm.
    #[arg(long)]
    pub(crate) algorithm: String,
    /// `exportable`, `non_exportable` or `sensitive`; no more than the sender allows.
    #[arg(long, default_value = "non_exportable")]
    pub(crate) exportability: String,
    /// Who answers for it.
    #[arg(long)]
    pub(crate) owner: String,
    /// Where it belongs.
    #[arg(long, default_value = "production")]
    pub(crate) zone: String,
    /// Who sent it.
    #[arg(long)]
    pub(crate) from: String,
    /// The check value that its sender told: `ecb:08D7B4`, `cmac:…`, `sha256:…`.
    #[arg(long, value_name = "METHOD:HEX")]
    pub(crate) check_value: Option<String>,
}

#[derive(Args)]
pub(crate) struct Export {
    /// The key.
    #[arg(value_name = "NAME@VERSION")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) carrier: CarrierArguments,
    /// To whom.
    #[arg(long)]
    pub(crate) to: String,
    /// Mode of use in a block's header.
    #[arg(long)]
    pub(crate) mode: Option<char>,
    /// Exportability in a block's header: E, N or S.
    #[arg(long)]
    pub(crate) exportability: Option<char>,
    /// Optional block, such as `KC`, `KP`, `LB=Aurora`; may be given again.
    #[arg(long = "block", value_name = "ID[=DATA]")]
    pub(crate) blocks: Vec<String>,
    /// File for the wrapped key: text of a block, else hexadecimal digits. Without it, standard
    /// output.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Args)]
pub(crate) struct Import {
    /// File with the wrapped key: text of a block, else hexadecimal digits.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) carrier: CarrierArguments,
    #[command(flatten)]
    pub(crate) new: IncomingKey,
    /// Bits of an RSA modulus.
    #[arg(long, default_value_t = 0)]
    pub(crate) bits: u32,
    /// Public exponent of an RSA key.
    #[arg(long, default_value_t = 0)]
    pub(crate) exponent: u32,
    /// Take optional blocks that no table knows.
    #[arg(long)]
    pub(crate) accept_unknown_blocks: bool,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Subcommand)]
pub(crate) enum ExceptionVerb {
    /// Grant an exception; two security officers sign it.
    Add {
        /// The only form that it lets pass, such as `legacy-ecb`.
        #[arg(long)]
        form: String,
        /// The only partner that it is for.
        #[arg(long)]
        partner: String,
        /// Its last day, at most a year from now: `2026-12-31`.
        #[arg(long)]
        until: String,
        /// Why, 10 letters at least.
        #[arg(long)]
        reason: String,
        /// A key may also pass under a weaker one.
        #[arg(long)]
        weaker_wrapping: bool,
        /// A key may also leave in a weaker form than it came in.
        #[arg(long)]
        weaker_form: bool,
        /// Answers, one a line, in place of people; at TEST sites only.
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
    },
    /// All exceptions.
    List {
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}
