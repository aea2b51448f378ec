//! The command line.

pub(crate) mod ceremony;
pub(crate) mod exchange;
pub(crate) mod inventory;
pub(crate) mod issuer;
pub(crate) mod keys;
pub(crate) mod tr34;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Runs compiled card jobs: intake, data generation, personalization, validation, paper, files.
#[derive(Parser)]
#[command(name = "cardstation", version, about, propagate_version = true)]
pub(crate) struct Arguments {
    /// Site folder.
    #[arg(long, global = true, env = "CARDSTATION_SITE", default_value = ".")]
    pub(crate) site: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a site folder: store, simulated machine, soft HSM with test keys. TEST bundles only.
    Init(Init),
    /// Self-test: HSM known answers, keys and check values, drivers, store, audit chain.
    Check(Check),
    /// The whole line in one go: orders in, cards, letters, files and a report out.
    Run(Run),
    /// Load and look at bundles.
    Bundle(Bundle),
    /// Take an order file into the store, as a job that waits to be run.
    Intake(Intake),
    /// Look at and steer jobs.
    Job(Job),
    /// The audit log.
    Audit(Audit),
    /// The site's HSM: what it does, and its preparation.
    Hsm(HsmArguments),
    /// Keys and certificates.
    Keys(keys::Keys),
    /// Virtual cards.
    Card(Card),
    /// Calculators for engineers.
    Calc(Calc),
    /// Figures of this machine beside those of the peers that are here.
    Bench(Bench),
    /// The stable text print of a bundle, plan or journal.
    Dump(Dump),
    /// What an error code means and how to mend it.
    Explain(Explain),
    /// JSON Schemas of `report.json` and of `site.toml`.
    Schema(Schema),
    /// Shell completions.
    Completions {
        /// Shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
pub(crate) struct HsmArguments {
    #[command(subcommand)]
    pub(crate) verb: HsmVerb,
}

#[derive(Subcommand)]
pub(crate) enum HsmVerb {
    /// What the token really does, and how each intent is composed of it.
    Show,
    /// Make the driver's own keys in tokens that have none.
    Prepare,
    /// Bring the open test keys of a TEST bundle in, which everybody knows.
    TestKeys {
        /// Bundle.
        bundle: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct Schema {
    /// Which; without one, their names.
    pub(crate) name: Option<SchemaName>,
}

/// What has a schema.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaName {
    /// `report.json` of a job.
    Report,
    /// `site.toml`, as JSON.
    Site,
    /// `keys list` and `keys show`.
    KeysList,
    /// `keys due`.
    KeysDue,
    /// `keys use`.
    KeysUse,
    /// `keys check`.
    KeysCheck,
    /// `keys package list`.
    KeysPackages,
    /// `keys site list`.
    KeysSites,
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
pub(crate) struct Init {
    /// Folder; must be new or empty.
    pub(crate) folder: PathBuf,
    /// Cards in each stock of the simulated machine.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) stock: u64,
}

#[derive(Args)]
pub(crate) struct Check {
    /// Also bind the keys of this bundle and compare check values.
    #[arg(long)]
    pub(crate) bundle: Option<PathBuf>,
    /// Output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args)]
pub(crate) struct Run {
    /// Bundle.
    #[arg(long)]
    pub(crate) bundle: PathBuf,
    /// Order file.
    #[arg(long)]
    pub(crate) orders: PathBuf,
    /// A second file that the orders are joined with, by the join's name; may be given several times.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    pub(crate) with: Vec<(String, PathBuf)>,
    /// The number that this file has in the customer's sequence although another one is expected: for
    /// a file that was lost for good.
    #[arg(long, value_name = "N")]
    pub(crate) file_number: Option<u64>,
    /// Folder for report, files, letters.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Job of the bundle, when it has several.
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// Lanes that work at the same time; default is one a core.
    #[arg(long)]
    pub(crate) lanes: Option<usize>,
    /// Keep every virtual card as `cards/NNNNNN.card`. TEST only.
    #[arg(long)]
    pub(crate) keep_cards: bool,
    /// Output of the summary.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args)]
pub(crate) struct Bundle {
    #[command(subcommand)]
    pub(crate) verb: BundleVerb,
}

#[derive(Subcommand)]
pub(crate) enum BundleVerb {
    /// Verify a bundle and accept it at this site.
    Load {
        /// Bundle.
        file: PathBuf,
    },
    /// Bundles that this site has accepted.
    List {
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// What a bundle holds.
    Show {
        /// Bundle.
        file: PathBuf,
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Args)]
pub(crate) struct Intake {
    /// Order file.
    pub(crate) orders: PathBuf,
    /// A second file that the orders are joined with, by the join's name; may be given several times.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    pub(crate) with: Vec<(String, PathBuf)>,
    /// The number that this file has in the customer's sequence although another one is expected: for
    /// a file that was lost for good.
    #[arg(long, value_name = "N")]
    pub(crate) file_number: Option<u64>,
    /// Bundle.
    #[arg(long)]
    pub(crate) bundle: PathBuf,
    /// Job of the bundle, when it has several.
    #[arg(long)]
    pub(crate) job: Option<String>,
}

#[derive(Args)]
pub(crate) struct Job {
    #[command(subcommand)]
    pub(crate) verb: JobVerb,
}

#[derive(Args)]
pub(crate) struct Going {
    /// Job number.
    pub(crate) job: u64,
    /// Folder for report, files, letters.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Lanes that work at the same time; default is one a core.
    #[arg(long)]
    pub(crate) lanes: Option<usize>,
    /// Keep every virtual card. TEST only.
    #[arg(long)]
    pub(crate) keep_cards: bool,
}

#[derive(Subcommand)]
pub(crate) enum JobVerb {
    /// All jobs.
    List {
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// One job: counts, orders that need somebody.
    Show {
        /// Job number.
        job: u64,
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Run a job that was taken in.
    Run(Going),
    /// Stop between cards; the job can be resumed.
    Pause {
        /// Job number.
        job: u64,
    },
    /// Go on after a pause or, with an authorization, after a crash.
    Resume {
        #[command(flatten)]
        going: Going,
        /// Who authorizes going on after a crash.
        #[arg(long)]
        authorized_by: Option<String>,
    },
    /// Give a job up; orders that are not made stay unmade, its key is destroyed.
    Cancel {
        /// Job number.
        job: u64,
        /// Who.
        #[arg(long)]
        by: String,
        /// Public words.
        #[arg(long)]
        reason: String,
    },
    /// Say what was found of an order that is UNKNOWN; two different people must say the same.
    Settle {
        /// Job number.
        job: u64,
        /// Order number.
        order: u64,
        /// What was found.
        #[arg(long, value_enum)]
        found: FoundCard,
        /// Who.
        #[arg(long)]
        by: String,
        /// The letter, not the card.
        #[arg(long)]
        mailer: bool,
    },
    /// Write the report of a job again.
    Report {
        /// Job number.
        job: u64,
        /// Folder.
        #[arg(long)]
        out: PathBuf,
    },
}

/// What two people found.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FoundCard {
    /// A good card or letter: it is done.
    Good,
    /// A card or letter that was destroyed: another may be made.
    Destroyed,
    /// Nothing was ever made: another may be made.
    Nothing,
    /// A letter that can't be drawn is given up: the bank has been told.
    GivenUp,
}

#[derive(Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) verb: AuditVerb,
}

#[derive(Subcommand)]
pub(crate) enum AuditVerb {
    /// Check the chain, its signed checkpoints and the anchor outside the store.
    Verify {
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Entries.
    Show {
        /// Entries after this number.
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Output.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Args)]
pub(crate) struct Card {
    #[command(subcommand)]
    pub(crate) verb: CardVerb,
}

#[derive(Subcommand)]
pub(crate) enum CardVerb {
    /// Put a virtual card into a PC/SC reader made by the vpcd driver.
    Serve {
        /// A kept card; leave out with `--blank`.
        file: Option<PathBuf>,
        /// Address of the driver.
        #[arg(long, default_value = "127.0.0.1:35963")]
        vpcd: String,
        /// A blank card of this protocol instead.
        #[arg(long, requires = "key")]
        blank: Option<Blank>,
        /// Card key of the blank, hexadecimal, used for all three channel keys. Test keys only.
        #[arg(long)]
        key: Option<String>,
        /// AIDs of the applets that the blank's maker has installed, hexadecimal.
        #[arg(
            long,
            value_delimiter = ',',
            default_value = "F0000000921010,F0000000921020"
        )]
        applets: Vec<String>,
    },
    /// What a kept card holds.
    Show {
        /// A kept card.
        file: PathBuf,
    },
}

/// Protocol of a blank.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Blank {
    /// GlobalPlatform SCP02, option 55.
    Scp02,
    /// GlobalPlatform SCP03, option 70.
    Scp03,
}

#[derive(Args)]
pub(crate) struct Calc {
    /// Read one JSON object a line from standard input and answer each with one.
    #[arg(long, conflicts_with_all = ["op", "arguments"])]
    pub(crate) jsonl: bool,
    /// Operation, such as `cvv`.
    pub(crate) op: Option<String>,
    /// Arguments as name=value.
    pub(crate) arguments: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Bench {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// Only rows whose name holds this word.
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// Measure in the token of this process, for the rows about an HSM.
    #[arg(long, hide = true)]
    pub(crate) in_token: Option<std::path::PathBuf>,
}

#[derive(Args)]
pub(crate) struct Dump {
    #[command(subcommand)]
    pub(crate) noun: DumpNoun,
}

#[derive(Subcommand)]
pub(crate) enum DumpNoun {
    /// Content of a bundle.
    Bundle {
        /// Bundle.
        file: PathBuf,
    },
    /// The plan: every step of every product of a bundle's jobs.
    Plan {
        /// Bundle.
        file: PathBuf,
    },
    /// The journal of a job.
    Journal {
        /// Job number.
        job: u64,
    },
}

#[derive(Args)]
pub(crate) struct Explain {
    /// Error code.
    pub(crate) code: String,
}

/// `branches=branches.csv`.
fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err("write the join's name, `=` and the file".to_owned()),
    }
}
