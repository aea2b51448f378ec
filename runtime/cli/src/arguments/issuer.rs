//! Arguments of `keys issuer` and `keys ca`.

use super::Format;
use super::inventory::Who;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum IssuerVerb {
    /// Ask for a certificate: writes the files of the request.
    Request(Box<IssuerRequest>),
    /// Certify a request by a local test CA, whose key is in this HSM; TEST only.
    Certify {
        /// Folder with `request.p10` and `request.rec`.
        request: PathBuf,
        /// Label of the test CA's key.
        #[arg(long, value_name = "NAME@VERSION")]
        authority: String,
        /// Index of the CA's key, hexadecimal.
        #[arg(long)]
        ca_index: String,
        /// Last month of the CA's key, MMYY.
        #[arg(long)]
        ca_expiry: String,
        /// File for the certificate: data objects 8F, 90, 92, 9F32 in hexadecimal.
        #[arg(long)]
        out: PathBuf,
    },
    /// Take a scheme's certificate in; every part of it is verified.
    Import {
        /// File with the data objects 8F, 90, 92, 9F32 in hexadecimal.
        file: PathBuf,
        /// The issuer's key.
        #[arg(long, value_name = "NAME@VERSION")]
        key: String,
        /// File for projects, such as `keys/issuer-92.cer`.
        #[arg(long)]
        out: Option<PathBuf>,
        #[command(flatten)]
        who: Who,
    },
    /// Ask for the certificate that follows another one, for a new key.
    Renew {
        /// The key whose certificate ends.
        #[arg(value_name = "NAME@VERSION")]
        key: String,
        /// The new key.
        #[arg(long, value_name = "NAME@VERSION")]
        by: String,
        /// Last month that is asked for, MMYY.
        #[arg(long)]
        expiry: String,
        /// Folder for the files of the request.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Requests and certificates, with what is due.
    List {
        /// How long new cards are valid, months.
        #[arg(long, default_value_t = 48)]
        card_months: u16,
        /// How long before that the next certificate is asked for, months.
        #[arg(long, default_value_t = 6)]
        lead_months: u16,
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Args)]
pub(crate) struct IssuerRequest {
    /// The issuer's key.
    #[arg(value_name = "NAME@VERSION")]
    pub(crate) key: String,
    /// `open`, `self-signed-record`, `service-record`.
    #[arg(long, default_value = "open")]
    pub(crate) form: String,
    /// The issuer.
    #[arg(long)]
    pub(crate) organization: String,
    /// Registered application provider identifier, ten hexadecimal digits.
    #[arg(long)]
    pub(crate) rid: String,
    /// Index of the CA's key, hexadecimal.
    #[arg(long)]
    pub(crate) ca_index: String,
    /// Leftmost 3 to 8 digits of the PANs.
    #[arg(long)]
    pub(crate) range: String,
    /// Last month that is asked for, MMYY.
    #[arg(long)]
    pub(crate) expiry: String,
    /// Tracking number, six hexadecimal digits.
    #[arg(long, default_value = "000001")]
    pub(crate) tracking: String,
    /// Service identifier, eight hexadecimal digits.
    #[arg(long, default_value = "01010000")]
    pub(crate) service: String,
    /// Index of the issuer's key, six hexadecimal digits.
    #[arg(long, default_value = "000001")]
    pub(crate) key_index: String,
    /// Folder for the files of the request.
    #[arg(long)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Subcommand)]
pub(crate) enum CaVerb {
    /// Add the keys of a file, compared by two people with the scheme's publication.
    Add {
        /// File: `RID INDEX expiry=YYYY-MM exponent=… checksum=… modulus=…` a line.
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// All CA keys, with their checksums.
    List {
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// One CA key, as its line.
    Show {
        /// Registered application provider identifier.
        rid: String,
        /// Index, hexadecimal.
        index: String,
    },
    /// Print the line of a local test CA, whose key is in this HSM; TEST only.
    Publish {
        /// Label of its key.
        #[arg(value_name = "NAME@VERSION")]
        key: String,
        /// Registered application provider identifier; not one of a scheme.
        #[arg(long)]
        rid: String,
        /// Index, hexadecimal.
        #[arg(long)]
        index: String,
        /// Last month, MMYY.
        #[arg(long)]
        expiry: String,
    },
}
