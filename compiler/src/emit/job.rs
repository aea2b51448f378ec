//! Jobs: products, acceptance, priority, line, mailer, outputs.

use super::card::Blank;
use super::{Context, flow, read};
use crate::diagnostics::{Change, Problem};
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MClause, MEntry, MExpr, MKind, Model, Span};
use crate::secrecy::Sink;
use crate::types::Type;
use cardwright_bundle::{
    Field, FieldType, FileKind, Job, MailerUse, NodeId, Output, Product, ScenarioUse,
};

/// Rejected cards after which a line stops by itself, when a job does not say.
const STOP_AFTER: i64 = 20;

/// Lowers all jobs.
pub(super) fn lower(context: &mut Context<'_>) {
    let model = context.model;
    let mut jobs = 0;
    for decl in model.concrete("job") {
        context.shared.findings.enter(decl);
        jobs += 1;
        if let Some(job) = job(context, decl) {
            context.content.jobs.push(job);
        }
    }
    if jobs > 0 {
        unheard_rules(context);
    }
    if jobs == 0 && !context.shared.findings.has_errors() {
        let message = "the project has no job: a site would have nothing to run";
        context.push(
            Problem::warning("E0906", Span::default(), message)
                .help("declare `job daily { input = …; flow = …; product … }`"),
        );
    }
}

/// The job's address labels: a layout of that purpose, E0824.
fn labels(context: &mut Context<'_>, decl: &Decl) -> Option<String> {
    let entry = decl.attribute("labels")?;
    let layout = read::declaration(context.model, entry.single()?, "layout")?;
    let purpose = layout.attribute("purpose").and_then(read::word);
    if purpose.as_deref() != Some("label") {
        let message = format!("`{}` is no label", layout.name);
        context.push(
            Problem::error("E0824", entry.span, message)
                .help("name a layout with `purpose = label`"),
        );
    }
    Some(layout.name.clone())
}

fn job<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Option<Job> {
    let model = context.model;
    let input = target(model, decl, "input", "format")?;
    let record = match decl.attribute("record").and_then(read::word) {
        Some(word) => word,
        None => super::formats::order_record(input)?,
    };
    let flow = target(model, decl, "flow", "flow")?;
    let products = products(context, decl);
    let mut elaborator = Elaborator::new(model, &mut context.shared, &input.qualified, &record);
    let values = values(&mut elaborator, decl, &products);
    let program = elaborator.finish();
    let program = context.add_program(program);
    let (selector, priority, accept) = values?;
    check_products(context, decl, &products, (&input.qualified, &record), flow);
    same_record(context, decl, (&input.qualified, &record));
    let carrier = flow::carrier_of(flow).or_else(|| decl.attribute("carrier")?.single());
    let carrier = carrier.and_then(|name| read::declaration(model, name, "layout"));
    let stop = decl.attribute("stop_after_rejects");
    let stop = stop.and_then(|entry| read::integer(model, entry));
    Some(Job {
        name: decl.name.clone(),
        input: input.name.clone(),
        record,
        program,
        selector,
        products,
        priority,
        accept,
        flow: flow.name.clone(),
        mailer: mailer(context, decl),
        carrier: carrier.map(|d| d.name.clone()),
        labels: labels(context, decl),
        outputs: outputs(context, decl),
        stop_after_rejects: u32::try_from(stop.unwrap_or(STOP_AFTER)).unwrap_or(20),
        span: context.shared.spans.id(decl.span),
    })
}

/// The declaration that an attribute names; the check has reported a missing or wrong one.
fn target<'a>(model: &'a Model, decl: &Decl, attribute: &str, kind: &str) -> Option<&'a Decl> {
    read::reference(model, decl.attribute(attribute)?.single()?, kind)
}

