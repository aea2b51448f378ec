//! Seeded order files for Aurora Bank, of any size, with the trouble that real files have.
//!
//! People, PANs and PINs are invented; PIN blocks are under the open test key `aurora.zpk_in`.
//! The same arguments give the same bytes.

mod people;
mod pin_block;
mod record;
mod trouble;

use clap::{Parser, ValueEnum};
use record::Order;
use std::{io::Write, path::PathBuf, process::ExitCode};
use trouble::Trouble;

/// Makes an order file.
#[derive(Parser)]
#[command(name = "aurora-orders", version, about)]
struct Arguments {
    /// Orders in the file.
    #[arg(long, default_value_t = 1_000)]
    count: u64,
    /// Another seed gives other people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File to write.
    #[arg(long, short)]
    out: PathBuf,
    /// Number of the batch in the header; also part of every PAN.
    #[arg(long, default_value_t = 1)]
    batch: u32,
    /// Leave out the bad records, so that every order becomes a card.
    #[arg(long)]
    clean: bool,
    /// Something that makes the whole file wrong.
    #[arg(long)]
    whole: Option<Whole>,
}

/// Trouble with the whole file.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Whole {
    /// The trailer counts one order more than there are.
    WrongTrailer,
    /// The file ends before its trailer.
    NoTrailer,
    /// Lines end with LF alone.
    WrongLineEnd,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match write(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "aurora-orders: {error}");
            ExitCode::from(3)
        }
    }
}

fn write(arguments: &Arguments) -> std::io::Result<()> {
    if arguments.count > 999_999 || arguments.batch > 99 {
        return Err(std::io::Error::other("at most 999,999 orders and batch 99"));
    }
    let key = pin_block::open_test_key().map_err(std::io::Error::other)?;
    let end = if arguments.whole == Some(Whole::WrongLineEnd) {
        "\n"
    } else {
        "\r\n"
    };
    let part = arguments.out.with_extension("part");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&part)?);
    write!(out, "HD{:08}20261120{end}", arguments.batch)?;
    let mut previous: Option<Order> = None;
    for number in 1..=arguments.count {
        let mut order = Order::invent(arguments.seed, arguments.batch, number, &key);
        if !arguments.clean {
            match trouble::of(number, arguments.count) {
                Some(Trouble::RepeatedCard) => {
                    if let Some(previous) = &previous {
                        let reference = order.reference.clone();
                        order = Order {
                            reference,
                            ..previous.clone()
                        };
                    }
                }
                Some(other) => other.spoil(&mut order),
                None => previous = Some(order.clone()),
            }
        }
        write!(out, "{}{end}", order.line())?;
    }
    let claimed = arguments.count + u64::from(arguments.whole == Some(Whole::WrongTrailer));
    if arguments.whole != Some(Whole::NoTrailer) {
        write!(out, "TR{claimed:08}{end}")?;
    }
    out.into_inner().map_err(|e| e.into_error())?.sync_all()?;
    std::fs::rename(part, &arguments.out)
}
