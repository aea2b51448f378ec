//! The command line.

use cardwright_compiler::project::LockUse;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Turns a bank's `.perso` sources into a signed bundle that `cardstation` runs.
#[derive(Parser)]
#[command(name = "cardwright", version, about, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a project folder that checks, tests and builds at once.
    New(New),
    /// Say everything that is wrong with a project, in one run.
    Check(Check),
    /// Make the bundle. The same sources give the same bytes everywhere.
    Build(Build),
    /// Make a signer's key. The private half never leaves the file.
    Keygen(Keygen),
    /// Add one signature to a bundle.
    Sign(Sign),
    /// Check a bundle's signatures against those whom a site trusts.
    Verify(Verify),
    /// Lay sources out; every word and comment is kept.
    Fmt(Fmt),
    /// Rehearse the project's tests with open test keys and a virtual card.
    Test(Test),
    /// Draw card faces, carriers and mailers with specimen data, never with a real PIN.
    Preview(Preview),
    /// Copy all packages that a project builds on into its `vendor` folder.
    Vendor(Vendor),
    /// What changed between two bundles, product by product, in the trade's terms.
    Diff(Diff),
    /// What a bundle holds, product by product.
    Inspect(Inspect),
    /// A first draft out of existing personalization data, which gives the data back.
    Import(Import),
    /// What an error code or a data element means.
    Explain(Explain),
    /// The expression, rules, order fields and HSM operations behind an output of an order.
    Why(Why),
    /// JSON Schemas of what is read and written.
    Schema(Schema),
    /// A project's own documentation, or the language's reference, as one HTML file.
    Doc(Doc),
    /// The stable text print of tree, model, checked model or bundle.
    Dump(Dump),
    /// Serve an editor over standard input and output (Language Server Protocol).
    Lsp {
        /// Taken as said anyway: editors' libraries give it to every server.
        #[arg(long)]
        stdio: bool,
    },
    /// Shell completions.
    Completions {
        /// Shell.
        shell: clap_complete::Shell,
    },
}

impl Lock {
    /// The compiler's word for it.
    pub(crate) fn how(self) -> LockUse {
        match (self.locked, self.update_lock) {
            (true, _) => LockUse::Locked,
            (_, true) => LockUse::Update,
            _ => LockUse::Check,
        }
    }
}

/// How something is listed.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs; has `schema_version`.
    Json,
}

#[derive(Args)]
pub(crate) struct New {
    /// Name of the project and its folder: small letters, digits and hyphens.
    pub(crate) name: PathBuf,
    /// What to begin with.
    #[arg(long, default_value = "contact-debit", value_parser = crate::templates::names())]
    pub(crate) template: String,
}

#[derive(Args)]
pub(crate) struct Check {
    /// Project folder; default is the one that the current folder is in.
    pub(crate) project: Option<PathBuf>,
    /// Check as LIVE: check values of real keys are needed.
    #[arg(long)]
    pub(crate) live: bool,
    /// Make the changes that findings name, and say each; the sources are written.
    #[arg(long)]
    pub(crate) fix: bool,
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args)]
pub(crate) struct Build {
    /// Project folder; default is the one that the current folder is in.
    pub(crate) project: Option<PathBuf>,
    /// File; default is the project's name with `.cwb` in its folder. A folder when several
    /// bundles are built.
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// For real cards: unsigned until real signers sign it.
    #[arg(long)]
    pub(crate) live: bool,
    /// Only this one of the manifest's `[bundles]`; default is all of them.
    #[arg(long)]
    pub(crate) bundle: Option<String>,
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Print bundle, digest, version and whether it is TEST as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is done about `cardwright.lock`.
#[derive(Args, Clone, Copy)]
pub(crate) struct Lock {
    /// The lock must be there and fit to the octet.
    #[arg(long, conflicts_with = "update_lock")]
    pub(crate) locked: bool,
    /// Write the lock anew.
    #[arg(long)]
    pub(crate) update_lock: bool,
}

#[derive(Args)]
pub(crate) struct Vendor {
    /// Project folder; default is the one that the current folder is in.
    pub(crate) project: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) lock: Lock,
}

#[derive(Args)]
pub(crate) struct Keygen {
    /// New file; nothing is overwritten.
    #[arg(short, long)]
    pub(crate) output: PathBuf,
}

#[derive(Args)]
pub(crate) struct Sign {
    /// Bundle.
    pub(crate) bundle: PathBuf,
    /// Private key: 64 hexadecimal digits, or PKCS#8 PEM.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// Write the signed bundle here; default is over the bundle itself.
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// Bundle.
    pub(crate) bundle: PathBuf,
    /// TOML with `threshold`, `signers` and `open_test_signer`; default trusts the open test
    /// signer for TEST only.
    #[arg(long)]
    pub(crate) trust: Option<PathBuf>,
    /// Also ask for this environment.
    #[arg(long, value_enum)]
    pub(crate) expect: Option<Expected>,
    /// Output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Where a bundle may run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Expected {
    /// Test keys, invented people.
    Test,
    /// Real cards.
    Live,
}

