//! Arguments of the verbs of the inventory and of key distribution.

use super::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Who acts.
#[derive(Args)]
pub(crate) struct Who {
    /// Who acts.
    #[arg(long)]
    pub(crate) who: String,
    /// Another person who is there and wants the same.
    #[arg(long)]
    pub(crate) second: Option<String>,
    /// A file with the secrets that they would type; TEST sites only.
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum InventoryVerb {
    /// Keys with state, period and check values.
    List {
        /// Only keys whose name begins so.
        #[arg(long)]
        name: Option<String>,
        /// Only keys in this state, such as `active`.
        #[arg(long)]
        state: Option<String>,
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Everything that is known of a key.
    Show {
        /// Name, or name and version: `aurora.imk_ac@2`.
        key: String,
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Make a key in the HSM; it is pre-active.
    Generate(Box<Generate>),
    /// Enter a key that the HSM has already, under a label such as `aurora.cvk@1`; needs two people.
    Adopt {
        /// Label.
        key: String,
        /// Who answers for it.
        #[arg(long)]
        owner: String,
        /// Where it belongs.
        #[arg(long, default_value = "production")]
        zone: String,
        #[command(flatten)]
        who: Who,
    },
    /// Bring a key into the tokens of this site that lack it, wrapped under their storage key.
    Copy {
        /// Label.
        #[arg(value_name = "NAME@VERSION")]
        key: String,
        #[command(flatten)]
        who: Who,
    },
    /// Begin to use a key.
    Activate {
        /// Name or label.
        key: String,
        /// Begin, such as `2026-12-01` (UTC); now without it.
        #[arg(long)]
        from: Option<String>,
        /// End, the first moment at which it is used no more.
        #[arg(long)]
        until: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Take a key out of use for a time.
    Suspend(Life),
    /// Take a suspended key into use again; needs two people.
    Resume(Life),
    /// End the use of a key: what was made with it can still be opened and checked.
    Retire(Life),
    /// End the use of one version and begin that of another, at the same moment.
    Replace {
        /// Label of the version that is in use.
        key: String,
        /// Label of the version that takes its place.
        #[arg(long)]
        by: String,
        /// When; now without it.
        #[arg(long)]
        from: Option<String>,
        /// End of the new version's use.
        #[arg(long)]
        until: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Say that somebody may know a key who must not; needs two people.
    Compromise(Life),
    /// Destroy a key in the HSM; its entry stays; needs two people.
    Destroy(Life),
    /// Keys before their end, and acts that wait.
    Due {
        /// Days to look ahead; `[keys] alert_days` of site.toml without it.
        #[arg(long)]
        days: Option<u32>,
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Where keys are used: bundles, jobs, keys under them, certificates, packages.
    Use {
        /// Name or label; all keys without it.
        key: Option<String>,
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Compare the inventory with the HSM.
    Check {
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write inventory, uses, due keys and packages as one page that opens offline.
    Report {
        /// File, such as `keys.html`.
        #[arg(long)]
        out: PathBuf,
    },
    /// Send keys to other sites, and take theirs.
    Package {
        #[command(subcommand)]
        verb: PackageVerb,
    },
    /// This site's identity, and the sites that it trusts.
    Site {
        #[command(subcommand)]
        verb: SiteVerb,
    },
}

/// An act on one key.
#[derive(Args)]
pub(crate) struct Life {
    /// Name or label.
    pub(crate) key: String,
    /// Public words for the inventory and the audit log.
    #[arg(long, default_value = "")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Args)]
pub(crate) struct Generate {
    /// Logical name, as bundles have it: `aurora.imk_ac`.
    pub(crate) name: String,
    /// Its only use, as sources have it: `card_verification`.
    #[arg(long = "use", value_name = "USE")]
    pub(crate) usage: String,
    /// `tdes2`, `tdes3`, `aes128`, `aes192`, `aes256`, `rsa`, `p256`.
    #[arg(long)]
    pub(crate) algorithm: String,
    /// Bits of an RSA modulus.
    #[arg(long, default_value_t = 2048)]
    pub(crate) bits: u32,
    /// Public exponent of an RSA key.
    #[arg(long, default_value_t = 65_537)]
    pub(crate) exponent: u32,
    /// Who answers for it.
    #[arg(long)]
    pub(crate) owner: String,
    /// Where it belongs.
    #[arg(long, default_value = "production")]
    pub(crate) zone: String,
    /// `exportable`, `non_exportable` or `sensitive`.
    #[arg(long, default_value = "non_exportable")]
    pub(crate) exportability: String,
    /// Version; the next one without it.
    #[arg(long)]
    pub(crate) key_version: Option<u32>,
    /// Planned begin of its use.
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Planned end of its use.
    #[arg(long)]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Subcommand)]
pub(crate) enum PackageVerb {
    /// Make a package for a trusted site.
    Make {
        /// Labels of the keys.
        #[arg(required = true)]
        keys: Vec<String>,
        /// Name of the site.
        #[arg(long)]
        to: String,
        /// File, such as `north.ckp`; must be new.
        #[arg(long)]
        out: PathBuf,
        /// Days until it can no more be opened; `[keys] package_days` of site.toml without it.
        #[arg(long)]
        days: Option<u32>,
        #[command(flatten)]
        who: Who,
    },
    /// Open a package of a trusted site: all its keys come into the HSM, or none.
    Open {
        /// Package.
        file: PathBuf,
        /// File for the receipt; must be new.
        #[arg(long)]
        receipt: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Sign the receipt of an opened package again.
    Receipt {
        /// Number of the package.
        package: String,
        /// File; must be new.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Close the record of a package by its receipt.
    Acknowledge {
        /// Receipt.
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Packages, sent and received.
    List {
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Subcommand)]
pub(crate) enum SiteVerb {
    /// Make this site's key pairs and begin to use them; needs two people.
    Make {
        /// Take RSA with 3072 bits for both, where other sites' HSMs need it.
        #[arg(long)]
        rsa: bool,
        /// Who answers for them.
        #[arg(long, default_value = "key management")]
        owner: String,
        #[command(flatten)]
        who: Who,
    },
    /// This site's fingerprint; with `--out` its identity file.
    Show {
        /// File for the other site; must be new.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Confirm another site's identity by its fingerprint; needs two people.
    Trust {
        /// The other site's identity file.
        file: PathBuf,
        /// The fingerprint, as it came by another way.
        #[arg(long)]
        fingerprint: String,
        #[command(flatten)]
        who: Who,
    },
    /// Sites that are trusted, or wait for a second person.
    List {
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}
