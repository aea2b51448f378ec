//! Where values end, how much each place may hold, and what the run itself knows.

/// How secret a value is; the order is meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// May be logged.
    Public,
    /// PAN, name, expiry, service code.
    Cardholder,
    /// Track data, card verification values, PIN blocks in transit.
    Sensitive,
    /// Clear PIN, clear keys.
    Secret,
}

impl Level {
    /// Its word in sources and messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Level::Public => "public",
            Level::Cardholder => "cardholder",
            Level::Sensitive => "sensitive",
            Level::Secret => "secret",
        }
    }
}

/// A place where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sink {
    /// What a card is known by on the line: account, sequence number, expiry.
    CardIdentity,
    /// Text or barcode of a carrier.
    CarrierText,
    /// A DGI in clear.
    ChipClear,
    /// A DGI under the channel's data encryption key.
    ChipEncrypted,
    /// A condition: its outcome can be seen.
    Condition,
    /// The printed panel of the card verification value.
    Cvv2Panel,
    /// Embossed characters.
    Embossing,
    /// Text of an error or a refusal.
    ErrorText,
    /// What an expectation of a test looks at.
    Expectation,
    /// A field of an output file.
    FileField,
    /// Name of an output file.
    FileName,
    /// A line of a log.
    Log,
    /// The PIN field of a mailer.
    MailerPin,
    /// Text or barcode of a PIN mailer.
    MailerText,
    /// A metric.
    Metric,
    /// What an NDEF tag says to any telephone.
    NdefMessage,
    /// Any other printed panel of a card's face.
    PrintPanel,
    /// A line of the report.
    Report,
    /// What the line sorts, groups or chooses by.
    Routing,
    /// Data of a script's command that travels outside a secure channel.
    ScriptClear,
    /// A track of the stripe.
    Stripe,
}

/// What a sink may hold.
#[derive(Clone, Copy, Debug)]
pub struct SinkRow {
    /// Which.
    pub sink: Sink,
    /// Name in a sentence.
    pub words: &'static str,
    /// The most that it may hold.
    pub clearance: Level,
    /// Whether the PAN may end there, whatever the level.
    pub takes_pan: bool,
    /// How a value gets there rightly.
    pub advice: &'static str,
}

const LOWER: &str = "lower it by name: `mask(…)`, `last_digits(…)`, `kcv(…)`; or leave it out";
const PAPER: &str = "a PIN belongs into the `pin` block of a mailer, verification values and \
                     tracks into the card; nothing lowers them for a page";
const FACE: &str = "a CVV2 belongs into the panel \"cvv2\", other verification values into chip \
                    and stripe, a PIN into neither";

const fn row(sink: Sink, words: &'static str, clearance: Level, advice: &'static str) -> SinkRow {
    SinkRow {
        sink,
        words,
        clearance,
        takes_pan: !matches!(sink, Sink::MailerText),
        advice,
    }
}

/// All sinks, in the order of [`Sink`].
pub static SINKS: &[SinkRow] = &[
    row(
        Sink::CardIdentity,
        "what a card is known by",
        Level::Cardholder,
        "the line tells cards apart by PAN, sequence number and expiry; take these fields",
    ),
    row(
        Sink::CarrierText,
        "the text of a carrier",
        Level::Cardholder,
        PAPER,
    ),
    row(
        Sink::ChipClear,
        "a DGI in clear",
        Level::Sensitive,
        "a PIN goes into the chip by `offline_pin`, keys by `keys`: both in encrypted DGIs",
    ),
    row(
        Sink::ChipEncrypted,
        "an encrypted DGI",
        Level::Secret,
        LOWER,
    ),
    row(
        Sink::Condition,
        "a condition",
        Level::Cardholder,
        "decide by another field; a branch on a secret shows the secret by what it does",
    ),
    row(Sink::Cvv2Panel, "the CVV2 panel", Level::Sensitive, FACE),
    row(Sink::Embossing, "the embossing", Level::Cardholder, FACE),
    row(
        Sink::ErrorText,
        "the text of a refusal",
        Level::Public,
        LOWER,
    ),
    row(
        Sink::Expectation,
        "what a test shows",
        Level::Sensitive,
        "look at what the card does with it: `verify pin order.pin` in a scenario",
    ),
    row(
        Sink::FileField,
        "a field of an output file",
        Level::Cardholder,
        "put it under a transport key: `encrypt(…, under: key)`; or leave it out",
    ),
    row(Sink::FileName, "the name of a file", Level::Public, LOWER),
    row(Sink::Log, "a log", Level::Public, LOWER),
    row(
        Sink::MailerPin,
        "the PIN field of a mailer",
        Level::Secret,
        LOWER,
    ),
    row(
        Sink::MailerText,
        "the text of a PIN mailer",
        Level::Cardholder,
        PAPER,
    ),
    row(Sink::Metric, "a metric", Level::Public, LOWER),
    row(
        Sink::NdefMessage,
        "an NDEF message",
        Level::Cardholder,
        "any telephone reads it: say a member number or a reference, nothing that pays",
    ),
    row(Sink::PrintPanel, "a printed panel", Level::Cardholder, FACE),
    row(Sink::Report, "the report", Level::Public, LOWER),
    row(
        Sink::Routing,
        "what the line sorts or chooses by",
        Level::Cardholder,
        "choose by a field of the order that says it outright, such as its product or branch",
    ),
    row(
        Sink::ScriptClear,
        "a script's command in clear",
        Level::Cardholder,
        "a PIN or key goes into a `secret` of the script; sensitive data need `secured = true`",
    ),
    row(
        Sink::Stripe,
        "a track of the stripe",
        Level::Sensitive,
        "a PIN goes onto a stripe only as `pvv(…)` or `ibm3624_offset(…)`",
    ),
];

impl Sink {
    /// Its row.
    #[must_use]
    pub fn row(self) -> Option<&'static SinkRow> {
        SINKS.iter().find(|row| row.sink == self)
    }

    /// The most that it may hold.
    #[must_use]
    pub fn clearance(self) -> Level {
        self.row().map_or(Level::Public, |row| row.clearance)
    }

    /// Its name in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        self.row().map_or("a sink", |row| row.words)
    }
}

/// Something that the run knows of each order, `run.date`.
#[derive(Clone, Copy, Debug)]
pub struct RunField {
    /// Name.
    pub name: &'static str,
    /// `date`, `number` or `text`.
    pub gives: &'static str,
    /// Longest, in characters.
    pub length: u32,
    /// Meaning.
    pub doc: &'static str,
}

/// All of them.
pub static RUN_FIELDS: &[RunField] = &[
    RunField {
        name: "date",
        gives: "date",
        length: 0,
        doc: "the day of the run",
    },
    RunField {
        name: "sequence",
        gives: "number",
        length: 10,
        doc: "number of the order in its job, from 1",
    },
    RunField {
        name: "reference",
        gives: "text",
        length: 24,
        doc: "reference of the order for letters and envelopes; says nothing about the account",
    },
    RunField {
        name: "result",
        gives: "text",
        length: 16,
        doc: "what became of the order, for output files",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sink_has_one_row() {
        for row in SINKS {
            assert_eq!(SINKS.iter().filter(|r| r.sink == row.sink).count(), 1);
        }
        assert_eq!(SINKS.len(), 21);
    }

    #[test]
    fn only_the_mailer_text_refuses_the_pan() {
        // PCI PIN: at no point of delivery a clear PIN together with the account.
        for row in SINKS {
            assert_eq!(row.takes_pan, row.sink != Sink::MailerText);
        }
    }
}
