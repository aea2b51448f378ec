// Runs the extension itself, and with what it starts the server over the editor's own JSON-RPC
// library. What the editor gives an extension is a stand-in here: no window is opened.
//
//   npm install && node test/extension.mjs CARDWRIGHT FILE.perso
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [cardwright, file] = process.argv.slice(2).map((path) => realpathSync(path));
const extension = join(dirname(fileURLToPath(import.meta.url)), "..");
const manifest = JSON.parse(readFileSync(join(extension, "package.json"), "utf8"));
const require = createRequire(join(extension, "package.json"));

// What the extension asks the editor for.
const asked = { commands: new Map(), providers: new Map(), watched: [], clients: [] };
const disposable = { dispose() {} };
const vscode = {
  commands: {
    registerCommand: (name, run) => (asked.commands.set(name, run), disposable),
    executeCommand: async () => {},
  },
  window: {
    createOutputChannel: () => disposable,
    showErrorMessage: async (message) => assert.fail(message),
  },
  workspace: {
    createFileSystemWatcher: (glob) => (asked.watched.push(glob), disposable),
    getConfiguration: (section) => ({
      get(name, otherwise) {
        const setting = manifest.contributes.configuration.properties[`${section}.${name}`];
        assert.equal(setting.default, otherwise, `${name}: the manifest's default is another`);
        return cardwright;
      },
    }),
    onDidChangeConfiguration: () => disposable,
    registerTextDocumentContentProvider: (scheme, p) => (asked.providers.set(scheme, p), disposable),
  },
};
class LanguageClient {
  constructor(id, name, server, client) {
    Object.assign(this, { id, name, server, client, running: false });
    asked.clients.push(this);
  }
  async start() {
    this.running = true;
  }
  async dispose() {
    this.running = false;
  }
  async sendRequest(method, params) {
    return this.connection.sendRequest(method, params);
  }
}
const load = Module._load;
Module._load = function (request, ...rest) {
  if (request === "vscode") return vscode;
  if (request === "vscode-languageclient/node") {
    // The real package is there, whole, and has these names.
    const path = require.resolve("vscode-languageclient/node");
    assert.match(readFileSync(join(dirname(path), "lib/node/main.js"), "utf8"), /class LanguageClient/);
    return { LanguageClient };
  }
  return load.call(this, request, ...rest);
};

const { activate, deactivate } = require("./extension.js");
const context = { subscriptions: [] };
await activate(context);
assert.equal(asked.clients.length, 1);
assert.deepEqual([...asked.commands.keys()], manifest.contributes.commands.map((c) => c.command));
assert.equal(context.subscriptions.length, asked.watched.length + 4);
const client = asked.clients[0];
assert.ok(client.running && client.client.documentSelector.every((s) => s.language === "perso"));

// The server as the extension would start it, spoken to by the library that the editor uses.
const rpc = require("vscode-jsonrpc/node");
const server = spawn(client.server.command, [...client.server.args, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const connection = rpc.createMessageConnection(
  new rpc.StreamMessageReader(server.stdout),
  new rpc.StreamMessageWriter(server.stdin),
);
client.connection = connection;
connection.onRequest("workspace/configuration", () => []);
connection.onRequest("client/registerCapability", () => null);
connection.listen();
const root = pathToFileURL(dirname(file)).href;
const initialized = await connection.sendRequest("initialize", {
  processId: process.pid,
  rootUri: root,
  capabilities: {},
  workspaceFolders: [{ uri: root, name: "project" }],
});
assert.ok(initialized.capabilities.hoverProvider, "the server can hover");
await connection.sendNotification("initialized", {});
const uri = pathToFileURL(file).href;
const text = readFileSync(file, "utf8");
const findings = (wanted) =>
  new Promise((resolve) => {
    const heard = connection.onNotification("textDocument/publishDiagnostics", (said) => {
      if (said.uri !== uri || !wanted(said.diagnostics)) return;
      heard.dispose();
      resolve(said.diagnostics);
    });
  });
const broken = findings((list) => list.length > 0);
await connection.sendNotification("textDocument/didOpen", {
  textDocument: { uri, languageId: "perso", version: 1, text: `${text}\nprofile x : nothing_there {}\n` },
});
assert.ok((await broken).some((d) => d.source === "cardwright"), "a name that is not there is told");
const mended = findings((list) => list.every((d) => d.severity !== 1));
await connection.sendNotification("textDocument/didChange", {
  textDocument: { uri, version: 2 },
  contentChanges: [{ text }],
});
await mended;
// Texts that are on no disk come through the extension's own provider.
const provider = asked.providers.get("cardwright");
const page = await provider.provideTextDocumentContent({ toString: () => "cardwright:/codes/E0106.md" });
assert.match(page, /E0106/);
await connection.sendRequest("shutdown");
await connection.sendNotification("exit");
const code = await new Promise((resolve) => server.on("exit", resolve));
assert.equal(code, 0, "the server ends well");
await asked.commands.get("cardwright.restart")();
assert.equal(asked.clients.length, 2, "the command starts it anew");
await deactivate();
assert.ok(!asked.clients[1].running);
console.log("the extension starts, restarts and stops its server");
process.exit(0);
