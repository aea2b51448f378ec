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
    // As the client library of Visual Studio Code starts it.
    let mut process = common::command(&common::aurora(), &["lsp", "--stdio"])
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

fn request(id: usize, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn note(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

fn opened(uri: &str, text: &str) -> Value {
    let document = json!({ "uri": uri, "languageId": "perso", "version": 1, "text": text });
    note("textDocument/didOpen", json!({ "textDocument": document }))
}

/// Waits for an answer; gives what is last said about a file before it, if anything is.
fn answered(output: &mut impl BufRead, id: usize, uri: &str) -> Option<Value> {
    let mut told = None;
    loop {
        let answer = receive(output);
        if answer["id"] == id {
            assert!(answer.get("error").is_none(), "{answer}");
            return told;
        }
        assert_eq!(
            answer["method"], "textDocument/publishDiagnostics",
            "{answer}"
        );
        if answer["params"]["uri"] == uri {
            told = Some(answer["params"]["diagnostics"].clone());
        }
    }
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
    let begin = request(1, "initialize", json!({ "capabilities": {} }));
    send(&mut input, &begin);
    let (uri, whole) = ("untitled:values.perso", "untitled:whole.perso");
    answered(&mut output, 1, uri);
    send(&mut input, &opened(uri, ""));
    let (mut line, mut column) = (0, 0);
    let mut told = None;
    for (n, c) in text.chars().enumerate() {
        let at = json!({ "line": line, "character": column });
        let change = json!({
            "textDocument": { "uri": uri, "version": n + 2 },
            "contentChanges": [{ "range": { "start": at, "end": at }, "text": c.to_string() }],
        });
        send(&mut input, &note("textDocument/didChange", change));
        (line, column) = match c {
            '\n' => (line + 1, 0),
            _ => (line, column + c.len_utf16()),
        };
        let asked = ["completion", "hover", "documentSymbol"][n % 3];
        let place = json!({ "line": line, "character": column });
        let params = json!({ "textDocument": { "uri": uri }, "position": place });
        let question = request(n + 2, &format!("textDocument/{asked}"), params);
        send(&mut input, &question);
        told = answered(&mut output, n + 2, uri).or(told);
    }
    // The same is said to an editor that opens the whole file at once.
    send(&mut input, &opened(whole, &text));
    let last = text.chars().count() + 2;
    send(&mut input, &request(last, "shutdown", Value::Null));
    assert_eq!(told, answered(&mut output, last, whole));
    send(&mut input, &note("exit", Value::Null));
    assert!(process.wait().expect("it ends").success());
}
