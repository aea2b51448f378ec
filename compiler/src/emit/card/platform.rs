//! The personalization channel, directories, identifiers.

use super::super::profile::{self, App, Ground};
use crate::diagnostics::{Change, Problem};
use crate::elaborate::Elaborator;
use crate::elaborate::constants::words;
use crate::model::{MArg, MEntry, MExpr, MKind, Span};
use cardwright_bundle::{Application, Channel};

/// Options i that are known for each protocol (GlobalPlatform Card Specification, appendix E;
/// Amendment D).
const SCP02_OPTIONS: [i64; 4] = [0x05, 0x15, 0x45, 0x55];
const SCP03_OPTIONS: [i64; 6] = [0x00, 0x10, 0x20, 0x30, 0x60, 0x70];

/// `platform = globalplatform(scp03, keys: kmc, option: 0x70, security_level: 0x33)`.
pub(super) fn channel<'a>(
    elaborator: &mut Elaborator<'a>,
    ground: &Ground,
    entry: &'a MEntry,
) -> Option<Channel> {
    let platform = entry.inner("platform");
    let span = platform.map_or(entry.span, |e| e.span);
    let call = platform.and_then(|e| match &e.single()?.kind {
        MKind::Call { callee, args } if callee.word() == Some("globalplatform") => Some(args),
        _ => None,
    });
    let protocol = call.and_then(|args| args.first()?.value.word());
    let (Some(args), Some(protocol @ ("scp02" | "scp03"))) = (call, protocol) else {
        elaborator.findings().push(
            Problem::error("E0401", span, "the chip's platform is not known")
                .help("write `platform = globalplatform(scp03, keys: kmc)`"),
        );
        return None;
    };
    let named = |name: &str| args.iter().find(|a| a.name.as_deref() == Some(name));
    let number =
        |name: &str, default: i64| named(name).map_or(Some(default), |a| a.value.integer());
    let scp02 = protocol == "scp02";
    let option = number("option", if scp02 { 0x55 } else { 0x70 })?;
    let level = number("security_level", if scp02 { 0x03 } else { 0x33 })?;
    let version = number("key_version", 0)?;
    protocol_fits(elaborator, protocol, option, level, span);
    let key = named("keys").map(|a: &MArg| &a.value);
    let Some(key) = key else {
        elaborator.findings().push(
            Problem::error("E0402", span, "the channel has no master key")
                .help("write `keys: kmc`, a key with `use = card_issuance`"),
        );
        return None;
    };
    let id = channel_key(elaborator, ground, key, protocol)?;
    let diversification = match named("diversification").and_then(|a| a.value.word()) {
        Some(word) => word.to_owned(),
        None if scp02 => "emv".to_owned(),
        None => "kdf3".to_owned(),
    };
    Some(Channel {
        protocol: protocol.to_owned(),
        option: u8::try_from(option).ok()?,
        security_level: u8::try_from(level).ok()?,
        key: id,
        diversification,
        key_version: u8::try_from(version).ok()?,
    })
}

/// `platform = native()`.
pub(super) fn is_native(entry: &MEntry) -> bool {
    let call = entry.inner("platform").and_then(MEntry::single);
    matches!(call.map(|e| &e.kind),
        Some(MKind::Call { callee, .. }) if callee.word() == Some("native"))
}

/// A native card has no channel: nothing but scripts without one can write it.
pub(super) fn only_scripts(
    elaborator: &mut Elaborator<'_>,
    applications: &[Application],
    span: Span,
) {
    for application in applications {
        let fine = application.script.as_ref().is_some_and(|s| !s.secured);
        if !fine {
            let message = format!(
                "`{}` needs a secure channel, a native card has none",
                application.name
            );
            elaborator.findings().push(
                Problem::error("E0458", span, message)
                    .help("give it a script that is not secured, or a GlobalPlatform platform"),
            );
        }
    }
}

