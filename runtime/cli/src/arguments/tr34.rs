//! Arguments of `keys tr34`.

use super::Format;
use super::exchange::IncomingKey;
use super::inventory::Who;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Whom a side of TR-34 trusts.
#[derive(Args)]
pub(crate) struct Tr34Trust {
    /// Certificate of an authority that is trusted; may be given again.
    #[arg(long = "authority", value_name = "FILE", required = true)]
    pub(crate) authorities: Vec<PathBuf>,
    /// Revocation list of an authority; may be given again.
    #[arg(long = "revocations", value_name = "FILE")]
    pub(crate) revocations: Vec<PathBuf>,
}

/// Certificates of both sides of TR-34.
#[derive(Args)]
pub(crate) struct Tr34Sides {
    /// The host's certificate (PEM or DER): who sends keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) host: PathBuf,
    /// The device's certificate: who receives keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) device: PathBuf,
    #[command(flatten)]
    pub(crate) trust: Tr34Trust,
}

/// A device of this site.
#[derive(Args)]
pub(crate) struct Tr34Device {
    /// The device's key pair.
    #[arg(long, value_name = "NAME@VERSION")]
    pub(crate) device_key: String,
    /// Its certificate (PEM or DER).
    #[arg(long, value_name = "FILE")]
    pub(crate) device: PathBuf,
    #[command(flatten)]
    pub(crate) trust: Tr34Trust,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Subcommand)]
pub(crate) enum Tr34Verb {
    /// A certificate request (PKCS #10) for a host's or a device's key pair.
    Request {
        /// The key pair; of use `key_exchange` it asks to receive keys, else to sign.
        #[arg(value_name = "NAME@VERSION")]
        key: String,
        /// Its name, such as `CN=Host 1,O=Aurora`.
        #[arg(long)]
        subject: String,
        /// File for the request (DER).
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// A credential token: this side's certificate for the other one.
    Credential {
        /// The key pair.
        #[arg(value_name = "NAME@VERSION")]
        key: String,
        /// Its certificate (PEM or DER).
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
        /// Revocation list that goes with a host's certificate; may be given again.
        #[arg(long = "revocations", value_name = "FILE")]
        revocations: Vec<PathBuf>,
        /// File for the token (DER).
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// The device binds itself to the host whose credential token came.
    Bind {
        /// The host's credential token (DER).
        file: PathBuf,
        #[command(flatten)]
        own: Tr34Device,
    },
    /// Devices of this site and the hosts that they are bound to.
    Bindings {
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// The host lets a device go, or its authority takes it from the host.
    Unbind(Box<Tr34Let>),
    /// The host gives a device to another host, or its authority does.
    Rebind {
        #[command(flatten)]
        wanted: Box<Tr34Let>,
        /// The new host's certificate.
        #[arg(long, value_name = "FILE")]
        new_host: PathBuf,
    },
    /// The device takes an unbind token: it is bound to nobody.
    Unbound(Box<Tr34Released>),
    /// The device takes a rebind token: it is bound to the new host.
    Rebound(Box<Tr34Released>),
    /// The device begins: a random number token for the host, and the nonce for itself.
    Nonce {
        /// File for the token, which goes to the host.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// File for the nonce, which stays here until the key has come; it is used once.
        #[arg(long, value_name = "FILE")]
        keep: PathBuf,
    },
    /// The host answers: a key token for a device.
    Send(Box<Tr34Send>),
    /// The device takes the key in.
    Receive(Box<Tr34Receive>),
}

/// A token that ends or changes a binding.
#[derive(Args)]
pub(crate) struct Tr34Let {
    #[command(flatten)]
    pub(crate) sides: Tr34Sides,
    /// The host's key pair, which signs over the device's nonce.
    #[arg(long, value_name = "NAME@VERSION", requires = "nonce")]
    pub(crate) host_key: Option<String>,
    /// The device's random number token.
    #[arg(long, value_name = "FILE", requires = "host_key")]
    pub(crate) nonce: Option<PathBuf>,
    /// The authority's key pair, which signs in place of the host.
    #[arg(
        long,
        value_name = "NAME@VERSION",
        conflicts_with = "host_key",
        requires = "authority_certificate",
        required_unless_present = "host_key"
    )]
    pub(crate) authority_key: Option<String>,
    /// The certificate of the authority's key pair.
    #[arg(long, value_name = "FILE")]
    pub(crate) authority_certificate: Option<PathBuf>,
    /// File for the token (DER).
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// A token that ends or changes a binding came.
#[derive(Args)]
pub(crate) struct Tr34Released {
    /// The token (DER).
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) own: Tr34Device,
    /// The nonce that `tr34 nonce` kept, for a token of the host; the file is removed whatever comes of it.
    #[arg(long, value_name = "FILE", required_unless_present = "signed_by")]
    pub(crate) nonce: Option<PathBuf>,
    /// Certificate of the authority, for a token that it signed.
    #[arg(long, value_name = "FILE", conflicts_with = "nonce")]
    pub(crate) signed_by: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Tr34Send {
    /// The key.
    #[arg(value_name = "NAME@VERSION")]
    pub(crate) key: String,
    /// The host's key pair, which signs.
    #[arg(long, value_name = "NAME@VERSION")]
    pub(crate) host_key: String,
    #[command(flatten)]
    pub(crate) sides: Tr34Sides,
    /// The device's random number token: two passes.
    #[arg(long, value_name = "FILE", required_unless_present = "one_pass")]
    pub(crate) nonce: Option<PathBuf>,
    /// One pass: the token has the time in place of the device's nonce.
    #[arg(long, conflicts_with = "nonce")]
    pub(crate) one_pass: bool,
    /// Content cipher: aes128, aes256, tdes3.
    #[arg(long, default_value = "aes128")]
    pub(crate) cipher: String,
    /// Hash of RSA-OAEP: sha256 or sha1.
    #[arg(long, default_value = "sha256")]
    pub(crate) hash: String,
    /// Mode of use in the header.
    #[arg(long)]
    pub(crate) mode: Option<char>,
    /// To whom.
    #[arg(long)]
    pub(crate) to: String,
    /// File for the key token (DER).
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Args)]
pub(crate) struct Tr34Receive {
    /// The key token (DER).
    pub(crate) file: PathBuf,
    /// The device's key pair.
    #[arg(long, value_name = "NAME@VERSION")]
    pub(crate) device_key: String,
    #[command(flatten)]
    pub(crate) sides: Tr34Sides,
    /// The nonce that `tr34 nonce` kept; the file is removed whatever comes of it.
    #[arg(long, value_name = "FILE", required_unless_present = "one_pass")]
    pub(crate) nonce: Option<PathBuf>,
    /// One pass, for a device that is bound: the token's time is not further from now than so many seconds.
    #[arg(long, value_name = "SECONDS", conflicts_with = "nonce")]
    pub(crate) one_pass: Option<u64>,
    #[command(flatten)]
    pub(crate) new: IncomingKey,
    #[command(flatten)]
    pub(crate) who: Who,
}