fn products<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Vec<Product> {
    let entries = decl.entries.iter().filter(|e| e.word(0) == Some("product"));
    let mut products: Vec<Product> = Vec::new();
    for entry in entries {
        let code = entry.head.get(1).and_then(|t| {
            let word = t.word().map(str::to_owned);
            word.or_else(|| t.literal_text())
        });
        let code = code.unwrap_or_default();
        if products.iter().any(|p| p.code == code) {
            let message = format!("product {code} is there twice");
            context.push(Problem::error("E0906", entry.span, message).help("keep one of them"));
            continue;
        }
        products.extend(product(context, entry, code));
    }
    if decl.attribute("card").is_some() {
        // The only card: every order asks for it.
        let only = Product {
            code: String::new(),
            card: card_of(context, decl.attribute("card")).unwrap_or_default(),
            scenarios: scenarios(context, decl.attribute("scenarios")),
            stock: None,
        };
        products.push(only);
    }
    if products.is_empty() {
        let mut problem = Problem::error("E0906", decl.span, "the job makes no product").help(
            "write `card = debit_card`, or `products = order.product` and `product … { card = … }`",
        );
        let mut cards = context.model.of_kind("card").filter(|c| c.is_concrete());
        if let (Some(card), None) = (cards.next(), cards.next()) {
            problem = problem.fix(Change::Entry(decl.span, format!("card = {}", card.name)));
        }
        context.push(problem);
    }
    products.sort_by(|a, b| a.code.cmp(&b.code));
    products
}

fn product<'a>(context: &mut Context<'a>, entry: &'a MEntry, code: String) -> Option<Product> {
    Some(Product {
        code,
        card: card_of(context, entry.inner("card"))?,
        scenarios: scenarios(context, entry.inner("scenarios")),
        stock: entry.inner("stock").and_then(read::text),
    })
}

fn card_of<'a>(context: &mut Context<'a>, entry: Option<&'a MEntry>) -> Option<String> {
    let term = entry?.single()?;
    let found = read::reference(context.model, term, "card")?;
    Some(found.name.clone())
}

/// `[ready sample 1 of 200]`.
fn scenarios<'a>(context: &mut Context<'a>, entry: Option<&'a MEntry>) -> Vec<ScenarioUse> {
    let Some(term) = entry.and_then(MEntry::single) else {
        return Vec::new();
    };
    let phrases = match &term.kind {
        MKind::List(items) => items.iter().map(|i| &i.phrase).collect(),
        _ => entry
            .and_then(|e| e.value.as_ref())
            .into_iter()
            .collect::<Vec<_>>(),
    };
    let mut uses = Vec::new();
    for phrase in phrases {
        let Some(name) = phrase.terms.first() else {
            continue;
        };
        let model = context.model;
        let Some(found) = read::reference(model, name, "scenario") else {
            continue;
        };
        let number = |keyword: &str| {
            let clause = phrase.clauses.iter().find(|c| c.keyword == keyword);
            let n = clause.and_then(MClause::single).and_then(MExpr::integer);
            n.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
        };
        uses.push(ScenarioUse {
            scenario: found.name.clone(),
            sample: number("sample").unwrap_or(1),
            of: number("of").unwrap_or(1),
        });
    }
    uses
}

/// What the flow's camera reads stands on every card of the job.
fn camera(context: &mut Context<'_>, decl: &Decl, flow: &Decl, card: &super::card::Facts) {
    let Some((readings, span)) = flow::readings(flow) else {
        return;
    };
    for reading in readings.iter().filter(|r| !card.shown.contains(r)) {
        let message = format!(
            "the camera of `{}` reads {reading}, which `{}` does not have",
            flow.name, card.name
        );
        let known = card.shown.join(", ");
        context.push(
            Problem::error("E0919", span, message)
                .label(decl.span, "the job")
                .help(format!("the card shows: {known}")),
        );
    }
}

