//! The session with an editor: state, notifications, requests; none of them can end it.

use crate::documents::{Document, Documents};
use crate::workspace::{Home, Workspace};
use crate::{
    capabilities, code_actions, completion, diagnostics, folding, formatting, hover, inlay,
    references, selection, symbols, tokens, uri,
};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::{
    CodeActionParams, Diagnostic, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DocumentFormattingParams, DocumentSymbolParams, FoldingRangeParams,
    InitializeResult, InlayHintParams, PublishDiagnosticsParams, SelectionRangeParams,
    SemanticTokensParams, ServerInfo, TextDocumentIdentifier, TextDocumentPositionParams, TextEdit,
    Uri, WorkspaceSymbolParams,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Serves one editor until it says `exit` or goes away; gives the exit code of the process, which
/// is 0 only after a proper `shutdown`.
#[must_use]
pub fn serve(connection: &Connection) -> u8 {
    let mut session = Session::default();
    for message in &connection.receiver {
        let answers = match message {
            Message::Request(request) => vec![Message::Response(session.request(request))],
            Message::Notification(notification) if notification.method == "exit" => {
                return u8::from(!session.ended);
            }
            Message::Notification(notification) => session.notification(notification),
            Message::Response(_) => Vec::new(),
        };
        for answer in answers {
            if connection.sender.send(answer).is_err() {
                return 1;
            }
        }
    }
    u8::from(!session.ended)
}

/// Why a request has no answer.
type Refusal = (ErrorCode, String);

/// Version of a text, and what was said about it.
type Told = (Option<i32>, Vec<Diagnostic>);

#[derive(Default)]
struct Session {
    started: bool,
    ended: bool,
    documents: Documents,
    workspace: Workspace,
    /// What the editor was told, by home and file: of which version of its text, and what.
    told: BTreeMap<Home, BTreeMap<String, Told>>,
}

impl Session {
    fn request(&mut self, request: Request) -> Response {
        let id = request.id.clone();
        let done = catch_unwind(AssertUnwindSafe(|| self.answer(request)));
        match done {
            Ok(Ok(value)) => Response::new_ok(id, value),
            Ok(Err((code, message))) => Response::new_err(id, code as i32, message),
            Err(_) => {
                let message = "this is a bug of Cardwright; please report it".to_owned();
                Response::new_err(id, ErrorCode::InternalError as i32, message)
            }
        }
    }

    fn answer(&mut self, request: Request) -> Result<Value, Refusal> {
        if self.ended {
            return Err((ErrorCode::InvalidRequest, "the server was shut down".into()));
        }
        if request.method == "initialize" {
            self.started = true;
            return value(InitializeResult {
                capabilities: capabilities::all(),
                server_info: Some(ServerInfo {
                    name: "cardwright".to_owned(),
                    version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                }),
            });
        }
        if !self.started {
            let message = "`initialize` comes first".to_owned();
            return Err((ErrorCode::ServerNotInitialized, message));
        }
        let Request { method, params, .. } = request;
        match method.as_str() {
            "shutdown" => {
                self.ended = true;
                Ok(Value::Null)
            }
            "cardwright/text" => {
                let asked: TextDocumentIdentifier = read(params)?;
                Ok(json!(uri::carried(asked.uri.as_str())))
            }
            "workspace/symbol" => {
                let asked: WorkspaceSymbolParams = read(params)?;
                let all = self.workspace.homes();
                let analyses = all.iter().filter_map(|home| self.workspace.get(home));
                let found = analyses.flat_map(|a| symbols::matching(a, &asked.query));
                value(found.collect::<Vec<_>>())
            }
            "textDocument/codeAction" => {
                let asked: CodeActionParams = read(params)?;
                let document = self.document(&asked.text_document.uri)?;
                let Some(analysis) = self.workspace.get(&Home::of(&document.path)) else {
                    return Ok(Value::Null);
                };
                let only = asked.context.only.as_deref();
                let uri = &asked.text_document.uri;
                value(code_actions::at(analysis, document, uri, asked.range, only))
            }
            "textDocument/inlayHint" => {
                let asked: InlayHintParams = read(params)?;
                let document = self.document(&asked.text_document.uri)?;
                let analysis = self.workspace.get(&Home::of(&document.path));
                value(analysis.map(|analysis| inlay::hints(analysis, document, asked.range)))
            }
            _ => match self.about_a_place(&method, &params) {
                Some(answer) => answer,
                None => self.about_syntax(&method, params),
            },
        }
    }

    /// Requests about a place of a document; `None` for requests of another kind.
    fn about_a_place(&self, method: &str, params: &Value) -> Option<Result<Value, Refusal>> {
        const ASKED: [&str; 7] = [
            "textDocument/hover",
            "textDocument/completion",
            "textDocument/definition",
            "textDocument/references",
            "textDocument/documentHighlight",
            "textDocument/prepareRename",
            "textDocument/rename",
        ];
        ASKED
            .contains(&method)
            .then(|| self.place(method, params.clone()))
    }

    fn place(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        let asked: TextDocumentPositionParams = read(params.clone())?;
        let document = self.document(&asked.text_document.uri)?;
        let Some(analysis) = self.workspace.get(&Home::of(&document.path)) else {
            return Ok(Value::Null);
        };
        let offset = document.text.offset(asked.position);
        let refused = |message: String| (ErrorCode::RequestFailed, message);
        match method {
            "textDocument/hover" => value(hover::at(analysis, document, offset)),
            "textDocument/completion" => value(completion::at(analysis, document, offset)),
            "textDocument/definition" => value(references::definition(analysis, document, offset)),
            "textDocument/references" => {
                let with = params.pointer("/context/includeDeclaration") == Some(&json!(true));
                let all = &self.documents;
                value(references::references(
                    analysis, all, document, offset, with,
                ))
            }
            "textDocument/documentHighlight" => {
                let all = &self.documents;
                let found = references::references(analysis, all, document, offset, true);
                let here = found.unwrap_or_default().into_iter();
                let here = here.filter(|l| l.uri == asked.text_document.uri);
                let marks = here.map(|l| json!({ "range": l.range }));
                value(marks.collect::<Vec<_>>())
            }
            "textDocument/prepareRename" => {
                let range = references::renameable(analysis, document, offset).map_err(refused)?;
                value(document.text.node_range(range))
            }
            _ => {
                let name = params.get("newName").and_then(Value::as_str).unwrap_or("");
                let all = &self.documents;
                let files = references::rename(analysis, all, document, offset, name);
                let files = files.map_err(refused)?;
                let changes: BTreeMap<String, Vec<TextEdit>> = files
                    .into_iter()
                    .map(|(name, (_, edits))| (name, edits))
                    .collect();
                Ok(json!({ "changes": changes }))
            }
        }
    }

    /// Requests that the tree of one document answers.
    fn about_syntax(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "textDocument/documentSymbol" => {
                let asked: DocumentSymbolParams = read(params)?;
                value(symbols::outline(self.document(&asked.text_document.uri)?))
            }
            "textDocument/foldingRange" => {
                let asked: FoldingRangeParams = read(params)?;
                value(folding::ranges(self.document(&asked.text_document.uri)?))
            }
            "textDocument/formatting" => {
                let asked: DocumentFormattingParams = read(params)?;
                value(formatting::edits(self.document(&asked.text_document.uri)?))
            }
            "textDocument/selectionRange" => {
                let asked: SelectionRangeParams = read(params)?;
                let document = self.document(&asked.text_document.uri)?;
                value(selection::ranges(document, &asked.positions))
            }
            "textDocument/semanticTokens/full" => {
                let asked: SemanticTokensParams = read(params)?;
                value(tokens::of(self.document(&asked.text_document.uri)?))
            }
            _ => {
                let message = format!("`{method}` is not answered here");
                Err((ErrorCode::MethodNotFound, message))
            }
        }
    }

    fn document(&self, uri: &Uri) -> Result<&Document, Refusal> {
        self.documents.by_uri(uri).ok_or_else(|| {
            let message = format!("`{}` is not open", uri.as_str());
            (ErrorCode::InvalidParams, message)
        })
    }

    fn notification(&mut self, notification: Notification) -> Vec<Message> {
        if !self.started {
            return Vec::new();
        }
        let done = catch_unwind(AssertUnwindSafe(|| self.take(notification)));
        done.unwrap_or_else(|_| {
            let message = "this is a bug of Cardwright; please report it";
            // 1 is an error (MessageType of the protocol).
            let params = json!({ "type": 1, "message": message });
            let method = "window/logMessage".to_owned();
            vec![Message::Notification(Notification { method, params })]
        })
    }

    fn take(&mut self, notification: Notification) -> Vec<Message> {
        let Notification { method, params } = notification;
        match method.as_str() {
            "textDocument/didOpen" => {
                let opened = read::<DidOpenTextDocumentParams>(params).ok();
                let path = opened.and_then(|DidOpenTextDocumentParams { text_document: it }| {
                    self.documents.open(it.uri, it.version, it.text)
                });
                path.map(|path| self.tell(&Home::of(&path)))
                    .unwrap_or_default()
            }
            "textDocument/didChange" => {
                let changed = read::<DidChangeTextDocumentParams>(params).ok();
                let path = changed.and_then(|it| {
                    let document = it.text_document;
                    self.documents
                        .change(&document.uri, document.version, it.content_changes)
                });
                path.map(|path| self.tell(&Home::of(&path)))
                    .unwrap_or_default()
            }
            "textDocument/didClose" => {
                let closed = read::<DidCloseTextDocumentParams>(params).ok();
                let path = closed.and_then(|it| self.documents.close(&it.text_document.uri));
                path.map(|path| self.closed(&path)).unwrap_or_default()
            }
            // What changed on the disk may be any file of any project.
            "workspace/didChangeWatchedFiles" | "textDocument/didSave" => {
                let homes = self.homes_in_use();
                homes.iter().flat_map(|home| self.tell(home)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn homes_in_use(&self) -> BTreeSet<Home> {
        self.documents.all().map(|d| Home::of(&d.path)).collect()
    }

    fn closed(&mut self, path: &Path) -> Vec<Message> {
        let home = Home::of(path);
        if self.homes_in_use().contains(&home) {
            return self.tell(&home);
        }
        // Nobody looks at this project any more: what was said about it is taken back.
        self.workspace.forget(&home);
        let told = self.told.remove(&home).unwrap_or_default();
        let spoken = told.iter().filter(|(_, (_, found))| !found.is_empty());
        spoken.filter_map(|(uri, _)| silence(uri)).collect()
    }

    /// Checks a home and says what was found, file by file, where that is not what was said before.
    fn tell(&mut self, home: &Home) -> Vec<Message> {
        let analysis = self.workspace.analyse(home, &self.documents);
        let files = diagnostics::by_file(analysis);
        let mut before = self.told.remove(home).unwrap_or_default();
        let mut now = BTreeMap::new();
        let mut messages = Vec::new();
        for (name, (uri, found)) in files {
            let document = self.documents.by_uri(&uri);
            let told = (document.and_then(|d| d.version), found);
            let before = before.remove(&name);
            if told.1.is_empty() && before.is_none() && document.is_none() {
                continue;
            }
            if before.as_ref() != Some(&told) {
                messages.extend(publish(PublishDiagnosticsParams {
                    uri,
                    diagnostics: told.1.clone(),
                    version: told.0,
                }));
            }
            if document.is_some() || !told.1.is_empty() {
                now.insert(name, told);
            }
        }
        let spoken = before.iter().filter(|(_, (_, found))| !found.is_empty());
        messages.extend(spoken.filter_map(|(uri, _)| silence(uri)));
        self.told.insert(home.clone(), now);
        messages
    }
}

/// Takes back what was said about a file.
fn silence(uri: &str) -> Option<Message> {
    publish(PublishDiagnosticsParams {
        uri: uri.parse().ok()?,
        diagnostics: Vec::new(),
        version: None,
    })
}

fn publish(params: PublishDiagnosticsParams) -> Option<Message> {
    Some(Message::Notification(Notification {
        method: "textDocument/publishDiagnostics".to_owned(),
        params: serde_json::to_value(params).ok()?,
    }))
}

fn read<P: DeserializeOwned>(params: Value) -> Result<P, Refusal> {
    serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))
}

fn value(answer: impl serde::Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| (ErrorCode::InternalError, error.to_string()))
}