fn protocol_fits(
    elaborator: &mut Elaborator<'_>,
    protocol: &str,
    option: i64,
    level: i64,
    span: Span,
) {
    let scp02 = protocol == "scp02";
    let options: &[i64] = if scp02 {
        &SCP02_OPTIONS
    } else {
        &SCP03_OPTIONS
    };
    if !options.contains(&option) {
        let shown: Vec<String> = options.iter().map(|o| format!("0x{o:02X}")).collect();
        elaborator.findings().push(
            Problem::error(
                "E0401",
                span,
                format!("{protocol} has no option 0x{option:02X}"),
            )
            .help(format!("take one of {}", shown.join(", "))),
        );
    }
    // R-MAC and R-ENCRYPTION need bits 6 and 7 of the option (Amendment D, table 5-1).
    let allowed = match level {
        0x01 | 0x03 => true,
        0x11 | 0x13 => !scp02 && option & 0x20 != 0,
        0x33 => !scp02 && option & 0x60 == 0x60,
        _ => false,
    };
    if !allowed {
        let message = format!(
            "security level 0x{level:02X} does not go with {protocol} option 0x{option:02X}"
        );
        let help = "a channel has at least C-MAC: 0x01, or 0x03 with encryption; 0x33 needs \
                    SCP03 with option 0x60 or 0x70";
        elaborator
            .findings()
            .push(Problem::error("E0405", span, message).help(help));
    }
}

fn channel_key<'a>(
    elaborator: &mut Elaborator<'a>,
    ground: &Ground,
    key: &'a MExpr,
    protocol: &str,
) -> Option<u32> {
    let name = elaborator.key(key, &["card_issuance"])?;
    let id = elaborator.model().key_id(&name)?;
    let algorithm = ground.keys.get(id as usize)?.algorithm.clone();
    let aes = algorithm.starts_with("aes");
    if aes != (protocol == "scp03") {
        let message = format!("{protocol} can't use the {algorithm} key `{name}`");
        elaborator.findings().push(
            Problem::error("E0402", key.span, message)
                .help("SCP02 takes a tdes2 key, SCP03 an AES key"),
        );
    }
    Some(id)
}