/// No code is longer than what names it in an order.
fn codes(elaborator: &mut Elaborator<'_>, decl: &Decl, selector: &Typed) {
    let Some(most) = selector.ty.lengths().map(|l| l.max) else {
        return;
    };
    let entries = decl.entries.iter().filter(|e| e.word(0) == Some("product"));
    for entry in entries {
        let code = entry.head.get(1).and_then(|t| {
            let word = t.word().map(str::to_owned);
            word.or_else(|| t.literal_text())
        });
        let length = code.as_ref().map_or(0, |c| c.chars().count());
        if u32::try_from(length).is_ok_and(|n| n > most) {
            let message = format!(
                "no order can ask for product {}: {length} characters, the field has {most}",
                code.unwrap_or_default()
            );
            elaborator.findings().push(
                Problem::error("E0920", entry.head_span(), message)
                    .help("correct the code, or widen the field that `products` names"),
            );
        }
    }
}

/// Letters, files and rules of a job speak of the job's record.
fn same_record<'a>(context: &mut Context<'a>, decl: &'a Decl, record: (&str, &str)) {
    let model = context.model;
    let mut named: Vec<(&MExpr, &str)> = Vec::new();
    for (attribute, kind) in [("mailer", "layout"), ("carrier", "layout")] {
        let phrase = decl.attribute(attribute).and_then(|e| e.value.as_ref());
        named.extend(phrase.and_then(|p| p.terms.first()).map(|t| (t, kind)));
    }
    for (attribute, kind) in [("accept", "rule"), ("outputs", "format")] {
        let list = decl.attribute(attribute).and_then(MEntry::single);
        let items = list.map_or_else(Vec::new, |l| read::items(model, l));
        named.extend(items.into_iter().map(|t| (t, kind)));
    }
    for (term, kind) in named {
        let Some(found) = read::reference(model, term, kind) else {
            continue;
        };
        let other = found.for_record.as_ref();
        if other.is_some_and(|(f, r)| (f.as_str(), r.as_str()) != record) {
            let message = format!("`{}` is not for the records of this job", found.name);
            context.push(
                Problem::error("E0912", term.span, message)
                    .label(found.span, "declared here")
                    .help("write the job's record behind its `for`"),
            );
        }
    }
}

/// A rule on orders takes effect where a job accepts orders by it.
fn unheard_rules(context: &mut Context<'_>) {
    let model = context.model;
    let mut heard = std::collections::BTreeSet::new();
    for job in model.of_kind("job") {
        let list = job.attribute("accept").and_then(MEntry::single);
        for name in list.map_or_else(Vec::new, |l| read::items(model, l)) {
            heard.extend(read::declaration(model, name, "rule").map(|d| &d.qualified));
        }
    }
    for rule in model.of_kind("rule").filter(|d| !d.poisoned && !d.standard) {
        if rule.for_record.is_some() && !heard.contains(&rule.qualified) {
            let message = format!("no job holds its orders against the rule `{}`", rule.name);
            let help = format!("write `accept = [{}]` into the job", rule.name);
            let mut problem = Problem::warning("E0921", rule.span, message).help(help);
            let mut jobs = model.of_kind("job").filter(|job| job.is_concrete());
            if let (Some(job), None) = (jobs.next(), jobs.next()) {
                let accept = job.attribute("accept").and_then(|e| e.value.as_ref());
                problem = problem.fix(match accept {
                    Some(list) => Change::Listed(list.span, rule.name.clone()),
                    None => Change::Entry(job.span, format!("accept = [{}]", rule.name)),
                });
            }
            context.push(problem);
        }
    }
}

type Values = (NodeId, Option<NodeId>, Vec<(NodeId, NodeId)>);