#[derive(Args)]
pub(crate) struct Fmt {
    /// Files and folders; `-` is standard input. Default is the current folder.
    pub(crate) paths: Vec<PathBuf>,
    /// Write nothing; name the files that would change and end with 1.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Args)]
pub(crate) struct Test {
    /// Project folder; default is the one that the current folder is in.
    pub(crate) project: Option<PathBuf>,
    /// Only tests whose name holds this text.
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// Write snapshots anew. Read them before you commit them.
    #[arg(long)]
    pub(crate) update: bool,
    /// Also write JUnit XML into this file, for build servers.
    #[arg(long)]
    pub(crate) junit: Option<PathBuf>,
    /// Say which branches of the project no test took.
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Change one thing of the bundle at a time and say which changes no test notices.
    #[arg(long)]
    pub(crate) mutate: bool,
    /// Most changes that are tried.
    #[arg(long, default_value_t = 100, requires = "mutate")]
    pub(crate) mutants: usize,
    /// Which changes: the same number gives the same ones.
    #[arg(long, default_value_t = 1, requires = "mutate")]
    pub(crate) seed: u64,
    /// Output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args)]
pub(crate) struct Preview {
    /// Project folder; default is the one that the current folder is in.
    pub(crate) project: Option<PathBuf>,
    /// Only this layout, or this card's faces.
    #[arg(long)]
    pub(crate) layout: Option<String>,
    /// Folder; default is `preview` in the project.
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// Draw again whenever a file of the project changes, until Ctrl-C.
    #[arg(short, long)]
    pub(crate) watch: bool,
}

#[derive(Args)]
pub(crate) struct Diff {
    /// Bundle, or project folder (built in memory, TEST).
    pub(crate) old: PathBuf,
    /// Bundle, or project folder (built in memory, TEST).
    pub(crate) new: PathBuf,
    /// End with 2 when they differ, for gates.
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Inspect {
    /// Bundle, or a project's folder.
    pub(crate) bundle: PathBuf,
    /// TOML with the speeds of your chip readers, HSM and stations, for the estimates.
    #[arg(long)]
    pub(crate) speeds: Option<PathBuf>,
    /// Output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args)]
pub(crate) struct Why {
    /// Bundle, or project folder; TEST only.
    pub(crate) bundle: PathBuf,
    /// Order file.
    #[arg(long)]
    pub(crate) orders: PathBuf,
    /// A second file that the format joins: NAME=FILE.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) with: Vec<String>,
    /// Job, where the bundle has several.
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// Number of the order in the file, from 1.
    #[arg(long)]
    pub(crate) order: u64,
    /// Output: `chip:debit:57`, `chip:debit:57[3..5]`, `track2`, `front:line:1`,
    /// `mailer:pin_letter`, `file:return:3`.
    pub(crate) output: String,
    /// Output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args)]
pub(crate) struct Schema {
    /// Which; without one, their names.
    pub(crate) name: Option<String>,
    /// Write all of them into this folder.
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Doc {
    /// Project folder; default is the one that the current folder is in.
    pub(crate) project: Option<PathBuf>,
    /// Folder; default is `doc` in the project.
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// The reference book of the language instead.
    #[arg(long)]
    pub(crate) reference: bool,
}

#[derive(Args)]
pub(crate) struct Import {
    /// Data groupings, commands, CPS records, TLV, or a table of tags.
    pub(crate) file: PathBuf,
    /// New project folder; its name is the project's.
    #[arg(short, long)]
    pub(crate) output: PathBuf,
    /// What the file is, when it is taken for something else.
    #[arg(long, value_enum)]
    pub(crate) from: Option<ImportKind>,
    /// Widths of CPS records that are not Cardwright's own, as TOML (docs/import.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) layout: Option<PathBuf>,
    /// Leading digits of account numbers that belong to nobody and may stay, beside 999992.
    #[arg(long, value_name = "DIGITS")]
    pub(crate) test_bin: Vec<String>,
    /// Write `application`s only, which hold what they are told, and no profiles.
    #[arg(long)]
    pub(crate) no_profiles: bool,
    /// Output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// What can be imported.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportKind {
    /// Lines of data groupings in hexadecimal.
    Dgi,
    /// Commands in hexadecimal: SELECT, STORE DATA.
    Commands,
    /// CPS records, as output files have them.
    Cps,
    /// TLV: octets, hexadecimal or indented lines.
    Tlv,
    /// A table: tag, value, name.
    Csv,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// Error code such as `E0301`, tag such as `9F0D`, or a data element's name.
    pub(crate) subject: String,
    /// Value of the data element, to be decoded.
    pub(crate) hex: Option<String>,
    /// Whose meaning of proprietary tags: `visa`, `mastercard`, `amex`, `unionpay`, `cpa`.
    #[arg(long)]
    pub(crate) dictionary: Option<String>,
}

#[derive(Args)]
pub(crate) struct Dump {
    /// Which noun.
    #[arg(value_enum)]
    pub(crate) noun: Noun,
    /// Source for `tree`, project or source for `model` and `checked`, bundle for `bundle`.
    pub(crate) file: PathBuf,
}

/// What can be dumped.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Noun {
    /// The lossless tree of one source.
    Tree,
    /// Declarations with names resolved and inheritance carried out.
    Model,
    /// The model, and what is said about it.
    Checked,
    /// What a bundle says.
    Bundle,
}
