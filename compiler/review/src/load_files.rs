//! What a load file is: its octets, their digest, its applets. A bundle's content only names the
//! file; who reviews a change asks what is in it.

use cardwright_bundle::Bundle;
use cardwright_standards::globalplatform::load_file;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Says of every load file in a content what stands in it, and takes it off the list of files.
pub(crate) fn describe(content: &mut Value, bundle: &Bundle) {
    let assets = content.get("assets").and_then(Value::as_array);
    let assets = assets.cloned().unwrap_or_default();
    let digest = |name: &str| -> Value {
        let own = assets
            .iter()
            .find(|a| a.get("name").and_then(Value::as_str) == Some(name));
        own.and_then(|a| a.get("sha256"))
            .cloned()
            .unwrap_or_default()
    };
    let mut files: BTreeSet<String> = BTreeSet::new();
    let cards = content.get_mut("cards").and_then(Value::as_array_mut);
    for card in cards.into_iter().flatten() {
        let loads = card
            .pointer_mut("/chip/content/load")
            .and_then(Value::as_array_mut);
        for load in loads.into_iter().flatten().filter_map(Value::as_object_mut) {
            let Some(name) = load
                .remove("asset")
                .and_then(|n| Some(n.as_str()?.to_owned()))
            else {
                continue;
            };
            let octets = bundle.asset(&name).unwrap_or_default();
            let applets = load_file::arrange(octets).map(|found| found.applets);
            let applets = applets
                .unwrap_or_default()
                .into_iter()
                .map(hex::encode_upper);
            load.insert("file".into(), json!(name.trim_end_matches("#components")));
            load.insert("sha256".into(), digest(&name));
            load.insert("octets".into(), json!(octets.len()));
            load.insert("applets".into(), applets.collect());
            files.insert(name);
        }
    }
    if let Some(assets) = content.get_mut("assets").and_then(Value::as_array_mut) {
        assets.retain(|a| {
            !a.get("name")
                .and_then(Value::as_str)
                .is_some_and(|n| files.contains(n))
        });
    }
}
