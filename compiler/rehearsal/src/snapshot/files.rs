//! Output files in a snapshot: lines of text as they are, other octets in hexadecimal, and files for
//! other personalizers element by element, where what is enciphered shows its length only.

use super::octets_in_lines;
use crate::files::{FileMade, FileNature};
use cardwright_import::{CpsApplication, cps_applications as applications, read_cps};
use cardwright_runtime::datagen::{ApplicationData, DgiValue};
use std::fmt::Write as _;

/// One file.
pub(super) fn file(out: &mut String, file: &FileMade, made: &[ApplicationData]) {
    let count = file.octets.len();
    let _ = writeln!(out, "\nfile {}  {}, {count} octets", file.format, file.name);
    let read = match file.nature {
        FileNature::Plain => None,
        FileNature::Cps => cps(out, &file.octets, made),
        FileNature::Machine => machine(out, &file.octets, made),
    };
    if read.is_none() {
        plain(out, &file.octets);
    }
}

/// Text that can be read stands as it is.
fn plain(out: &mut String, octets: &[u8]) {
    let text = std::str::from_utf8(octets).ok();
    let readable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    match text.filter(|text| text.chars().all(readable)) {
        Some(text) => {
            for line in text.lines() {
                let _ = writeln!(out, "  | {}", line.trim_end_matches('\r'));
            }
        }
        None => octets_in_lines(out, octets, 2),
    }
}

fn cps(out: &mut String, octets: &[u8], made: &[ApplicationData]) -> Option<()> {
    for record in read_cps(octets)? {
        let _ = writeln!(out, "  record #CHIP01, version 02.2");
        for item in &record.items {
            let _ = writeln!(out, "    item  {item}");
        }
        let each = record.applications.iter();
        each.for_each(|a| application(out, a, made));
    }
    Some(())
}

fn application(out: &mut String, application: &CpsApplication, made: &[ApplicationData]) {
    let _ = writeln!(
        out,
        "    application {}  transport key {}, SCP{:02}, key version {}, level {:02X}",
        hex::encode_upper(&application.aid),
        hex::encode_upper(&application.transport),
        application.protocol,
        application.key_version,
        application.security_level
    );
    for grouping in &application.groupings {
        let (number, length) = (grouping.number, grouping.value.len());
        if let Some(kind) = grouping.kind {
            let _ = writeln!(
                out,
                "      {number:04X}  <under the transport key, {length} octets, kind {kind:02X}>"
            );
            continue;
        }
        let _ = writeln!(out, "      {number:04X}  {length} octets");
        let same = made.iter().flat_map(|a| &a.dgis).any(|dgi| {
            dgi.number == number
                && matches!(&dgi.value, DgiValue::Clear(octets) if *octets == grouping.value)
        });
        if !same {
            octets_in_lines(out, &grouping.value, 8);
        }
    }
}

/// `#ITM#…#EMB#…#ENC#hex#PRN#hex#CHP#nnnnnnn hex#END#`, a line a card.
fn machine(out: &mut String, octets: &[u8], made: &[ApplicationData]) -> Option<()> {
    let text = std::str::from_utf8(octets).ok()?;
    let mut shown = String::new();
    for line in text.lines() {
        let rest = line.strip_prefix("#ITM#")?;
        let (items, rest) = rest.split_once("#EMB#")?;
        let (emboss, rest) = rest.split_once("#ENC#")?;
        let (tracks, rest) = rest.split_once("#PRN#")?;
        let (panels, rest) = rest.split_once("#CHP#")?;
        let (_, chip) = rest.strip_suffix("#END#")?.split_once(' ')?;
        let _ = writeln!(shown, "  ITM  {items}\n  EMB  {emboss}");
        for (module, hidden) in [("ENC", tracks), ("PRN", panels)] {
            let octets = hidden.len() / 2;
            let _ = writeln!(
                shown,
                "  {module}  <under the transport key, {octets} octets>"
            );
        }
        let _ = writeln!(shown, "  CHP");
        let chip = hex::decode(chip).ok()?;
        let mut rest = chip.as_slice();
        let each = applications(&mut rest)?;
        each.iter().for_each(|a| application(&mut shown, a, made));
    }
    out.push_str(&shown);
    Some(())
}
