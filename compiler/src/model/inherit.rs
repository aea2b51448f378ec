//! Inheritance: bases found, entries merged, `required`, `default` and `final` held.

use super::kept::Kept;
use super::shape::{block_kind, key_of, row_of, stands_beside};
use super::{Decl, MEntry, MExpr, MKind, MSegment, Mark, Model, Span, Target, usage};
use crate::diagnostics::{Change, Findings, Problem};
use cardwright_vocabulary::{Kind, Merge, SpeaksOf, kind};
use foldhash::HashMap;
use std::sync::Arc;

/// Most bases under a declaration.
const DEEPEST: usize = 32;

/// Resolves what every declaration builds on and speaks of, and merges inherited entries.
pub(super) fn carry_out(model: &mut Model, kept: &mut Kept, findings: &mut Findings) {
    let all = 0..model.decls.len();
    for at in all.clone() {
        speaks_of(model, at, findings);
        base_of(model, at, findings);
    }
    break_cycles(model, findings);
    let mut done = Done {
        done: vec![false; model.decls.len()],
        asking: Vec::new(),
        left: MOST_INHERITED,
        said: false,
        bases: HashMap::default(),
        blocks: Blocks::default(),
    };
    for at in all {
        effective(model, kept, at, &mut done, findings);
    }
    done.asking.sort_unstable();
    for decl in done.asking.iter().filter_map(|at| decl_at(model, *at)) {
        if findings.are_too_many(decl.span) {
            return;
        }
        missing(decl, findings);
    }
}

fn decl_at(model: &Model, at: usize) -> Option<&Decl> {
    model.decls.get_index(at).map(|(_, decl)| &**decl)
}

fn segments(e: &MExpr) -> Option<&[MSegment]> {
    match &e.kind {
        MKind::Name(segments) => Some(segments),
        _ => None,
    }
}

fn speaks_of(model: &mut Model, at: usize, findings: &mut Findings) {
    let Some(decl) = decl_at(model, at).filter(|d| !d.poisoned) else {
        return;
    };
    let Some(clause) = decl.clauses.iter().find(|c| c.keyword == "for") else {
        return;
    };
    let speaks = kind(&decl.kind).map_or(SpeaksOf::Nothing, |k| k.speaks_of);
    let (span, of_kind) = (clause.span, decl.kind.clone());
    let path = clause.single().and_then(segments).map(<[_]>::to_vec);
    let error = |code, message: String| Problem::error(code, span, message);
    let (Some(path), true) = (path, speaks != SpeaksOf::Nothing) else {
        let message = format!("`for` has no meaning here: a {of_kind} speaks of nothing else");
        let problem = error("E0113", message).help("leave the clause out");
        findings.push(problem.fix(Change::Out(span)));
        return;
    };
    if speaks == SpeaksOf::RecordOrKind && path.len() == 1 {
        let word = path.first().map(|s| s.text.clone()).unwrap_or_default();
        if kind(&word).is_some_and(|k| k.top) {
            set(model, at, |d| d.for_decl = Some(word));
            return;
        }
    }
    match model.resolve(&path, span) {
        Target::Poisoned => set(model, at, |d| d.poisoned = true),
        Target::Decl { qualified, used } => {
            let rest: Vec<String> = path.iter().skip(used).map(|s| s.text.clone()).collect();
            let target_kind = model.get(&qualified).map(|d| d.kind.clone());
            match (speaks, target_kind.as_deref(), rest.as_slice()) {
                (SpeaksOf::Decl(wanted), Some(found), []) if wanted == found => {
                    set(model, at, |d| d.for_decl = Some(qualified));
                }
                (SpeaksOf::Record | SpeaksOf::RecordOrKind, Some("format"), [record])
                    if has_record(model, &qualified, record) =>
                {
                    let record = record.clone();
                    set(model, at, |d| d.for_record = Some((qualified, record)));
                }
                (SpeaksOf::Record | SpeaksOf::RecordOrKind, Some("format"), [_]) => {
                    let problem = no_record(model, &qualified, path.get(used), span);
                    findings.push(problem);
                    set(model, at, |d| d.poisoned = true);
                }
                _ => {
                    let message = format!("this is not what a {of_kind} speaks of");
                    findings.push(error("E0113", message).help(speaks_help(speaks)));
                    set(model, at, |d| d.poisoned = true);
                }
            }
        }
        Target::Unknown => {
            let problem = error("E0106", format!("there is no `{}`", path_text(&path)));
            findings.push(model.advise(problem, &path, &[], speaks_help(speaks)));
            set(model, at, |d| d.poisoned = true);
        }
    }
}

