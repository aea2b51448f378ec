//! Why the commands of card content carry what they carry: load files, instances, new keys. No
//! program makes them; what the bundle says of them is told piece by piece.

use super::find::{Found, Range};
use super::tree::{Because, Key, place};
use cardwright_bundle::{Bundle, Card, Chip};
use cardwright_stations::{
    StationError,
    content_data::{Piece, install, install_for_load, load_blocks},
};

/// Longest value that is shown whole, octets.
const SHOWN_MAX: usize = 32;

/// Names of these outputs of a card.
pub(super) fn known(card: &Card) -> Vec<String> {
    let Some(chip) = &card.chip else {
        return Vec::new();
    };
    let files = chip.content.load.iter().map(|load| &load.package);
    let mut all: Vec<String> = files
        .flat_map(|aid| [format!("chip:load:{aid}"), format!("chip:install:{aid}")])
        .collect();
    let installed = chip.applications.iter().filter(|a| a.install.is_some());
    all.extend(installed.map(|a| format!("chip:install:{}", a.name)));
    all.extend(chip.content.keys.iter().map(|_| "chip:put_keys".to_owned()));
    all
}

/// `load:F000000092`, `install:F000000092`, `install:wallet`, `put_keys`.
///
/// # Errors
/// R1217 for a load file that is not in the bundle.
pub(super) fn find(
    bundle: &Bundle,
    card: &Card,
    what: &str,
    which: &str,
) -> Result<Option<Found>, StationError> {
    let Some(chip) = &card.chip else {
        return Ok(None);
    };
    let mut files = chip.content.load.iter();
    let file = files.find(|load| load.package.eq_ignore_ascii_case(which));
    let mut applications = chip.applications.iter();
    let instance = applications.find(|a| a.name == which && a.install.is_some());
    let found = match (what, file, instance) {
        ("load", Some(file), _) => {
            let title = format!("LOAD of {} from {}", file.package, asset(&file.asset));
            (title, load_blocks(bundle, file)?, file.span)
        }
        ("install", _, Some(application)) => {
            let title = format!("INSTALL [for install] of {}", application.name);
            let Some(asked) = &application.install else {
                return Ok(None);
            };
            (title, install(application, asked)?, asked.span)
        }
        ("install", Some(file), _) => {
            let title = format!("INSTALL [for load] of {}", file.package);
            (title, install_for_load(bundle, file)?, file.span)
        }
        ("put_keys", ..) => return Ok(keys(bundle, card.program, chip)),
        _ => return Ok(None),
    };
    let (title, pieces, span) = found;
    let place = place(bundle.content(), span);
    let told = pieces
        .iter()
        .map(|piece| (told(piece, &place), piece.octets.len()));
    Ok(Some(Found {
        program: card.program,
        nodes: Vec::new(),
        title,
        parts: Vec::new(),
        told: told.collect(),
    }))
}

/// The name of the file behind an asset.
fn asset(name: &str) -> &str {
    name.strip_suffix("#components").unwrap_or(name)
}

fn told(piece: &Piece, place: &str) -> Because {
    let shown = piece.octets.get(..SHOWN_MAX.min(piece.octets.len()));
    let shown = hex::encode_upper(shown.unwrap_or_default());
    let value = match piece.octets.len() {
        0..=SHOWN_MAX => shown,
        count => format!("{shown}… ({count} octets)"),
    };
    public(piece.title.clone(), value, place)
}

fn public(operation: String, value: String, place: &str) -> Because {
    Because {
        node: None,
        part: String::new(),
        operation,
        value,
        secrecy: "public".to_owned(),
        place: place.to_owned(),
        input: None,
        keys: Vec::new(),
        told_above: false,
        parts: Vec::new(),
    }
}

/// PUT KEY: what the HSM derives for the card and enciphers for it (11.8).
fn keys(bundle: &Bundle, program: u32, chip: &Chip) -> Option<Found> {
    let new = chip.content.keys.as_ref()?;
    let content = bundle.content();
    let place = place(content, new.span);
    let slot = content.keys.get(new.key as usize)?;
    let replaces = match new.replaces {
        0 => "added to those that the card has".to_owned(),
        old => format!("in the place of version {old:02X}"),
    };
    let version = format!("{:02X}, {replaces}", new.version);
    let mut derived = public(
        "hsm put_card_keys".to_owned(),
        "<secret, enciphered by the HSM for the card>".to_owned(),
        &place,
    );
    derived.secrecy = "secret".to_owned();
    derived.keys.push(Key {
        name: slot.name.clone(),
        usage: slot.usage.clone(),
    });
    let method = public(
        "derived for the card by".to_owned(),
        new.diversification.clone(),
        "",
    );
    derived.parts.push(method);
    let version = public("key version".to_owned(), version, &place);
    Some(Found {
        program,
        nodes: Vec::new(),
        title: "PUT KEY".to_owned(),
        parts: Vec::new(),
        // All behind the version is the HSM's.
        told: vec![(version, 1), (derived, usize::MAX)],
    })
}

/// The trees whose octets reach into a range that is counted from 1.
pub(super) fn within(told: Vec<(Because, usize)>, range: Range) -> Vec<Because> {
    let Some((first, last)) = range else {
        return told.into_iter().map(|(because, _)| because).collect();
    };
    let mut from = 0_usize;
    let mut kept = Vec::new();
    for (because, length) in told {
        let to = from.saturating_add(length);
        if from < last && to >= first {
            kept.push(because);
        }
        from = to;
    }
    kept
}
