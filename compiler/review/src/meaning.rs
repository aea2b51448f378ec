//! What a changed value means: the lines of the old and of the new meaning that differ.

use crate::{
    side::{Side, Step},
    tables,
};
use cardwright_standards::{
    emv::bits::{self, describe, service_code_meaning},
    formats,
    globalplatform::load_file,
    tags::{self, Coding},
    tlv::Tag,
};

/// What kind of element a tag is.
pub(crate) fn kind_of(dictionary: &str, tag: Tag) -> &'static str {
    match tag.value() {
        0x8E => "cvm list",
        0x94 => "afl",
        0x5F30 => "service code",
        other => match tags::element_in(dictionary, tag).map(|e| e.coding) {
            Some(Coding::Dol) => "dol",
            Some(Coding::Bits(_)) => "flags",
            _ if bits::field_of_tag(other, dictionary).is_some() => "flags",
            _ => "element",
        },
    }
}

/// A tag's name in its owner's words.
pub(crate) fn title_of(dictionary: &str, tag: Tag) -> String {
    let element = tags::element_in(dictionary, tag);
    element.map_or_else(
        || "data element without a name".to_owned(),
        |e| e.title.to_owned(),
    )
}

/// The octets of a node that is the same for all orders: a literal, or one that is only coded.
pub(crate) fn fold(side: &Side, program: usize, id: u64) -> Option<Vec<u8>> {
    let steps = side.program(program);
    let step = steps.get(usize::try_from(id).ok()?)?;
    if let Some(("bytes", value)) = step.constant() {
        return hex::decode(value.as_str()?).ok();
    }
    let arg = |n: usize| steps.get(*step.args.get(n)?).and_then(Step::constant);
    let text = || arg(0).and_then(|(_, value)| value.as_str());
    match step.name() {
        "ascii" | "utf8" => Some(text()?.as_bytes().to_vec()),
        "bcd" => {
            let octets = usize::try_from(arg(1)?.1.as_u64()?).ok()?;
            formats::numeric(text()?, octets).ok()
        }
        "number_bytes" => {
            let number = arg(0)?.1.as_u64()?.to_be_bytes();
            let octets = usize::try_from(arg(1)?.1.as_u64()?).ok()?;
            let first = number.len().checked_sub(octets)?;
            let (above, kept) = number.split_at_checked(first)?;
            above.iter().all(|octet| *octet == 0).then(|| kept.to_vec())
        }
        _ => None,
    }
}

/// What was said and what is said now of an element's value.
pub(crate) fn of_element(
    dictionary: &str,
    tag: Tag,
    (old, new): (Option<&[u8]>, Option<&[u8]>),
) -> Vec<String> {
    let lines = |value: Option<&[u8]>| match value {
        Some(octets) => describe(dictionary, tag, octets),
        None => Vec::new(),
    };
    differing(&lines(old), &lines(new))
}

/// The same of a service code.
pub(crate) fn of_service_code(old: &str, new: &str) -> Vec<String> {
    let lines = |code: &str| -> Vec<String> {
        let said = service_code_meaning(code.trim_matches('"'));
        said.into_iter().flatten().map(str::to_owned).collect()
    };
    differing(&lines(old), &lines(new))
}

/// What a channel's security level protects (GlobalPlatform 2.3.1, table 10-1; amendment D, 6.2.2).
const SECURITY_LEVELS: [(u8, &str); 4] = [
    (0x01, "commands carry a MAC"),
    (0x02, "commands are enciphered"),
    (0x10, "answers carry a MAC"),
    (0x20, "answers are enciphered"),
];

/// The same of a channel's security level, hexadecimal.
pub(crate) fn of_security_level(old: &str, new: &str) -> Vec<String> {
    let lines = |level: &str| -> Vec<String> {
        let bits = u8::from_str_radix(level, 16).unwrap_or_default();
        let set = SECURITY_LEVELS.iter().filter(|(mask, _)| bits & mask != 0);
        set.map(|(_, says)| (*says).to_owned()).collect()
    };
    differing(&lines(old), &lines(new))
}

/// The same of an instance's privileges, hexadecimal.
pub(crate) fn of_privileges(old: &str, new: &str) -> Vec<String> {
    let lines = |text: &str| -> Vec<String> {
        let octets = hex::decode(text).unwrap_or_default();
        let names = load_file::privilege_names(&octets).into_iter();
        names.map(|name| name.replace('_', " ")).collect()
    };
    differing(&lines(old), &lines(new))
}

/// Whether an operand is a service code.
pub(crate) fn is_service_code(function: &str, operand: usize) -> bool {
    tables::SERVICE_CODES.contains(&(function, operand))
}

/// Lines of the one that are not in the other with `-`, and the other way round with `+`.
pub(crate) fn differing(old: &[String], new: &[String]) -> Vec<String> {
    let without = |lines: &[String], other: &[String]| -> Vec<String> {
        let mut left = other.to_vec();
        let mut only = Vec::new();
        for line in lines {
            match left.iter().position(|l| l == line) {
                Some(at) => {
                    left.swap_remove(at);
                }
                None => only.push(line.clone()),
            }
        }
        only
    };
    let gone = without(old, new);
    let come = without(new, old);
    if gone.is_empty() && come.is_empty() && old != new {
        return vec![format!("order: {}", new.join("; "))];
    }
    let gone = gone.into_iter().map(|line| format!("- {line}"));
    gone.chain(come.into_iter().map(|line| format!("+ {line}")))
        .collect()
}