fn speaks_help(speaks: SpeaksOf) -> &'static str {
    match speaks {
        SpeaksOf::Decl(_) => "name a card: `for debit_card`",
        SpeaksOf::RecordOrKind => {
            "name a record of a format (`for orders.order`) or a kind (`for profile`)"
        }
        _ => "name a record of a format: `for orders.order`",
    }
}

fn no_record(model: &Model, format: &str, segment: Option<&MSegment>, span: Span) -> Problem {
    let record = segment.map_or("", |s| s.text.as_str());
    let at = segment.map_or(span, |s| s.span);
    let name = short(model, format);
    let known: Vec<&str> = model
        .get(format)
        .into_iter()
        .flat_map(|d| d.entries.iter())
        .filter(|e| e.word(0) == Some("record"))
        .filter_map(|e| e.word(1))
        .collect();
    let near = cardwright_vocabulary::nearest(record, known.iter().copied());
    let message = format!("the format `{name}` has no record `{record}`");
    let otherwise = format!("it has: {}", known.join(", "));
    Problem::error("E0106", span, message).meant(at, near, otherwise)
}

fn has_record(model: &Model, format: &str, record: &str) -> bool {
    model.get(format).is_some_and(|d| {
        d.entries
            .iter()
            .any(|e| e.word(0) == Some("record") && e.word(1) == Some(record))
    })
}

fn set(model: &mut Model, at: usize, change: impl FnOnce(&mut Decl)) {
    if let Some((_, decl)) = model.decls.get_index_mut(at) {
        change(Arc::make_mut(decl));
    }
}

fn path_text(path: &[MSegment]) -> String {
    path.iter()
        .map(|s| s.text.as_str())
        .collect::<Vec<_>>()
        .join(".")
}

fn base_of(model: &mut Model, at: usize, findings: &mut Findings) {
    let Some(decl) = decl_at(model, at).filter(|d| !d.poisoned) else {
        return;
    };
    let (Some(base), Some(of_kind)) = (&decl.base, kind(&decl.kind)) else {
        return;
    };
    let word = base.terms.first().and_then(|t| match &t.kind {
        MKind::Call { callee, .. } => callee.word(),
        _ => t.word(),
    });
    if word.is_some_and(|w| of_kind.types.contains(&w)) {
        return;
    }
    let span = base.span;
    let path = base.single().and_then(segments).map(<[_]>::to_vec);
    let found = path.as_ref().map(|p| (p, model.resolve(p, span)));
    let problem = match found {
        Some((_, Target::Poisoned)) => {
            set(model, at, |d| d.poisoned = true);
            return;
        }
        Some((path, Target::Decl { qualified, used }))
            if of_kind.inherits
                && used == path.len()
                && model.get(&qualified).is_some_and(|d| d.kind == decl.kind) =>
        {
            set(model, at, |d| d.bases = vec![qualified]);
            return;
        }
        Some((path, Target::Unknown)) if of_kind.inherits || !of_kind.types.is_empty() => {
            let text = path_text(path);
            let near = cardwright_vocabulary::nearest(&text, of_kind.types.iter().copied());
            let (code, message) = if of_kind.inherits {
                ("E0106", format!("there is no {} `{text}`", decl.kind))
            } else if decl.kind == "key" {
                // Single DES and its like: known words, and no key of today.
                ("E0513", format!("no key of today is `{text}`"))
            } else {
                ("E0106", format!("a {} can't be `{text}`", decl.kind))
            };
            let problem = Problem::error(code, span, message);
            match near {
                Some(near) => problem.meant(span, Some(near), ""),
                None => model.advise(problem, path, &[&decl.kind], base_help(of_kind)),
            }
        }
        _ => Problem::error(
            "E0113",
            span,
            format!("a {} can't build on this", decl.kind),
        )
        .help(base_help(of_kind)),
    };
    findings.push(problem);
    set(model, at, |d| d.poisoned = true);
}

