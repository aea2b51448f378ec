//! What a project's page says, as plain data for its template.

use super::card_content;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use cardwright_bundle::{
    Application, Bundle, Card, Content, Dgi, Format, FormatRule, Job, LookupTable, Product,
    ScriptPart,
};
use cardwright_rehearsal::{Rehearsal, preview, readings};
use cardwright_review::{Reader, elements};
use cardwright_standards::tags;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of a lookup table that are shown.
const ROWS_MAX: usize = 200;

/// The whole page.
pub(super) fn project(bundle: &Bundle) -> Value {
    let content = bundle.content();
    let reader = Reader::new(content);
    let specimens = specimens(bundle);
    let cards = content.cards.iter();
    let cards = cards.map(|c| {
        let mut said = card(content, &reader, c, specimens.get(&c.name));
        if let Some(said) = said.as_object_mut() {
            said.insert("acts".into(), card_content::acts(bundle, c).into());
        }
        said
    });
    json!({
        "name": content.name,
        "version": content.version,
        "sequence": content.sequence,
        "digest": hex::encode_upper(bundle.digest()),
        "issuer": content.issuer,
        "cards": cards.collect::<Vec<_>>(),
        "jobs": content.jobs.iter().map(|j| job(content, &reader, j)).collect::<Vec<_>>(),
        "keys": content.keys.iter().map(|key| json!({
            "name": key.name,
            "algorithm": key.algorithm,
            "use": key.usage,
            "check_value": key.check_value,
            "check_method": key.check_method,
            "origin": origin(content, key.span),
        })).collect::<Vec<_>>(),
        "formats": content.formats.iter().map(|f| format(content, &reader, f)).collect::<Vec<_>>(),
        "layouts": content.layouts.iter().map(|l| json!({
            "name": l.name,
            "purpose": l.purpose,
            "stock": l.stock,
            "size": format!("{} x {} mm", millimetres(l.width_um), millimetres(l.height_um)),
            "origin": origin(content, l.span),
        })).collect::<Vec<_>>(),
        "scenarios": content.scenarios.iter().map(|s| json!({
            "name": s.name,
            "card": s.card,
            "checks": s.checks.iter().map(|c| format!("{}: {}", c.on, c.check))
                .collect::<Vec<_>>(),
            "origin": origin(content, s.span),
        })).collect::<Vec<_>>(),
        "flows": content.flows.iter().map(|f| json!({
            "name": f.name,
            "stations": f.steps.iter().map(|s| s.station.clone()).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "tables": content.tables.iter().map(|t| table(content, t)).collect::<Vec<_>>(),
        "sources": content.sources,
        "pictures": pictures(bundle),
    })
}

fn millimetres(um: u32) -> f64 {
    f64::from(um) / 1_000.0
}

/// Where something was declared, and whether in the project or in a package.
pub(super) fn origin(content: &Content, span: u32) -> String {
    let found = content.spans.get(span as usize).filter(|_| span != 0);
    let place = found.and_then(|span| {
        let source = content.sources.get(span.source as usize)?;
        Some(format!("{}:{}", source.path, span.line))
    });
    place.map_or_else(|| "the compiler".to_owned(), |place| inherited(&place))
}

fn inherited(place: &str) -> String {
    let packages = ["profiles/", "layouts/"];
    if packages.iter().any(|folder| place.starts_with(folder)) {
        return format!("{place}, inherited");
    }
    place.to_owned()
}

fn node_origin(reader: &Reader, program: u32, node: u32) -> String {
    let place = reader.place(program, node);
    // The column matters to an editor, not to a reader.
    let line = place
        .as_deref()
        .and_then(|p| p.rsplit_once(':'))
        .map(|(line, _)| line);
    line.map_or_else(|| "the compiler".to_owned(), inherited)
}

/// What a specimen of each card says, path by path.
fn specimens(bundle: &Bundle) -> BTreeMap<String, BTreeMap<String, String>> {
    let Ok(mut rehearsal) = Rehearsal::new(bundle.clone()) else {
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for (job, code) in rehearsal.products() {
        if let Ok(made) = rehearsal.specimen(&job, &code, None) {
            found
                .entry(made.card.clone())
                .or_insert_with(|| readings(&made));
        }
    }
    found
}

/// A lookup table with its first rows.
fn table(content: &Content, table: &LookupTable) -> Value {
    let rows = table
        .rows
        .iter()
        .take(ROWS_MAX)
        .map(|row| row.cells.clone());
    json!({
        "name": table.name,
        "key": kind_text(&serde_json::to_value(table.key).unwrap_or_default()),
        "columns": table.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(),
        "count": table.rows.len(),
        "origin": origin(content, table.span),
    })
}

/// The commands of an application that a script writes.
fn commands(content: &Content, reader: &Reader, program: u32, a: &Application) -> Vec<Value> {
    let script = a.script.as_ref();
    let commands = script.map(|s| s.commands.as_slice()).unwrap_or_default();
    let part = |part: &ScriptPart| match part {
        ScriptPart::Object { tag, .. } => format!("data object {tag}"),
        ScriptPart::SignedIdentifier { .. } => "an identifier with its signature".to_owned(),
        ScriptPart::SecurityObject { .. } => "a security object".to_owned(),
        ScriptPart::Certificate { key, name, .. } => {
            let names: Vec<String> = name
                .iter()
                .map(|(part, node)| format!("{part} {}", reader.term(program, *node)))
                .collect();
            format!("the certificate of {key} for {}", names.join(", "))
        }
        ScriptPart::Value { node } => reader.term(program, *node),
        ScriptPart::Variable { name } => format!("what the card gave as {name}"),
        ScriptPart::Secret { node, .. } => {
            format!("enciphered for the card: {}", reader.term(program, *node))
        }
    };
    let shown = commands.iter().map(|command| {
        let words = command
            .expect
            .iter()
            .map(|words| match words.first == words.last {
                true => format!("{:04X}", words.first),
                false => format!("{:04X} to {:04X}", words.first, words.last),
            });
        json!({
            "title": command.title,
            "header": command.header,
            "parts": ScriptPart::leaves(&command.parts).into_iter().map(part).collect::<Vec<_>>(),
            "expect": words.collect::<Vec<_>>(),
            "origin": origin(content, command.span),
        })
    });
    shown.collect()
}

fn card(
    content: &Content,
    reader: &Reader,
    card: &Card,
    specimen: Option<&BTreeMap<String, String>>,
) -> Value {
    let says = |path: &str| specimen.and_then(|s| s.get(path)).cloned();
    let json = serde_json::to_value(card).unwrap_or_default();
    let channel = json.pointer("/chip/channel").cloned().unwrap_or_default();
    let chip = card.chip.as_ref();
    let applications = chip.map(|c| c.applications.as_slice()).unwrap_or_default();
    let stripe = card.stripe.as_ref();
    let tracks = [
        ("track 1", stripe.and_then(|s| s.track1)),
        ("track 2", stripe.and_then(|s| s.track2)),
    ];
    let mut outside: Vec<Value> = Vec::new();
    let mut shown = |name: String, path: &str, node: u32| {
        outside.push(json!({
            "name": name,
            "specimen": says(path),
            "value": reader.term(card.program, node),
            "origin": node_origin(reader, card.program, node),
        }));
    };
    for (name, node) in tracks {
        if let Some(node) = node {
            shown(
                name.to_owned(),
                &format!("stripe.{}", name.replace(' ', "")),
                node,
            );
        }
    }
    for face in &card.faces {
        let side = format!("{:?}", face.side).to_lowercase();
        for line in &face.emboss {
            let path = format!("{side}.line {}", line.line);
            shown(format!("{side}, line {}", line.line), &path, line.node);
        }
        for panel in &face.print {
            let path = format!("{side}.panel {}", panel.name);
            shown(format!("{side}, panel {}", panel.name), &path, panel.node);
        }
    }
    json!({
        "name": card.name,
        "origin": origin(content, card.span),
        "channel": channel_text(content, &channel),
        "applications": applications.iter().map(|a| json!({
            "name": a.name,
            "aid": a.aid,
            "interfaces": a.interfaces.join(", "),
            "when": a.when.map(|node| reader.term(card.program, node)),
            "derivation": a.derivation,
            "keys": a.keys.iter().map(|(role, key)| json!({
                "role": role,
                "name": content.keys.get(*key as usize).map(|k| k.name.clone()),
                "chosen": chosen_key(reader, card.program, a, role),
            })).collect::<Vec<_>>(),
            "quirks": a.quirks,
            "secured": a.script.as_ref().is_some_and(|s| s.secured),
            "commands": commands(content, reader, card.program, a),
            "elements": a.dgis.iter().flat_map(|dgi| data(content, reader, card.program, (dgi, a), specimen))
                .collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "outside": outside,
    })
}

/// How orders choose among the keys of a role, where they do.
fn chosen_key(
    reader: &Reader,
    program: u32,
    application: &Application,
    role: &str,
) -> Option<String> {
    let mut facts = application.facts.iter();
    let (_, node) = facts.find(|(name, _)| name.strip_prefix("key_") == Some(role))?;
    Some(reader.term(program, *node))
}

fn channel_text(content: &Content, channel: &Value) -> Option<String> {
    let number = |key: &str| channel.get(key).and_then(Value::as_u64);
    let text = |key: &str| channel.get(key).and_then(Value::as_str);
    let key = usize::try_from(number("key")?)
        .ok()
        .and_then(|n| content.keys.get(n));
    Some(format!(
        "{} i={:02X}, security level {:02X}, key {} version {:02X}, diversified by {}",
        text("protocol")?,
        number("option")?,
        number("security_level")?,
        key.map_or("?", |k| k.name.as_str()),
        number("key_version")?,
        text("diversification")?,
    ))
}

/// A grouping's rows: each element with its value, meaning and origin.
fn data(
    content: &Content,
    reader: &Reader,
    program: u32,
    (dgi, application): (&Dgi, &Application),
    specimen: Option<&BTreeMap<String, String>>,
) -> Vec<Value> {
    let dictionary = match dgi.dictionary.as_str() {
        "" => application.dictionary.as_str(),
        own => own,
    };
    let Some(nodes) = content.programs.get(program as usize) else {
        return Vec::new();
    };
    let group = format!("{:04X}", dgi.number);
    if !dgi.fields.is_empty() {
        return fields(reader, program, (dgi, application), specimen);
    }
    let found = elements(nodes, dgi.node).into_iter();
    let rows = found.map(|element| {
        let octets = reader.octets(program, element.node);
        let meaning = match (element.tag, &octets) {
            (Some(tag), Some(octets)) => Reader::meaning(dictionary, tag, octets),
            _ => Vec::new(),
        };
        // A meaning that only repeats the octets says nothing.
        let written = octets.as_ref().map(hex::encode_upper).unwrap_or_default();
        let meaning: Vec<String> = meaning.into_iter().filter(|m| *m != written).collect();
        let area = format!("chip.{}", application.name);
        let path = match element.tag {
            Some(tag) => format!("{area}.#{tag}"),
            None => format!("{area}.{group}"),
        };
        let specimen = specimen.filter(|_| octets.is_none() && !dgi.encrypted);
        json!({
            "group": group,
            "title": dgi.title,
            "sealed": dgi.encrypted,
            "tag": element.tag.map(|t| t.to_string()),
            "name": element.tag.and_then(|t| tags::element_in(dictionary, t))
                .map_or(dgi.title.as_str(), |e| e.title),
            "specimen": specimen.and_then(|s| s.get(&path)),
            "fixed": octets.is_some(),
            "value": octets.map_or_else(
                || reader.term(program, element.node),
                |octets| hex::encode_upper(&octets),
            ),
            "meaning": meaning,
            "origin": node_origin(reader, program, element.node),
        })
    });
    rows.collect()
}

/// The rows of a grouping that is made of parts at fixed places.
fn fields(
    reader: &Reader,
    program: u32,
    (dgi, application): (&Dgi, &Application),
    specimen: Option<&BTreeMap<String, String>>,
) -> Vec<Value> {
    let group = format!("{:04X}", dgi.number);
    let path = format!("chip.{}.{group}", application.name);
    let whole = specimen
        .filter(|_| !dgi.encrypted)
        .and_then(|s| s.get(&path));
    // Where a part begins is known as long as all before it have as many octets on every card.
    let mut from = Some(0_usize);
    let mut rows = Vec::new();
    for field in &dgi.fields {
        let octets = reader.octets(program, field.node);
        let width = field.octets.and_then(|n| usize::try_from(n).ok());
        let to = from.zip(width).map(|(from, width)| from + width);
        let place = from.zip(to).map(|(from, to)| match to - from {
            1 => format!("octet {to}"),
            _ => format!("octets {} to {to}", from + 1),
        });
        let shown = from
            .zip(to)
            .and_then(|(from, to)| whole?.get(2 * from..2 * to));
        from = to;
        rows.push(json!({
            "group": group,
            "title": dgi.title,
            "sealed": dgi.encrypted,
            "tag": None::<String>,
            "name": field.name,
            "place": place,
            "specimen": shown.filter(|_| octets.is_none()),
            "fixed": octets.is_some(),
            "value": octets.map_or_else(
                || reader.term(program, field.node),
                |octets| hex::encode_upper(&octets),
            ),
            "meaning": Vec::<String>::new(),
            "origin": node_origin(reader, program, field.node),
        }));
    }
    rows
}

fn job(content: &Content, reader: &Reader, job: &Job) -> Value {
    let rules = job.accept.iter().map(|(condition, message)| {
        json!({
            "condition": reader.term(job.program, *condition),
            "message": reader.term(job.program, *message),
            "origin": node_origin(reader, job.program, *condition),
        })
    });
    let product = |p: &Product| {
        json!({
            "code": p.code,
            "card": p.card,
            "stock": p.stock,
            "scenarios": p.scenarios.iter().map(|s| s.scenario.clone()).collect::<Vec<_>>(),
        })
    };
    json!({
        "name": job.name,
        "origin": origin(content, job.span),
        "input": job.input,
        "flow": job.flow,
        "mailer": job.mailer.as_ref().map(|m| m.layout.clone()),
        "carrier": job.carrier,
        "outputs": job.outputs.iter().map(|o| o.format.clone()).collect::<Vec<_>>(),
        "products": job.products.iter().map(product).collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(),
        "stop_after_rejects": job.stop_after_rejects,
    })
}

fn format(content: &Content, reader: &Reader, format: &Format) -> Value {
    let json = serde_json::to_value(format).unwrap_or_default();
    let records = format.records.iter().map(|record| {
        let fields = record.fields.iter().map(|field| {
            let kind = serde_json::to_value(&field.field_type).unwrap_or_default();
            json!({
                "name": field.name,
                "at": field.at,
                "width": field.width,
                "repeat": field.repeat,
                "type": kind_text(&kind),
                "optional": field.optional,
                "secrecy": format!("{:?}", field.secrecy).to_lowercase(),
                "value": field.value.zip(record.program)
                    .map(|(node, program)| reader.term(program, node)),
                "origin": origin(content, field.span),
            })
        });
        json!({
            "name": record.name,
            "once": record.once,
            "fields": fields.collect::<Vec<_>>(),
        })
    });
    let mut rules = Vec::new();
    for rule in &format.rules {
        match rule {
            FormatRule::Require {
                program,
                condition,
                message,
                ..
            } => rules.push(json!({
                "condition": reader.term(*program, *condition),
                "message": reader.term(*program, *message),
                "origin": node_origin(reader, *program, *condition),
            })),
            FormatRule::Unique {
                record,
                fields,
                message,
                span,
                ..
            } => rules.push(json!({
                "condition": format!("unique {record}.{}", fields.join(", ")),
                "message": message,
                "origin": origin(content, *span),
            })),
        }
    }
    json!({
        "name": format.name,
        "file_name": format.file_name,
        "kind": kind_text(json.get("kind").unwrap_or(&Value::Null)),
        "encoding": kind_text(json.get("encoding").unwrap_or(&Value::Null)),
        "origin": origin(content, format.span),
        "records": records.collect::<Vec<_>>(),
        "rules": rules,
    })
}

/// A choice as words: `digits 4`, `date YYMM`, `text`.
fn kind_text(kind: &Value) -> String {
    match kind {
        Value::String(text) => text.replace('_', " "),
        Value::Object(map) => {
            let words = map.iter().map(|(name, inner)| {
                let inside = inner.as_object().into_iter().flatten();
                let inside = inside
                    .filter(|(key, _)| *key != "key")
                    .map(|(_, v)| match v {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    });
                let inside: Vec<String> = inside.collect();
                format!("{} {}", name.replace('_', " "), inside.join(" "))
            });
            words.collect::<Vec<_>>().join(", ").trim_end().to_owned()
        }
        _ => String::new(),
    }
}

/// Faces and pages of a specimen of each product, each name once, as data URLs.
fn pictures(bundle: &Bundle) -> Vec<Value> {
    let Ok(mut rehearsal) = Rehearsal::new(bundle.clone()) else {
        return Vec::new();
    };
    let mut drawn = BTreeSet::new();
    let mut found = BTreeMap::new();
    for (job, code) in rehearsal.products() {
        let Ok(made) = rehearsal.specimen(&job, &code, None) else {
            continue;
        };
        let pictures = preview(&rehearsal, &made, &|name| !drawn.contains(name));
        for picture in pictures.unwrap_or_default() {
            let data = format!("data:image/png;base64,{}", STANDARD.encode(&picture.png));
            drawn.insert(picture.name.clone());
            found.insert(picture.name, data);
        }
    }
    let found = found.into_iter();
    found
        .map(|(name, data)| json!({ "name": name, "data": data }))
        .collect()
}
