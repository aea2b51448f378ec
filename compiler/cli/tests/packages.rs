//! `vendor`, `cardwright.lock` and `[bundles]`, on disk.

#![allow(clippy::expect_used, reason = "a test fails loudly")]

mod common;

use common::{cardwright, copy};
use std::path::{Path, PathBuf};

/// A new project `bank` that uses a package `house` beside it.
fn bank(folder: &Path) -> PathBuf {
    assert_eq!(cardwright(folder, &["new", "bank"]).code, 0);
    let house = folder.join("house");
    std::fs::create_dir(&house).expect("a folder");
    write(
        &house.join("cardwright.toml"),
        "name = \"house\"\nversion = \"1.2.0\"\n",
    );
    write(
        &house.join("values.perso"),
        "package house.values\n\nlet seven = 7\n",
    );
    let root = folder.join("bank");
    let manifest = std::fs::read_to_string(root.join("cardwright.toml")).expect("a manifest");
    let dependency = "house = { path = \"../house\", version = \"1\" }";
    write(
        &root.join("cardwright.toml"),
        &format!("{manifest}{dependency}\n"),
    );
    let package = "package bank\n\nuse house.values\n\nlet number = values.seven\n";
    write(&root.join("number.perso"), package);
    root
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

#[test]
fn a_vendored_project_builds_in_an_empty_place_to_the_same_octets() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = bank(folder.path());
    let first = cardwright(&root, &["build"]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(root.join("cardwright.lock").is_file());
    let vendored = cardwright(&root, &["vendor", "--locked"]);
    assert_eq!(vendored.code, 0, "{}", vendored.err);
    assert!(root.join("vendor/house/values.perso").is_file());

    let elsewhere = tempfile::tempdir().expect("a folder");
    let moved = elsewhere.path().join("moved");
    copy(&root, &moved);
    drop(folder);
    let second = cardwright(&moved, &["build", "--locked"]);
    assert_eq!(second.code, 0, "{}", second.err);
    assert_eq!(first.out, second.out, "the digests");

    write(
        &moved.join("vendor/house/values.perso"),
        "package house.values\n\nlet seven = 8\n",
    );
    let changed = cardwright(&moved, &["build"]);
    assert_eq!(changed.code, 1);
    assert!(changed.err.contains("E0126") && changed.err.contains("values.perso"));
    let renewed = cardwright(&moved, &["build", "--update-lock"]);
    assert_eq!(renewed.code, 0, "{}", renewed.err);
    assert_eq!(cardwright(&moved, &["build", "--locked"]).code, 0);
}

#[test]
fn each_bundle_holds_its_jobs_and_what_they_need() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = bank(folder.path());
    let line = std::fs::read_dir(&root)
        .expect("a folder")
        .flatten()
        .find_map(|e| {
            let text = std::fs::read_to_string(e.path()).ok()?;
            text.contains("\njob ").then(|| (e.path(), text))
        })
        .expect("a job");
    let at = line.1.find("\njob ").expect("it is there");
    let job = line.1.get(at..).expect("the job stands last");
    let name = job.split_whitespace().nth(1).expect("a name");
    let second = job.replacen(&format!("job {name}"), "job weekly", 1);
    write(&line.0, &format!("{}{second}", line.1));
    let manifest = std::fs::read_to_string(root.join("cardwright.toml")).expect("a manifest");
    let bundles =
        format!("\n[bundles]\nday = {{ jobs = [\"{name}\"] }}\nweek = {{ jobs = [\"weekly\"] }}\n");
    write(
        &root.join("cardwright.toml"),
        &format!("{manifest}{bundles}"),
    );
    let all = cardwright(&root, &["build"]);
    assert_eq!(all.code, 0, "{}", all.err);
    assert!(root.join("bank-day.cwb").is_file() && root.join("bank-week.cwb").is_file());
    let day = cardwright(&root, &["inspect", "bank-day.cwb"]);
    assert!(
        day.out.contains(name) && !day.out.contains("weekly"),
        "{}",
        day.out
    );
    let none = cardwright(&root, &["build", "--bundle", "month"]);
    assert_eq!(none.code, 2);
    assert!(
        none.err.contains("E0129") && none.err.contains("day, week"),
        "{}",
        none.err
    );
    write(
        &root.join("cardwright.toml"),
        &format!("{manifest}\n[bundles]\nday = {{ jobs = [\"dally\"] }}\n"),
    );
    let wrong = cardwright(&root, &["check"]);
    assert!(wrong.out.contains("E0129"), "{}", wrong.out);
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out_of_a_package_nor_in_circles() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let root = bank(folder.path());
    let house = folder.path().join("house");
    symlink("/etc/hostname", house.join("secret.perso")).expect("a link");
    let out = cardwright(&root, &["check"]);
    assert!(
        out.out.contains("E0120") && out.out.contains("inside"),
        "{}",
        out.out
    );
    std::fs::remove_file(house.join("secret.perso")).expect("removed");
    symlink(&house, house.join("again")).expect("a link");
    symlink("loop.perso", house.join("loop.perso")).expect("a link");
    let out = cardwright(&root, &["check"]);
    assert_eq!(out.code, 1, "a link to itself can't be read");
    assert!(out.out.contains("E0120"), "{}", out.out);
}