fn base_help(of_kind: &Kind) -> String {
    match (of_kind.inherits, of_kind.types) {
        (true, []) => format!("after the colon stands another {}", of_kind.name),
        (false, []) => format!("a {} has nothing after its name", of_kind.name),
        (true, types) => format!(
            "after the colon stands another {}, or one of: {}",
            of_kind.name,
            types.join(", ")
        ),
        (false, types) => format!("after the colon stands one of: {}", types.join(", ")),
    }
}

/// Whether the ladder of bases under a declaration ends.
fn ends(model: &Model, decl: &Decl) -> bool {
    let mut at = decl;
    for _ in 0..=DEEPEST {
        match at.bases.first().and_then(|base| model.decls.get(base)) {
            Some(base) => at = base,
            None => return true,
        }
    }
    false
}

fn break_cycles(model: &mut Model, findings: &mut Findings) {
    for at in 0..model.decls.len() {
        let Some(decl) = decl_at(model, at).filter(|decl| !ends(model, decl)) else {
            continue;
        };
        let name = decl.qualified.clone();
        let mut seen = vec![name.clone()];
        let mut top = name.clone();
        while let Some(base) = model.get(&top).and_then(|d| d.bases.first().cloned()) {
            if base == name {
                let others: Vec<String> = seen
                    .iter()
                    .skip(1)
                    .map(|n| format!("`{}`", short(model, n)))
                    .collect();
                let way = if others.is_empty() {
                    String::new()
                } else {
                    format!(", by way of {}", others.join(" and "))
                };
                let span = model.get(&name).map(|d| d.span).unwrap_or_default();
                findings.push(
                    Problem::error(
                        "E0107",
                        span,
                        format!("`{}` builds on itself{way}", short(model, &name)),
                    )
                    .help("take one of the bases out of the circle"),
                );
                set(model, at, |d| {
                    d.bases.clear();
                    d.poisoned = true;
                });
                break;
            }
            if seen.contains(&base) {
                break;
            }
            if seen.len() > DEEPEST {
                let span = model.get(&name).map(|d| d.span).unwrap_or_default();
                let message = format!(
                    "more than {DEEPEST} bases lie under `{}`",
                    short(model, &name)
                );
                findings
                    .push(Problem::error("E0107", span, message).help("make the ladder shorter"));
                set(model, at, |d| {
                    d.bases.clear();
                    d.poisoned = true;
                });
                break;
            }
            seen.push(base.clone());
            top = base;
        }
    }
}

fn short<'m>(model: &'m Model, qualified: &'m str) -> &'m str {
    model.get(qualified).map_or(qualified, |d| d.name.as_str())
}

/// Takes a declaration's bases away, and says no more about it.
fn alone(decl: &mut Decl) {
    decl.bases.clear();
    decl.poisoned = true;
}

