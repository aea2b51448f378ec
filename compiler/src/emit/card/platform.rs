//! The personalization channel, directories, identifiers.

use super::super::Frame;
use super::super::profile::{self, App};
use super::super::read;
use crate::diagnostics::{Change, Problem};
use crate::elaborate::Elaborator;
use crate::model::{MArg, MEntry, MExpr, MKind, Span};
use cardwright_bundle::{Application, Channel, ScriptPart};

/// Options i that are known for each protocol (GlobalPlatform Card Specification, appendix E;
/// Amendment D).
const SCP02_OPTIONS: [i64; 4] = [0x05, 0x15, 0x45, 0x55];
const SCP03_OPTIONS: [i64; 6] = [0x00, 0x10, 0x20, 0x30, 0x60, 0x70];

/// What a platform asks for, written as a declaration or in one call.
struct Asked<'a> {
    protocol: Option<String>,
    option: Option<i64>,
    level: Option<i64>,
    version: Option<i64>,
    key: Option<&'a MExpr>,
    diversification: Option<String>,
    quirks: Vec<(String, String)>,
    span: Span,
}

/// `platform = globalplatform(scp03, keys: kmc, option: 0x70, security_level: 0x33)`, or the name of
/// a declared platform. Its deviations are those of the card.
pub(super) fn channel<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    entry: &'a MEntry,
) -> Option<(Channel, Vec<(String, String)>)> {
    let platform = entry.inner("platform");
    let span = platform.map_or(entry.span, |e| e.span);
    let asked = platform.and_then(|e| match &e.single()?.kind {
        MKind::Call { callee, args } if callee.word() == Some("globalplatform") => {
            Some(of_call(args, span))
        }
        MKind::Name(_) => declared(elaborator, e.single()?, span),
        _ => None,
    });
    let protocol = asked.as_ref().and_then(|a| a.protocol.as_deref());
    let (Some(asked), Some(protocol @ ("scp02" | "scp03"))) = (&asked, protocol) else {
        elaborator.findings().push(
            Problem::error("E0401", span, "the chip's platform is not known")
                .help("write `platform = globalplatform(scp03, keys: kmc)`, or declare one"),
        );
        return None;
    };
    let scp02 = protocol == "scp02";
    let option = asked.option.unwrap_or(if scp02 { 0x55 } else { 0x70 });
    let level = asked.level.unwrap_or(if scp02 { 0x03 } else { 0x33 });
    protocol_fits(elaborator, protocol, option, level, asked.span);
    let Some(key) = asked.key else {
        elaborator.findings().push(
            Problem::error("E0402", asked.span, "the channel has no master key")
                .help("write `keys: kmc`, a key with `use = card_issuance`"),
        );
        return None;
    };
    let id = channel_key(elaborator, frame, key, protocol)?;
    let default = if scp02 { "emv" } else { "kdf3" };
    let method = asked.diversification.clone();
    let channel = Channel {
        protocol: protocol.to_owned(),
        option: u8::try_from(option).ok()?,
        security_level: u8::try_from(level).ok()?,
        key: id,
        diversification: method.unwrap_or_else(|| default.to_owned()),
        key_version: u8::try_from(asked.version.unwrap_or(0)).ok()?,
    };
    Some((channel, asked.quirks.clone()))
}

fn of_call(args: &[MArg], span: Span) -> Asked<'_> {
    let named = |name: &str| {
        let found = args.iter().find(|a| a.name.as_deref() == Some(name));
        found.map(|a| &a.value)
    };
    let number = |name: &str| named(name).and_then(MExpr::integer);
    Asked {
        protocol: args.first().and_then(|a| a.value.word()).map(str::to_owned),
        option: number("option"),
        level: number("security_level"),
        version: number("key_version"),
        key: named("keys"),
        diversification: named("diversification").and_then(|e| e.word().map(str::to_owned)),
        quirks: Vec::new(),
        span,
    }
}

