//! Pictures of holders: from the delivery's folder onto the card, and nowhere else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{Content, FieldType, ItemKind, PictureRules};
use cardwright_tests::{
    projects::{self, Folder},
    station::{Said, Station},
    workspace,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

const ORDERS: &str = "orders.txt";

fn kestrel() -> PathBuf {
    workspace::root().join("examples/kestrel-access")
}

/// A site with Kestrel's bundle.
fn station() -> Station {
    let station = Station::new();
    let bundle = projects::signed(projects::compile(&Folder(kestrel())));
    station.write("aurora.cwb", &bundle.to_bytes().expect("octets"));
    station
}

/// A delivery: the first orders of the example, each with its picture's name, and Kestrel's photos.
fn delivery(station: &Station, name: &str, photos: &[&str]) -> PathBuf {
    let folder = station.path(name);
    projects::copy_folder(&kestrel().join("photos"), &folder.join("photos"));
    let text = fs::read_to_string(kestrel().join(ORDERS)).expect("orders");
    let mut lines = text.lines();
    let mut file = vec![lines.next().expect("a header").to_owned()];
    for (line, photo) in lines.zip(photos) {
        let record: String = line.chars().take(71).collect();
        file.push(format!("{record}{photo:<20}"));
    }
    file.push(format!("T{:06}", photos.len()));
    let path = folder.join(ORDERS);
    fs::write(&path, file.join("\n") + "\n").expect("a file");
    path
}

/// Line and code of every order that was rejected.
fn rejected(station: &Station, out: &str) -> Vec<(u64, String)> {
    let report = station.report(out);
    let rows = report["rejected"].as_array().expect("a list").clone();
    let row = |row: &Value| {
        let code = row["code"].as_str().expect("a code").to_owned();
        (row["line"].as_u64().expect("a line"), code)
    };
    rows.iter().map(row).collect()
}

/// What the machine noted of each printing: a keyed hash of all that was printed.
fn printed(station: &Station) -> Vec<String> {
    let lines = station.machine_lines();
    let marks = lines.iter().filter(|line| line["act"] == "print");
    marks.map(|line| line["mark"].to_string()).collect()
}

fn one_lane(station: &Station, orders: &Path) -> Said {
    station.run(orders, "out", &["--lanes", "1"])
}

#[test]
fn hostile_deliveries_reject_their_orders_and_no_others() {
    let station = station();
    let names = [
        "face-1.jpg",
        "../face-1.jpg",
        "/etc/hostname",
        "photos/face-1.jpg",
        "gone.jpg",
        "link.jpg",
        "folder",
        "large.jpg",
        "notes.png",
        "face-7.jpg",
        "small.png",
        "face-4.png",
    ];
    let orders = delivery(&station, "in", &names);
    let photos = station.path("in/photos");
    #[cfg(unix)]
    std::os::unix::fs::symlink(photos.join("face-1.jpg"), photos.join("link.jpg")).expect("a link");
    fs::create_dir(photos.join("folder")).expect("a folder");
    let mut large = fs::read(photos.join("face-1.jpg")).expect("a photo");
    large.resize(200_001, 0);
    fs::write(photos.join("large.jpg"), large).expect("a file");
    fs::write(photos.join("notes.png"), b"no picture at all").expect("a file");
    let logo = workspace::root().join("tests/cases/layouts/logo.png");
    fs::copy(logo, photos.join("small.png")).expect("a file");
    one_lane(&station, &orders).expect(0);
    let expected = [
        (3, "R1535"),
        (4, "R1535"),
        (5, "R1535"),
        (6, "R1536"),
        (7, "R1536"),
        (8, "R1536"),
        (9, "R1538"),
        (10, "R1537"),
        (11, "R1537"),
        (12, "R1538"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(l, c)| (*l, (*c).to_owned()))
        .collect();
    assert_eq!(rejected(&station, "out"), expected);
    assert_eq!(station.report("out")["produced"], 2);
    let said = fs::read_to_string(station.path("out/rejected.jsonl")).expect("a file");
    assert!(
        !said.contains("hostname") && !said.contains("gone.jpg"),
        "{said}"
    );
}

#[test]
fn a_delivery_without_its_folder_is_not_taken() {
    let station = station();
    let orders = delivery(&station, "in", &["face-1.jpg"]);
    fs::remove_dir_all(station.path("in/photos")).expect("gone");
    let said = one_lane(&station, &orders);
    assert!(said.err.contains("R1539"), "{}", said.err);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(kestrel().join("photos"), station.path("in/photos"))
            .expect("a link");
        let said = one_lane(&station, &orders);
        assert!(said.err.contains("R1539"), "{}", said.err);
    }
    // Nothing was taken: the same file comes again with its folder.
    #[cfg(unix)]
    fs::remove_file(station.path("in/photos")).expect("gone");
    projects::copy_folder(&kestrel().join("photos"), &station.path("in/photos"));
    one_lane(&station, &orders).expect(0);
    assert_eq!(station.report("out")["produced"], 1);
}

#[test]
fn the_same_pictures_print_the_same_and_others_do_not() {
    let first = station();
    let (second, third) = (first.twin(), first.twin());
    let names = ["face-1.jpg", "face-4.png", "face-2.jpg"];
    one_lane(&first, &delivery(&first, "in", &names)).expect(0);
    one_lane(&second, &delivery(&second, "in", &names)).expect(0);
    assert_eq!(printed(&first), printed(&second));
    // The same order file, another file behind the second name.
    let orders = delivery(&third, "in", &names);
    let photos = third.path("in/photos");
    fs::copy(photos.join("face-5.jpg"), photos.join("face-1.jpg")).expect("a photo");
    one_lane(&third, &orders).expect(0);
    let (found, usual) = (printed(&third), printed(&first));
    assert_ne!(found[0], usual[0]);
    assert_eq!(found[1..], usual[1..]);
}

/// Whether a file of a folder holds these octets.
fn found_below(folder: &Path, octets: &[u8]) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let found = match path.is_dir() {
            true => found_below(&path, octets),
            false => {
                let file = fs::read(&path).expect("a file");
                file.windows(octets.len())
                    .any(|w| w == octets)
                    .then_some(path)
            }
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

#[test]
fn pictures_wait_sealed_and_are_printed_after_a_stop() {
    let straight = station();
    let stopped = straight.twin();
    let names = ["face-1.jpg", "face-2.jpg", "face-4.png"];
    one_lane(&straight, &delivery(&straight, "in", &names)).expect(0);

    let orders = delivery(&stopped, "in", &names);
    let (bundle, file) = (stopped.bundle(), orders.display().to_string());
    let bundle = bundle.display().to_string();
    stopped
        .say(&["intake", &file, "--bundle", &bundle])
        .expect(0);
    // Some octets of a photo's pixels, which stand in the clean picture as they came.
    let photo = fs::read(kestrel().join("photos/face-1.jpg")).expect("a photo");
    let pixels = photo[4_000..4_032].to_vec();
    assert_eq!(found_below(&stopped.site(), &pixels), None);
    // The delivery is not needed any more.
    fs::remove_dir_all(stopped.path("in")).expect("gone");
    let out = stopped.path("out").display().to_string();
    stopped
        .say(&["job", "run", "1", "--out", &out, "--lanes", "1"])
        .expect(0);
    assert_eq!(stopped.report("out")["produced"], 3);
    assert_eq!(printed(&stopped), printed(&straight));
    // Neither the site nor the report shows anybody's picture.
    assert_eq!(found_below(&stopped.site(), &pixels), None);
    assert_eq!(found_below(&stopped.path("out"), &pixels), None);
}

/// The bundle with one thing changed.
fn changed(change: &dyn Fn(&mut Content)) -> Option<&'static str> {
    let bundle = projects::compile(&Folder(kestrel()));
    let mut content = bundle.content().clone();
    change(&mut content);
    let media = |name: &str| {
        let mut assets = content.assets.iter();
        assets
            .find(|a| a.name == name)
            .map(|a| a.media_type.clone())
    };
    let assets = bundle.assets().iter();
    let assets = assets.map(|(name, octets)| {
        let media = media(name).expect("a media type");
        (name.clone(), (media, octets.clone()))
    });
    let assets = assets.collect();
    let sealed = cardwright_bundle::Bundle::seal(content, assets);
    let Ok(bundle) = sealed else {
        return Some("R1001");
    };
    cardwright_runtime::load::accept(bundle)
        .err()
        .map(|e| e.code)
}

fn rules(content: &mut Content) -> &mut PictureRules {
    let records = content.formats.iter_mut().flat_map(|f| &mut f.records);
    let mut fields = records.flat_map(|r| &mut r.fields);
    let found = fields.find_map(|field| match &mut field.field_type {
        FieldType::Picture(rules) => Some(rules),
        _ => None,
    });
    found.expect("a picture field")
}

#[test]
fn a_bundle_can_not_loosen_its_pictures() {
    assert_eq!(changed(&|_| {}), None);
    type Change = (&'static str, fn(&mut Content));
    let table: &[Change] = &[
        ("a way elsewhere", |c| {
            rules(c).folder = "../photos".to_owned()
        }),
        ("a hidden folder", |c| rules(c).folder = ".ssh".to_owned()),
        ("no folder", |c| rules(c).folder.clear()),
        ("no format", |c| rules(c).formats.clear()),
        ("too many octets", |c| rules(c).octets = 1 << 30),
        ("too many pixels", |c| rules(c).most = (100_000, 100_000)),
        ("no pixels", |c| rules(c).least = (0, 0)),
        ("no shape", |c| rules(c).aspect = Some((0, 1))),
        ("a public face", |c| {
            let records = c.formats.iter_mut().flat_map(|f| &mut f.records);
            let mut fields = records.flat_map(|r| &mut r.fields);
            let photo = fields.find(|f| f.name == "photo").expect("the field");
            photo.secrecy = cardwright_bundle::Secrecy::Public;
        }),
        ("a field that is none", |c| {
            let faces = c.cards.iter_mut().flat_map(|card| &mut card.faces);
            let mut images = faces.flat_map(|face| &mut face.images);
            let order = images.find_map(|i| i.order.as_mut()).expect("a picture");
            order.field = "name".to_owned();
        }),
        ("a placeholder that is not there", |c| {
            let faces = c.cards.iter_mut().flat_map(|card| &mut card.faces);
            let mut images = faces.flat_map(|face| &mut face.images);
            images.next().expect("a picture").asset = "gone.png".to_owned();
        }),
        ("an item of no field", |c| {
            let layout = c.layouts.first_mut().expect("a letter");
            let item = layout.items.first_mut().expect("an item");
            item.draw = ItemKind::Image {
                asset: String::new(),
                order: Some(cardwright_bundle::OrderPicture {
                    field: "unit".to_owned(),
                    fit: cardwright_bundle::Fit::Cover,
                }),
            };
        }),
        ("a picture as a value", |c| {
            for program in &mut c.programs {
                for node in &mut program.nodes {
                    if let cardwright_bundle::Op::Field { field, .. } = &mut node.op
                        && field == "unit"
                    {
                        "photo".clone_into(field);
                    }
                }
            }
        }),
    ];
    for (name, change) in table {
        assert!(changed(change).is_some(), "{name}");
    }
}