/// Merges a declaration's bases into it, the base's own bases first.
fn effective(
    model: &mut Model,
    kept: &mut Kept,
    at: usize,
    done: &mut Done,
    findings: &mut Findings,
) {
    match done.done.get_mut(at) {
        Some(done) if !*done => *done = true,
        _ => return,
    }
    let Some(decl) = decl_at(model, at) else {
        return;
    };
    let Some(of_kind) = kind(&decl.kind) else {
        return;
    };
    let base = decl.bases.first().cloned();
    let below = base
        .as_ref()
        .and_then(|base| model.decls.get_index_of(base));
    if let Some(below) = below {
        effective(model, kept, below, done, findings);
    }
    let Some(decl) = decl_at(model, at) else {
        return;
    };
    let parent = below.and_then(|below| decl_at(model, below));
    let inherited = parent.map(|parent| Arc::clone(&parent.entries));
    if let Some(base) = inherited.as_ref().filter(|_| !decl.poisoned) {
        let size = done.base(of_kind, base).size;
        if let Some(left) = done.left.checked_sub(size) {
            done.left = left;
        } else {
            if !std::mem::replace(&mut done.said, true) {
                findings.push(too_large(decl));
            }
            done.left = 0;
            set(model, at, alone);
            return;
        }
    }
    let (merged, asks) = entries(of_kind, decl, inherited, kept, done, findings);
    if asks {
        done.asking.push(at);
    }
    let (Some(base), Some(parent)) = (base, parent) else {
        return;
    };
    let (record, spoken, poisoned) = (
        parent.for_record.clone(),
        parent.for_decl.clone(),
        parent.poisoned,
    );
    let mut bases = vec![base];
    bases.extend(parent.bases.iter().cloned());
    set(model, at, |d| {
        d.entries = merged;
        d.bases = bases;
        d.poisoned |= poisoned;
        if d.for_record.is_none() {
            d.for_record = record;
        }
        if d.for_decl.is_none() {
            d.for_decl = spoken;
        }
    });
}

/// Which declarations are done, and how many expressions more may be inherited.
struct Done {
    done: Vec<bool>,
    /// Those among whose entries something is asked for that nobody gave.
    asking: Vec<usize>,
    left: usize,
    /// Whether it was said that it is too much.
    said: bool,
    /// What is known of entries that are inherited, by their address.
    bases: HashMap<usize, Base>,
    /// Where entries stand in the blocks of those, by the address of the block's entry.
    blocks: Blocks,
}

type Blocks = HashMap<usize, Arc<Places>>;

impl Done {
    fn base(&mut self, of_kind: &Kind, entries: &Arc<Vec<MEntry>>) -> &mut Base {
        let base = self.bases.entry(Arc::as_ptr(entries).addr());
        base.or_insert_with(|| Base {
            size: usage::size(entries),
            places: Places::of(of_kind, entries),
            entries: Arc::clone(entries),
        })
    }
}

/// Entries that are inherited, mostly by many.
struct Base {
    /// How many expressions they hold.
    size: usize,
    places: Arc<Places>,
    /// They stay where they are for as long as their address stands for them.
    entries: Arc<Vec<MEntry>>,
}

/// Most expressions that the declarations of a project inherit, all together.
const MOST_INHERITED: usize = 500_000;

/// Says, of the first declaration that is too much, that it is so.
fn too_large(decl: &Decl) -> Problem {
    let message = format!(
        "what `{}` inherits makes the project too large: more than {MOST_INHERITED} expressions",
        decl.name
    );
    let help = "make the base smaller, or split the project";
    Problem::error("E0141", decl.span, message).help(help)
}

/// The entries of a declaration with those that it inherits, and whether something is asked for
/// among them.
fn entries(
    of_kind: &Kind,
    decl: &Decl,
    inherited: Option<Arc<Vec<MEntry>>>,
    kept: &mut Kept,
    done: &mut Done,
    findings: &mut Findings,
) -> (Arc<Vec<MEntry>>, bool) {
    if let Some((made, asks, problems)) = kept.merged(decl, inherited.as_ref()) {
        problems.iter().for_each(|p| findings.push(p.clone()));
        return (made, asks);
    }
    let mut found = Findings::new();
    match kept.of_own(decl) {
        Some(problems) => problems.iter().for_each(|p| found.push(p.clone())),
        None => twice(of_kind, &decl.entries, &mut found),
    }
    let of_own = found.clone().split_off(0);
    let made = match &inherited {
        Some(base) => {
            let base = done.base(of_kind, base);
            let (all, places) = (Arc::clone(&base.entries), Arc::clone(&base.places));
            let known = Some(&mut done.blocks);
            let own = &decl.entries;
            Arc::new(merge(of_kind, (&all, places), own, known, &mut found))
        }
        None => Arc::clone(&decl.entries),
    };
    let problems = found.split_off(0);
    problems.iter().for_each(|p| findings.push(p.clone()));
    let asks = inherited.is_some() && asks(&made);
    kept.keep_merged(decl, inherited, (&made, asks), (of_own, problems));
    (made, asks)
}