/// Selector, priority, acceptance: the job's own program.
fn values<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    products: &[Product],
) -> Option<Values> {
    let selector = match decl.attribute("products") {
        Some(entry) => {
            let phrase = entry.value.as_ref()?;
            let value = elaborator.phrase(phrase, Some(&Type::text()))?;
            elaborator.sink(&value, Sink::FileField, "the product selector", entry.span);
            codes(elaborator, decl, &value);
            value
        }
        None => {
            let code = products.first().map_or("", |p| p.code.as_str());
            elaborator.text(code, decl.span)
        }
    };
    let priority = match decl.attribute("priority") {
        Some(entry) => Some(priority(elaborator, entry.single()?)?.node),
        None => None,
    };
    let mut accept = Vec::new();
    if let Some(list) = decl.attribute("accept").and_then(MEntry::single) {
        for name in read::items(elaborator.model(), list) {
            let model = elaborator.model();
            let found = read::reference(model, name, "rule");
            if let Some(rule) = found {
                accept.extend(order_rule(elaborator, rule));
            }
        }
    }
    Some((selector.node, priority, accept))
}

/// `if order.urgent then express else normal`: 0 goes first.
fn priority<'a>(elaborator: &mut Elaborator<'a>, term: &'a MExpr) -> Option<Typed> {
    match (&term.kind, term.word()) {
        (_, Some("express")) => Some(elaborator.number(0, term.span)),
        (_, Some("normal")) => Some(elaborator.number(1, term.span)),
        (
            MKind::If {
                condition,
                then,
                otherwise,
            },
            _,
        ) => {
            let condition = elaborator.expr(condition, Some(&Type::Flag))?;
            elaborator.sink(&condition, Sink::Condition, "the priority", term.span);
            let then = priority(elaborator, then)?;
            let otherwise = priority(elaborator, otherwise)?;
            Some(elaborator.choose(&condition, &then, &otherwise, term.span))
        }
        _ => {
            elaborator.findings().push(
                Problem::error("E0917", term.span, "a priority is `express` or `normal`")
                    .help("write `priority = if order.urgent then express else normal`"),
            );
            None
        }
    }
}

/// A rule on orders: what must hold, and what is said when it does not.
fn order_rule<'a>(elaborator: &mut Elaborator<'a>, rule: &'a Decl) -> Vec<(NodeId, NodeId)> {
    let entries = |word: &'static str| rule.entries.iter().filter(move |e| e.word(0) == Some(word));
    let mut conditions = Vec::new();
    for entry in entries("when") {
        let own = entry.clause("when").and_then(MClause::single);
        let term = entry.head.get(1).or(own);
        conditions.extend(term.and_then(|t| elaborator.expr(t, Some(&Type::Flag))));
    }
    let own = |e: &'a MEntry| e.clause("because").and_then(MClause::single);
    let said = |e: &'a MEntry| e.head.get(1).or(own(e));
    let is_because = |e: &&MEntry| e.word(0) == Some("because");
    let mut result = Vec::new();
    for (at, entry) in rule.entries.iter().enumerate() {
        if entry.word(0) != Some("require") {
            continue;
        }
        let Some(required) = entry
            .head
            .get(1)
            .and_then(|t| elaborator.expr(t, Some(&Type::Flag)))
        else {
            continue;
        };
        // Its own, or the next behind it: several requirements may share one.
        let behind = rule.entries.iter().skip(at + 1).find(is_because);
        let any = rule.entries.iter().find(is_because);
        let message = match own(entry).or(behind.or(any).and_then(said)) {
            Some(term) => elaborator.expr(term, Some(&Type::text())),
            None => Some(elaborator.text(&format!("rule {} is broken", rule.name), entry.span)),
        };
        let holds = implies(elaborator, &conditions, required, entry.span);
        if let (Some(holds), Some(message)) = (holds, message) {
            let what = format!("rule `{}`", rule.name);
            elaborator.sink(&holds, Sink::Condition, &what, entry.span);
            elaborator.sink(&message, Sink::ErrorText, &what, entry.span);
            result.push((holds.node, message.node));
        }
    }
    result
}

/// `not when or require`.
fn implies(
    elaborator: &mut Elaborator<'_>,
    conditions: &[Typed],
    required: Typed,
    span: Span,
) -> Option<Typed> {
    if conditions.is_empty() {
        return Some(required);
    }
    let mut parts = Vec::new();
    for condition in conditions {
        parts.push(elaborator.apply("not", std::slice::from_ref(condition), span)?);
    }
    parts.push(required);
    elaborator.apply("any", &parts, span)
}

