//! Arguments of `keys`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) verb: KeysVerb,
}

#[derive(Subcommand)]
pub(crate) enum KeysVerb {
    /// Certify the open test key of an issuer by the open test CA: for TEST bundles only.
    TestCertificate(TestCertificate),
    /// Key ceremonies: keys made, taken in, given out, destroyed by several people.
    Ceremony {
        #[command(subcommand)]
        verb: super::ceremony::CeremonyVerb,
    },
    /// People of key management: security officers, custodians, auditors.
    Custodian {
        #[command(subcommand)]
        verb: super::ceremony::CustodianVerb,
    },
    /// Give a key out under another one.
    Export(Box<super::exchange::Export>),
    /// Take a key in that is under another one.
    Import(Box<super::exchange::Import>),
    /// TR-34: hosts and devices, their bindings, keys in two passes and in one.
    Tr34 {
        #[command(subcommand)]
        verb: super::tr34::Tr34Verb,
    },
    /// Print the public half of a key pair as PEM.
    PublicKey {
        /// The key pair.
        #[arg(value_name = "NAME@VERSION")]
        key: String,
    },
    /// Exceptions from the rules of key exchange, signed by two officers.
    Exception {
        #[command(subcommand)]
        verb: super::exchange::ExceptionVerb,
    },
    /// Issuer certificates: asked for, taken in, renewed.
    Issuer {
        #[command(subcommand)]
        verb: super::issuer::IssuerVerb,
    },
    /// Public keys of schemes' certification authorities.
    Ca {
        #[command(subcommand)]
        verb: super::issuer::CaVerb,
    },
    /// Keys of chips made ahead.
    Pool(crate::commands::pool::Pool),
    #[command(flatten)]
    Inventory(super::inventory::InventoryVerb),
}

#[derive(Args)]
pub(crate) struct TestCertificate {
    /// The key's name in the sources, with its issuer: `aurora.issuer_rsa`.
    #[arg(long, value_name = "ISSUER.KEY")]
    pub(crate) key: String,
    /// Leftmost 3 to 8 digits of the issuer's PANs.
    #[arg(long)]
    pub(crate) range: String,
    /// Last month of the certificate, MMYY.
    #[arg(long, default_value = "1235")]
    pub(crate) expiry: String,
    /// Bits of the issuer's modulus.
    #[arg(long, default_value_t = 1984)]
    pub(crate) bits: u32,
    /// Exponent of the issuer's key.
    #[arg(long, default_value_t = 3)]
    pub(crate) exponent: u32,
    /// Folder for `issuer-92.cer` and `test-ca-92.pub`; files that are there stay.
    #[arg(long)]
    pub(crate) out: PathBuf,
}