fn twice(of_kind: &Kind, entries: &[MEntry], findings: &mut Findings) {
    let mut seen: HashMap<String, Span> = HashMap::default();
    for entry in entries {
        let row = row_of(of_kind, entry);
        if row.is_none_or(|r| stands_beside(r) || of_kind.name == "profile.cvm") {
            continue;
        }
        let key = key_of(row, entry);
        if let Some(first) = seen.get(&key) {
            findings.push(
                Problem::error(
                    "E0105",
                    entry.head_span(),
                    format!("`{key}` stands here twice"),
                )
                .label(*first, "first here")
                .help("keep one of them")
                .fix(Change::Out(entry.head_span())),
            );
        } else {
            seen.insert(key, entry.head_span());
        }
        if let Some(inner) = row.and_then(block_kind) {
            twice(inner, entry.entries(), findings);
        }
    }
}

/// Puts own entries over those of a base; `known` are the blocks of entries that stay where they are,
/// if the base's do.
fn merge(
    of_kind: &Kind,
    (base, under): (&[MEntry], Arc<Places>),
    own: &[MEntry],
    mut known: Option<&mut Blocks>,
    findings: &mut Findings,
) -> Vec<MEntry> {
    let mut result: Vec<MEntry> = base.to_vec();
    let mut places = Places {
        under: Some(under),
        ..Places::default()
    };
    for entry in own {
        let row = row_of(of_kind, entry);
        let key = key_of(row, entry);
        let beside = row.is_some_and(stands_beside);
        let at = places.meets(&key, beside, entry, &result);
        let Some((at, place)) = at.and_then(|at| Some((at, result.get_mut(at)?))) else {
            places.add(result.len(), key, entry);
            result.push(entry.clone());
            continue;
        };
        if place.mark == Some(Mark::Final) {
            findings.push(
                Problem::error(
                    "E0108",
                    entry.head_span(),
                    format!("`{key}` is final in the base and can't be changed"),
                )
                .label(place.head_span(), format!("final in `{}`", place.origin))
                .help("leave it out, or build on another base")
                .fix(Change::Out(entry.head_span())),
            );
            continue;
        }
        // What was merged a line before is gone after the next one.
        let lasts = base.get(at).is_some_and(|b| b.address() == place.address());
        let known = known.as_deref_mut().filter(|_| lasts);
        *place = merge_entry(row.and_then(block_kind), place, entry, known, findings);
        places.add(at, key, entry);
    }
    result
}

/// Where entries stand by their keys.
#[derive(Default)]
struct Places {
    /// Places of the base that is built on, which are the same for all that do.
    under: Option<Arc<Places>>,
    /// The key of each entry that is not as in the base, and the entries of each key.
    keys: HashMap<usize, String>,
    of_key: HashMap<String, Vec<usize>>,
    /// What a base only asks for, by its key, and by its word when it is one word.
    asked: HashMap<String, Vec<usize>>,
    words: HashMap<String, Vec<usize>>,
}

impl Places {
    fn of(of_kind: &Kind, entries: &[MEntry]) -> Arc<Self> {
        let mut places = Self::default();
        for (at, entry) in entries.iter().enumerate() {
            places.add(at, key_of(row_of(of_kind, entry), entry), entry);
        }
        Arc::new(places)
    }

    fn key(&self, at: usize) -> Option<&String> {
        let under = || self.under.as_ref().and_then(|under| under.keys.get(&at));
        self.keys.get(&at).or_else(under)
    }

    fn add(&mut self, at: usize, key: String, entry: &MEntry) {
        if is_asked(entry) {
            self.asked.entry(key.clone()).or_default().push(at);
            if let Some(word) = entry.word(0).filter(|_| entry.head.len() == 1) {
                self.words.entry(word.to_owned()).or_default().push(at);
            }
        }
        // It may come in the place of an entry of another key.
        if self.key(at) == Some(&key) {
            return;
        }
        self.keys.insert(at, key.clone());
        self.of_key.entry(key).or_default().push(at);
    }