fn mailer<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Option<MailerUse> {
    let entry = decl.attribute("mailer")?;
    let term = entry.value.as_ref()?.terms.first()?;
    let model = context.model;
    let layout = read::reference(model, term, "layout")?;
    let after = entry.clause("after").and_then(|c| c.single()?.word());
    if after != Some("produced") {
        let message = "the mailer must wait for its card: a PIN without a card is a crime waiting";
        context.push(
            Problem::error("E0902", entry.span, message)
                .help(format!("write `mailer = {} after produced`", layout.name))
                .fix(match entry.clause("after") {
                    Some(clause) => Change::Instead(clause.span, "after produced".to_owned()),
                    None => Change::Behind(entry.span, " after produced".to_owned()),
                }),
        );
        return None;
    }
    let purpose = context
        .content
        .layouts
        .iter()
        .find(|l| l.name == layout.name);
    if purpose.is_some_and(|l| l.purpose != "mailer") {
        let message = format!("`{}` is no mailer", layout.name);
        context.push(
            Problem::error("E0913", entry.span, message)
                .help("name a layout with `purpose = mailer`"),
        );
    }
    Some(MailerUse {
        layout: layout.name.clone(),
        after: "produced".to_owned(),
    })
}

fn outputs<'a>(context: &mut Context<'a>, decl: &'a Decl) -> Vec<Output> {
    let model = context.model;
    let Some(list) = decl.attribute("outputs").and_then(MEntry::single) else {
        return Vec::new();
    };
    let mut outputs = Vec::new();
    for name in read::items(model, list) {
        let Some(format) = read::reference(model, name, "format") else {
            continue;
        };
        outputs.push(output(context, format, name.span));
    }
    outputs
}

fn output<'a>(context: &mut Context<'a>, format: &'a Decl, span: Span) -> Output {
    let model = context.model;
    let kind = context
        .content
        .formats
        .iter()
        .find(|f| f.name == format.name);
    let secret = kind.is_some_and(|f| matches!(f.kind, FileKind::Cps | FileKind::Machine));
    if format.for_record.is_none() {
        let message = format!("`{}` is a file that is read", format.name);
        context.push(
            Problem::error("E0918", span, message)
                .help("name a format that says what it is written for: `for orders.order`"),
        );
    }
    let term = format.attribute("transport").and_then(MEntry::single);
    let transport_key = term.and_then(|term| {
        let mut elaborator = Elaborator::new(model, &mut context.shared, "", "");
        let name = elaborator.key(term, &["transport"])?;
        model.key_id(&name)
    });
    if secret && transport_key.is_none() {
        let message = format!(
            "`{}` holds keys and PINs, and has no transport key",
            format.name
        );
        let mut problem = Problem::error("E0910", span, message)
            .help("write `transport = tk` into the format, a key with `use = transport`");
        let transports = |key: &&Decl| {
            let usage = key.attribute("use").and_then(|e| e.single()?.dotted());
            usage.as_deref() == Some("transport")
        };
        let mut keys = model.keys().filter(transports);
        if let (Some(key), None, None) = (keys.next(), keys.next(), term) {
            let text = format!("transport = {}", key.name);
            problem = problem.fix(Change::Entry(format.span, text));
        }
        context.push(problem);
    }
    Output {
        format: format.name.clone(),
        transport_key,
    }
}

