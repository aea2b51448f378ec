//! The verb `lsp`: a session over the binary's standard input and output.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod common;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

fn send(input: &mut impl Write, message: &Value) {
    let text = message.to_string();
    write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("written");
    input.flush().expect("written");
}

fn receive(output: &mut impl BufRead) -> Value {
    let mut length = 0;
    loop {
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut content = vec![0; length];
    output.read_exact(&mut content).expect("a message");
    serde_json::from_slice(&content).expect("JSON")
}

#[test]
fn an_editor_is_served_over_standard_input_and_output() {
    let mut process = common::command(&common::aurora(), &["lsp"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut input = process.stdin.take().expect("its input");
    let mut output = BufReader::new(process.stdout.take().expect("its output"));
    let started = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "capabilities": {} },
    });
    send(&mut input, &started);
    let answer = receive(&mut output);
    assert_eq!(answer["id"], 1);
    assert_eq!(answer["result"]["serverInfo"]["name"], "cardwright");
    // What is no message is passed over.
    write!(input, "Content-Length: 8\r\n\r\nnonsense").expect("written");
    let uri = format!(
        "file://{}",
        common::aurora()
            .canonicalize()
            .expect("a path")
            .join("bank.perso")
            .display()
    );
    let document = json!({
        "uri": uri, "languageId": "perso", "version": 1, "text": "package aurora\nisuer a {}\n",
    });
    let opened = json!({
        "jsonrpc": "2.0",
        "method": "textDocument/didOpen",
        "params": { "textDocument": document },
    });
    send(&mut input, &opened);
    let found = loop {
        let told = receive(&mut output);
        assert_eq!(told["method"], "textDocument/publishDiagnostics");
        if told["params"]["uri"] == uri.as_str() {
            break told["params"]["diagnostics"].clone();
        }
    };
    // `isuer` is no kind of declaration, and `issuer` is near.
    assert_eq!(found[0]["code"], "E0101");
    assert_eq!(found[0]["range"]["start"]["line"], 1);
    send(
        &mut input,
        &json!({ "jsonrpc": "2.0", "id": 2, "method": "shutdown" }),
    );
    while receive(&mut output)["id"] != 2 {}
    send(&mut input, &json!({ "jsonrpc": "2.0", "method": "exit" }));
    assert!(process.wait().expect("it ends").success());
}

/// A file that is typed character by character into the real process: each prefix is taken in, and
/// a question after each is answered. In the end the same is said as about the whole file.
#[test]
fn every_prefix_of_a_file_is_answered_by_the_process() {
    let text = std::fs::read_to_string(common::aurora().join("values.perso")).expect("a source");
    let mut process = common::command(&common::aurora(), &["lsp"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut input = process.stdin.take().expect("its input");
    let mut output = BufReader::new(process.stdout.take().expect("its output"));
    let request = |id: usize, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let note = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params });
    send(
        &mut input,
        &request(1, "initialize", json!({ "capabilities": {} })),
    );
    assert_eq!(receive(&mut output)["id"], 1);
    let uri = "untitled:values.perso";
    let document = json!({ "uri": uri, "languageId": "perso", "version": 1, "text": "" });
    send(
        &mut input,
        &note("textDocument/didOpen", json!({ "textDocument": document })),
    );
    let (mut line, mut column) = (0, 0);
    let mut told = Value::Null;
    for (n, c) in text.chars().enumerate() {
        let at = json!({ "line": line, "character": column });
        let range = json!({ "start": at, "end": at });
        let change = json!({
            "textDocument": { "uri": uri, "version": n + 2 },
            "contentChanges": [{ "range": range, "text": c.to_string() }],
        });
        send(&mut input, &note("textDocument/didChange", change));
        if c == '\n' {
            (line, column) = (line + 1, 0);
        } else {
            column += c.len_utf16();
        }
        let asked = ["completion", "hover", "documentSymbol"][n % 3];
        let place = json!({ "line": line, "character": column });
        let params = json!({ "textDocument": { "uri": uri }, "position": place });
        send(
            &mut input,
            &request(n + 2, &format!("textDocument/{asked}"), params),
        );
        loop {
            let answer = receive(&mut output);
            if answer["id"] == n + 2 {
                assert!(answer.get("error").is_none(), "{asked} after {n}: {answer}");
                break;
            }
            assert_eq!(
                answer["method"], "textDocument/publishDiagnostics",
                "{answer}"
            );
            if answer["params"]["uri"] == uri {
                told = answer["params"]["diagnostics"].clone();
            }
        }
    }
    // The same is said to an editor that opens the whole file at once.
    let whole = "untitled:whole.perso";
    let document = json!({ "uri": whole, "languageId": "perso", "version": 1, "text": text });
    send(
        &mut input,
        &note("textDocument/didOpen", json!({ "textDocument": document })),
    );
    let last = text.chars().count() + 2;
    send(
        &mut input,
        &json!({ "jsonrpc": "2.0", "id": last, "method": "shutdown" }),
    );
    let mut at_once = Value::Null;
    loop {
        let answer = receive(&mut output);
        if answer["id"] == last {
            break;
        }
        if answer["params"]["uri"] == whole {
            at_once = answer["params"]["diagnostics"].clone();
        }
    }
    assert_eq!(told, at_once);
    send(&mut input, &json!({ "jsonrpc": "2.0", "method": "exit" }));
    assert!(process.wait().expect("it ends").success());
}