    /// Places of a list, those of the base first.
    fn all<'p>(
        &'p self,
        list: impl Fn(&'p Places) -> Option<&'p Vec<usize>>,
    ) -> impl Iterator<Item = &'p usize> {
        let under = self.under.as_deref().and_then(&list);
        under.into_iter().chain(list(self)).flatten()
    }

    /// The first entry in whose place another comes: what was asked for, or has its key and does
    /// not stand beside it.
    fn meets(&self, key: &str, beside: bool, own: &MEntry, all: &[MEntry]) -> Option<usize> {
        let asked = |at: &&usize| all.get(**at).is_some_and(is_asked);
        let has_key = |at: &&usize| self.key(**at).is_some_and(|k| k == key);
        let first = self.all(|p| p.of_key.get(key)).find(has_key);
        let of_key = self.all(|p| p.asked.get(key)).find(asked);
        let word = own.word(0);
        let of_word = self.all(|p| p.words.get(word?)).find(asked);
        [first.filter(|_| !beside), of_key, of_word]
            .into_iter()
            .flatten()
            .min()
            .copied()
    }
}

/// Whether something is only asked for among entries, at any depth.
fn asks(entries: &[MEntry]) -> bool {
    entries.iter().any(|e| is_asked(e) || asks(e.entries()))
}

/// Whether a base only asks for an entry.
fn is_asked(entry: &MEntry) -> bool {
    entry.mark == Some(Mark::Required) && entry.value.is_none() && entry.block.is_none()
}

fn merge_entry(
    inner: Option<&'static Kind>,
    base: &MEntry,
    own: &MEntry,
    mut known: Option<&mut Blocks>,
    findings: &mut Findings,
) -> MEntry {
    let mut merged = own.clone();
    if own.block.is_none() && (own.value.is_some() || base.block.is_none()) {
        return merged; // it takes nothing from the base
    }
    if own.value.is_none() && own.block.is_some() {
        merged.value.clone_from(&base.value);
    }
    merged.block = match (inner, &base.block, &own.block) {
        (Some(of_kind), Some(theirs), Some(ours)) if of_kind.merge == Merge::ByKey => {
            let places = match known.as_deref_mut() {
                Some(known) => {
                    let places = known.entry(base.address());
                    Arc::clone(places.or_insert_with(|| Places::of(of_kind, theirs)))
                }
                None => Places::of(of_kind, theirs),
            };
            Some(merge(of_kind, (theirs, places), ours, known, findings))
        }
        (_, theirs, None) if own.value.is_none() => theirs.clone(),
        (_, _, ours) => ours.clone(),
    };
    merged
}

/// Says what a base asked for and nobody gave.
fn missing(decl: &Decl, findings: &mut Findings) {
    if !decl.is_concrete() || decl.bases.is_empty() {
        return;
    }
    fn look<'m>(
        decl: &'m Decl,
        entries: &'m [MEntry],
        within: &mut Vec<&'m MEntry>,
        findings: &mut Findings,
    ) {
        for entry in entries {
            let asked = entry.mark == Some(Mark::Required)
                && entry.value.is_none()
                && entry.block.is_none();
            if asked {
                let key = key_of(None, entry);
                let around = within.iter().map(|e| format!("{}.", key_of(None, e)));
                let around: String = around.collect();
                findings.push(
                    Problem::error(
                        "E0109",
                        decl.span,
                        format!("{} `{}` lacks `{around}{key}`", decl.kind, decl.name),
                    )
                    .label(entry.head_span(), format!("`{}` asks for it", entry.origin))
                    .help(format!("give `{key}` a value")),
                );
            }
            within.push(entry);
            look(decl, entry.entries(), within, findings);
            within.pop();
        }
    }
    look(decl, &decl.entries, &mut Vec::new(), findings);
}
