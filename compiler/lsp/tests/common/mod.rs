//! A scripted editor: speaks the protocol to a server in a thread, and keeps what it is told.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test uses what it needs, and fails loudly"
)]

pub(crate) mod textmate;

use lsp_server::{Connection, Message, Notification, Request, RequestId, ResponseError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// The editor's side of a session.
pub(crate) struct Editor {
    connection: Connection,
    server: Option<JoinHandle<u8>>,
    next: i32,
    versions: BTreeMap<String, i32>,
    /// What was last said about each file.
    pub(crate) told: BTreeMap<String, Value>,
    /// What was logged: only our own bugs are.
    pub(crate) logged: Vec<Value>,
}

impl Editor {
    /// A session that is past `initialize`.
    pub(crate) fn start() -> Self {
        let mut editor = Self::bare();
        editor
            .ask("initialize", json!({ "capabilities": {} }))
            .expect("it starts");
        editor.say("initialized", json!({}));
        editor
    }

    /// A session in which nothing was said.
    pub(crate) fn bare() -> Self {
        let (editor, server) = Connection::memory();
        let server = std::thread::spawn(move || cardwright_lsp::serve(&server));
        Self {
            connection: editor,
            server: Some(server),
            next: 0,
            versions: BTreeMap::new(),
            told: BTreeMap::new(),
            logged: Vec::new(),
        }
    }

    pub(crate) fn say(&mut self, method: &str, params: Value) {
        let method = method.to_owned();
        let message = Message::Notification(Notification { method, params });
        self.connection.sender.send(message).expect("it listens");
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Result<Value, ResponseError> {
        self.next += 1;
        let id = RequestId::from(self.next);
        let request = Request {
            id: id.clone(),
            method: method.to_owned(),
            params,
        };
        self.connection
            .sender
            .send(Message::Request(request))
            .expect("it listens");
        loop {
            match self.connection.receiver.recv().expect("it answers") {
                Message::Response(response) => {
                    assert_eq!(response.id, id);
                    return response.response_result;
                }
                other => self.keep(other),
            }
        }
    }

    /// An answer that is no error.
    pub(crate) fn get(&mut self, method: &str, params: Value) -> Value {
        match self.ask(method, params) {
            Ok(value) => value,
            Err(error) => panic!("{method}: {}", error.message),
        }
    }

    fn keep(&mut self, message: Message) {
        if let Message::Notification(n) = message {
            if n.method == "textDocument/publishDiagnostics" {
                let uri = n.params["uri"].as_str().expect("a file").to_owned();
                self.told.insert(uri, n.params["diagnostics"].clone());
            } else {
                self.logged.push(n.params);
            }
        }
    }

    /// Waits until everything that was said has been taken in.
    pub(crate) fn settle(&mut self) {
        let _ = self.ask("workspace/symbol", json!({ "query": "" }));
    }

    pub(crate) fn open(&mut self, uri: &str, text: &str) {
        self.versions.insert(uri.to_owned(), 1);
        let document = json!({ "uri": uri, "languageId": "perso", "version": 1, "text": text });
        self.say("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// The whole text anew.
    pub(crate) fn replace(&mut self, uri: &str, text: &str) {
        self.change(uri, json!([{ "text": text }]));
    }

    /// A text put in at a place.
    pub(crate) fn insert(&mut self, uri: &str, place: (u32, u32), text: &str) {
        let at = json!({ "line": place.0, "character": place.1 });
        let range = json!({ "start": at, "end": at });
        self.change(uri, json!([{ "range": range, "text": text }]));
    }

    pub(crate) fn change(&mut self, uri: &str, changes: Value) {
        let version = self.versions.entry(uri.to_owned()).or_insert(1);
        *version += 1;
        let document = json!({ "uri": uri, "version": *version });
        self.say(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": changes }),
        );
    }

    pub(crate) fn close(&mut self, uri: &str) {
        let document = json!({ "textDocument": { "uri": uri } });
        self.say("textDocument/didClose", document);
    }

    /// What is said about a file now.
    pub(crate) fn findings(&mut self, uri: &str) -> Vec<Value> {
        self.settle();
        let told = self.told.get(uri).and_then(Value::as_array);
        told.cloned().unwrap_or_default()
    }

    /// Codes of what is said about a file now.
    pub(crate) fn codes(&mut self, uri: &str) -> Vec<String> {
        let findings = self.findings(uri);
        let codes = findings.iter().map(|f| f["code"].as_str().expect("a code"));
        codes.map(str::to_owned).collect()
    }

    /// A request about a place of a document.
    pub(crate) fn at(&mut self, method: &str, uri: &str, place: (u32, u32)) -> Value {
        self.get(method, position(uri, place))
    }

    /// Whether the server ends by itself, with this exit code.
    pub(crate) fn connection_ended_with(mut self, code: u8) -> bool {
        self.server.take().expect("once").join().expect("no panic") == code
    }

    /// Ends the session; gives the exit code.
    pub(crate) fn end(mut self) -> u8 {
        self.ask("shutdown", Value::Null).expect("it ends");
        self.say("exit", Value::Null);
        self.server.take().expect("once").join().expect("no panic")
    }
}

pub(crate) fn position(uri: &str, place: (u32, u32)) -> Value {
    json!({
        "textDocument": { "uri": uri },
        "position": { "line": place.0, "character": place.1 },
    })
}

/// Line and column of the first place of a text, plus some characters; for ASCII lines.
pub(crate) fn find(text: &str, what: &str, plus: u32) -> (u32, u32) {
    let at = text.find(what).unwrap_or_else(|| panic!("no {what}"));
    let before = &text[..at];
    let line = before.matches('\n').count();
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or("")
        .encode_utf16()
        .count();
    (
        u32::try_from(line).unwrap(),
        u32::try_from(column).unwrap() + plus,
    )
}

/// `1:2-1:5`, lines and columns from 0.
pub(crate) fn range(value: &Value) -> String {
    let n = |a: &str, b: &str| value[a][b].as_u64().expect("a number");
    format!(
        "{}:{}-{}:{}",
        n("start", "line"),
        n("start", "character"),
        n("end", "line"),
        n("end", "character")
    )
}

pub(crate) fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The example bank.
pub(crate) fn aurora() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/aurora-bank");
    path.canonicalize().expect("the example")
}

/// Sources of the example bank: name and text.
pub(crate) fn aurora_sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(aurora()).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".perso") {
            let text = std::fs::read_to_string(entry.path()).expect("a text");
            found.push((name, text));
        }
    }
    found.sort();
    found
}

/// A project in a folder of its own.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = "name = \"case\"\nversion = \"1.0.0\"\nsequence = 1\n";
        std::fs::write(folder.path().join("cardwright.toml"), manifest).expect("written");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        Self { folder }
    }

    pub(crate) fn uri(&self, name: &str) -> String {
        uri(&self.folder.path().join(name))
    }
}