/// Cards against the job's record and the flow's stations; scenarios against the product's card.
/// Blanks of one stock have one chip with one set of keys.
fn one_blank_a_stock(context: &mut Context<'_>, decl: &Decl, products: &[Product], flow: &Decl) {
    let usual = flow::stock_of(flow);
    let mut known: Vec<(String, &Product, Blank)> = Vec::new();
    for product in products {
        let cards = &context.cards;
        let card = cards.iter().find(|c| c.name == product.card);
        let stock = product.stock.clone().or_else(|| usual.clone());
        let (Some(blank), Some(stock)) = (card.and_then(|c| c.blank.clone()), stock) else {
            continue;
        };
        match known.iter().find(|(name, ..)| *name == stock) {
            Some((_, other, with)) if *with != blank => {
                let message = format!(
                    "`{}` and `{}` are made from stock `{stock}`, and open their channels otherwise",
                    other.card, product.card
                );
                let problem = Problem::error("E0922", decl.span, message);
                let help = "write the stock of other blanks into the product: `stock = \"…\"`";
                context.push(problem.help(help));
            }
            Some(_) => {}
            None => known.push((stock, product, blank)),
        }
    }
}

/// A printer with a black ribbon prints only pictures that come in grey: E0832.
fn ribbon(
    context: &mut Context<'_>,
    (format, record): (&str, &str),
    flow: &Decl,
    card: &super::card::Facts,
) {
    let Some(entry) = flow::black(flow) else {
        return;
    };
    let format = context
        .model
        .get(format)
        .map_or(format, |decl| decl.name.as_str());
    let formats = context.content.formats.iter().filter(|f| f.name == format);
    let records = formats
        .flat_map(|f| &f.records)
        .filter(|r| r.name == record);
    let fields: Vec<&Field> = records.flat_map(|r| &r.fields).collect();
    let coloured = |name: &&String| {
        let mut found = fields.iter().filter(|f| f.name == **name);
        found.any(|f| matches!(&f.field_type, FieldType::Picture(rules) if !rules.grey))
    };
    if let Some(field) = card.pictures.iter().find(coloured) {
        let message = format!(
            "`{}` shows `{record}.{field}` in colour, this machine prints in black",
            card.name
        );
        let help = "write `grey` into the field's type, `picture(grey, …)`, or `ribbon = colour` \
                    where the machine has one";
        let problem = Problem::error("E0832", entry.span, message).label(card.span, "the card");
        context.push(problem.help(help));
    }
}

fn check_products(
    context: &mut Context<'_>,
    decl: &Decl,
    products: &[Product],
    (format, record): (&str, &str),
    flow: &Decl,
) {
    let has = |station: &str| flow.entries.iter().any(|e| e.word(0) == Some(station));
    one_blank_a_stock(context, decl, products, flow);
    for product in products {
        let Some(card) = context
            .cards
            .iter()
            .find(|c| c.name == product.card)
            .cloned()
        else {
            continue;
        };
        if card.record != (format.to_owned(), record.to_owned()) {
            let message = format!("`{}` is not for the records of this job", card.name);
            context.push(
                Problem::error("E0912", decl.span, message)
                    .label(card.span, "declared here")
                    .help("write the job's record behind `for` at the card"),
            );
        }
        camera(context, decl, flow, &card);
        ribbon(context, (format, record), flow, &card);
        let needs = [
            ("chip", !card.applications.is_empty()),
            ("stripe", card.stripe),
            ("emboss", card.embossed),
            ("print", card.printed),
        ];
        for (station, needed) in needs {
            if needed && !has(station) {
                let message = format!(
                    "`{}` needs a `{station}` station, `{}` has none",
                    card.name, flow.name
                );
                let mut problem = Problem::error("E0901", decl.span, message)
                    .label(flow.span, "the flow")
                    .help(format!("add `{station}` to the flow"));
                problem.change = flow::station_more(flow, station);
                context.push(problem);
            }
        }
        for used in &product.scenarios {
            let scenarios = &context.content.scenarios;
            let other = scenarios.iter().find(|s| s.name == used.scenario);
            if let Some(other) = other.filter(|s| s.card != product.card) {
                let message = format!(
                    "scenario `{}` is for `{}`, product {} is `{}`",
                    other.name, other.card, product.code, product.card
                );
                context.push(
                    Problem::error("E0907", decl.span, message)
                        .help("name a scenario of this card"),
                );
            }
        }
    }
}