fn declared<'a>(elaborator: &mut Elaborator<'a>, name: &'a MExpr, span: Span) -> Option<Asked<'a>> {
    let model = elaborator.model();
    let decl = read::reference(model, name, "platform")?;
    let word = |name: &str| decl.attribute(name).and_then(read::word);
    let number = |name: &str| {
        let entry = decl.attribute(name)?;
        read::integer(model, entry)
    };
    let mut asked = Asked {
        protocol: word("protocol"),
        option: number("option"),
        level: number("security_level"),
        version: number("key_version"),
        key: decl.attribute("keys").and_then(MEntry::single),
        diversification: word("diversification"),
        quirks: profile::quirks(elaborator, decl),
        span,
    };
    asked.quirks.retain(|(quirk, _)| {
        let fine = OF_THE_CARD.contains(&quirk.as_str());
        if !fine {
            let message = format!("the deviation `{quirk}` is an application's, not a platform's");
            elaborator.findings().push(
                Problem::error("E0437", decl.span, message)
                    .help("write it into the `quirks` of the profile or application"),
            );
        }
        fine
    });
    Some(asked)
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

/// Secrets inside a script's commands are enciphered by the channel alone: it has to do so.
pub(super) fn enciphered_enough(
    elaborator: &mut Elaborator<'_>,
    channel: &Channel,
    applications: &[Application],
    span: Span,
) {
    let inside = |p: &ScriptPart| matches!(p, ScriptPart::Secret { inside: true, .. });
    for application in applications {
        let commands = application.script.iter().flat_map(|s| &s.commands);
        let secret = commands.flat_map(|c| &c.parts).any(inside);
        if secret && channel.security_level & 0x02 == 0 {
            let message = format!(
                "`{}` sends secrets by the channel, which does not encipher its data",
                application.name
            );
            elaborator.findings().push(
                Problem::error("E0467", span, message)
                    .help("write `security_level: 0x03` or 0x33 into the platform"),
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
    frame: &Frame,
    key: &'a MExpr,
    protocol: &str,
) -> Option<u32> {
    let name = elaborator.key(key, &["card_issuance"])?;
    let id = elaborator.model().key_id(&name)?;
    let algorithm = frame.keys.get(id as usize)?.algorithm.clone();
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

/// Directories that a card names: `pse`, `ppse`, or declared ones.
pub(super) fn named<'a>(
    elaborator: &mut Elaborator<'a>,
    entry: &'a MEntry,
) -> Vec<(String, profile::Directory)> {
    let model = elaborator.model();
    let list = entry.inner("directories").and_then(MEntry::single);
    let mut found = Vec::new();
    for name in list.map_or_else(Vec::new, |l| read::items(model, l)) {
        let word = name.dotted().unwrap_or_default();
        let directory = match read::declaration(model, name, "directory") {
            Some(decl) if decl.poisoned => continue,
            Some(decl) => profile::Directory::declared(elaborator, decl),
            None => profile::Directory::usual(&word),
        };
        match directory {
            Some(directory) => found.push((word, directory)),
            None => {
                let message = format!("`{word}` is no directory");
                let help = "write `pse`, `ppse`, or the name of a declared `directory`";
                let problem = Problem::error("E0330", name.span, message);
                elaborator.findings().push(problem.help(help));
            }
        }
    }
    found
}

/// `directories = [pse, ppse]`, and that every application is found by somebody.
pub(super) fn directories<'a>(
    elaborator: &mut Elaborator<'a>,
    entry: &'a MEntry,
    apps: &[App<'_>],
) -> Vec<Application> {
    let attribute = entry.inner("directories");
    let span = attribute.map_or(entry.span, |e| e.span);
    let listed = named(elaborator, entry);
    let mut made = Vec::new();
    for (usual, interface) in [("pse", "contact"), ("ppse", "contactless")] {
        let mut all = listed.iter().filter(|(_, d)| d.interface == interface);
        let there = apps.iter().any(|a| a.on(interface));
        match (all.next(), there) {
            (Some((_, directory)), true) => {
                made.extend(profile::directory(elaborator, directory, apps, span));
            }
            (Some((name, _)), false) => {
                let message = format!("`{name}` lists {interface} applications, there is none");
                let problem = Problem::error("E0330", span, message);
                let help = format!("take `{name}` out, or add a {interface} application");
                let mut problem = problem.help(help);
                problem.change = attribute.and_then(|e| unlisted(e, name));
                elaborator.findings().push(problem);
            }
            // The proximity directory is the only way in (EMV contactless Book B, 3.3).
            (None, true) if usual == "ppse" => {
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
        if let Some((name, _)) = all.next() {
            let message = format!("`{name}` is a second directory of {interface} applications");
            let help = "terminals start from one for each interface: leave one";
            elaborator
                .findings()
                .push(Problem::error("E0330", span, message).help(help));
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
            let twice = one.name == other.name;
            if !twice && !super::applications::together(elaborator, one.when, other.when) {
                continue;
            }
            let shorter = one.aid.len().min(other.aid.len());
            if shorter > 0 && one.aid.get(..shorter) == other.aid.get(..shorter) {
                let (message, help) = match twice {
                    true => (
                        format!("`{}` is listed twice", one.name),
                        "list it once; its condition may have an `or`",
                    ),
                    false => (
                        format!(
                            "the AIDs of `{}` and `{}` begin alike: a terminal may select the \
                             wrong one",
                            one.name, other.name
                        ),
                        "give them AIDs that differ before the shorter one ends",
                    ),
                };
                let problem = Problem::error("E0404", span, message).help(help);
                elaborator.findings().push(problem);
            }
        }
    }
}

/// Deviations of the card's own system: they are all its applications', whichever declares them.
const OF_THE_CARD: [&str; 11] = [
    "any_block_number",
    "ber_dgi_lengths",
    "block_number_per_dgi",
    "block_number_zero",
    "commands_of_128",
    "counts_data_only",
    "default_key_version_only",
    "last_block_on_every_dgi",
    "le_required",
    "one_dgi_per_command",
    "t0_status_words",
];

/// Gives every application the card's deviations; tells whether the card takes short commands only.
pub(super) fn habits(
    elaborator: &mut Elaborator<'_>,
    platform: (Option<&mut Channel>, &[(String, String)]),
    applications: &mut [Application],
    span: Span,
) -> bool {
    let (channel, of_the_platform) = platform;
    let declared = applications.iter().flat_map(|a| &a.quirks);
    let shared: Vec<(String, String)> = of_the_platform
        .iter()
        .chain(declared)
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
    has("commands_of_128")
}

/// VERIFY with an enciphered PIN is as long as the key of the chip (EMV Book 2, 7.2).
pub(super) fn short_commands(elaborator: &mut Elaborator<'_>, apps: &[App<'_>]) {
    for app in apps {
        let long = app.dda.as_ref().filter(|dda| dda.bits > 1024);
        let mut rules = app.cvm.rules.iter();
        let rule = rules.find(|rule| rule.is_enciphered_offline_pin());
        if let (Some(dda), Some(rule)) = (long, rule) {
            let message = format!(
                "an enciphered PIN has {} octets here, and the card takes 128 (`commands_of_128`)",
                dda.bits / 8
            );
            let help = "take a key of at most 1024 bits, or another method";
            let problem = Problem::error("E0364", rule.span, message);
            elaborator.findings().push(problem.help(help));
        }
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