/// `directories = [pse, ppse]`, and that every application is found by somebody.
pub(super) fn directories(
    elaborator: &mut Elaborator<'_>,
    entry: &MEntry,
    apps: &[App<'_>],
) -> Vec<Application> {
    let attribute = entry.inner("directories");
    let span = attribute.map_or(entry.span, |e| e.span);
    let listed = attribute
        .and_then(|e| words(e.single()?))
        .unwrap_or_default();
    let mut made = Vec::new();
    for (name, interface) in [("pse", "contact"), ("ppse", "contactless")] {
        let wanted = listed.iter().any(|d| d == name);
        let there = apps.iter().any(|a| a.on(interface));
        match (wanted, there) {
            (true, true) if name == "pse" => made.extend(profile::pse(elaborator, apps, span)),
            (true, true) => made.extend(profile::ppse(elaborator, apps, span)),
            (true, false) => {
                let message = format!("`{name}` lists {interface} applications, there is none");
                let problem = Problem::error("E0330", span, message);
                let help = format!("take `{name}` out, or add a {interface} application");
                let mut problem = problem.help(help);
                problem.change = attribute.and_then(|e| unlisted(e, name));
                elaborator.findings().push(problem);
            }
            // The proximity directory is the only way in (EMV contactless Book B, 3.3).
            (false, true) if name == "ppse" => {
                let message = "contactless terminals find no application without `ppse`";
                let problem = Problem::error("E0330", span, message);
                let mut problem = problem.help("add `ppse` to `directories`");
                problem.change = Some(match attribute {
                    Some(entry) => Change::Listed(entry.span, "ppse".to_owned()),
                    None => Change::Entry(entry.head_span(), "directories = [ppse]".to_owned()),
                });
                elaborator.findings().push(problem);
            }
            _ => {}
        }
    }
    made
}

/// A word taken out of the list of an entry.
fn unlisted(entry: &MEntry, word: &str) -> Option<Change> {
    let MKind::List(items) = &entry.single()?.kind else {
        return None;
    };
    let mut items = items.iter().filter_map(|item| item.phrase.single());
    let item = items.find(|e| e.word() == Some(word))?;
    Some(Change::Out(item.span))
}

/// No AID is another's, or its beginning: partial selection would find the wrong one.
pub(super) fn identifiers(
    elaborator: &mut Elaborator<'_>,
    applications: &[Application],
    span: Span,
) {
    for (n, one) in applications.iter().enumerate() {
        for other in applications.iter().skip(n + 1) {
            let shorter = one.aid.len().min(other.aid.len());
            if shorter > 0 && one.aid.get(..shorter) == other.aid.get(..shorter) {
                let message = format!(
                    "the AIDs of `{}` and `{}` begin alike: a terminal may select the wrong one",
                    one.name, other.name
                );
                elaborator.findings().push(
                    Problem::error("E0404", span, message)
                        .help("give them AIDs that differ before the shorter one ends"),
                );
            }
        }
    }
}

/// Deviations that change what is sent to the card: they are the card's, whichever application
/// declares them.
const OF_THE_CARD: [&str; 8] = [
    "ber_dgi_lengths",
    "block_number_per_dgi",
    "block_number_zero",
    "commands_of_128",
    "default_key_version_only",
    "last_block_on_every_dgi",
    "le_required",
    "one_dgi_per_command",
];

/// Gives every application the card's deviations.
pub(super) fn habits(
    elaborator: &mut Elaborator<'_>,
    channel: Option<&mut Channel>,
    applications: &mut [Application],
    span: Span,
) {
    let declared = applications.iter().flat_map(|a| &a.quirks);
    let shared: Vec<(String, String)> = declared
        .filter(|(name, _)| OF_THE_CARD.contains(&name.as_str()))
        .cloned()
        .collect();
    let has = |name: &str| shared.iter().any(|(quirk, _)| quirk == name);
    for application in applications.iter_mut() {
        for (name, reason) in &shared {
            if !application.quirks.iter().any(|(own, _)| own == name) {
                application.quirks.push((name.clone(), reason.clone()));
            }
        }
        application.quirks.sort();
        if !has("one_dgi_per_command") {
            continue;
        }
        application.pack = false;
        if let Some(dgi) = application.dgis.iter().find(|dgi| dgi.joined) {
            let message = format!(
                "DGI {:04X} is joined to another one, and the card takes one DGI a command",
                dgi.number
            );
            let problem = Problem::error("E0434", span, message);
            let help = "take the `join` sentence out, or the quirk `one_dgi_per_command`";
            elaborator.findings().push(problem.help(help));
        }
    }
    if has("default_key_version_only")
        && let Some(channel) = channel
    {
        channel.key_version = 0;
    }
}

/// `same_key_as`: an application of this card, with a key of the same size.
pub(super) fn shared_keys(elaborator: &mut Elaborator<'_>, apps: &[App<'_>]) {
    for app in apps {
        let Some(dda) = app.dda.as_ref().filter(|d| d.owner != app.decl.name) else {
            continue;
        };
        let owner = apps.iter().find(|a| a.decl.name == dda.owner);
        let same = owner.and_then(|o| o.dda.as_ref()).is_some_and(|o| {
            o.bits == dda.bits && o.exponent == dda.exponent && o.owner == dda.owner
        });
        if !same {
            let message = format!(
                "`{}` is to share the key of `{}`, which is not on this card with such a key",
                app.decl.name, dda.owner
            );
            elaborator.findings().push(
                Problem::error("E0334", dda.span, message).help(
                    "name an application of the same card, with the same `rsa(bits, exponent)`",
                ),
            );
        }
    }
}
