// Starts `cardwright lsp` and shows the texts that the program itself carries: the sources of the
// standard packages and the pages of the codes.
"use strict";

const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

/** Scheme of texts that are on no disk; the server's `cardwright/text` gives them. */
const SCHEME = "cardwright";

/** @type {LanguageClient | undefined} */
let client;

function make() {
  const command = vscode.workspace.getConfiguration("cardwright").get("path", "cardwright");
  const server = { command, args: ["lsp"], transport: TransportKind.stdio };
  return new LanguageClient("cardwright", "Cardwright", server, {
    documentSelector: [
      { scheme: "file", language: "perso" },
      { scheme: "untitled", language: "perso" },
    ],
    synchronize: {
      fileEvents: [
        vscode.workspace.createFileSystemWatcher("**/*.perso"),
        vscode.workspace.createFileSystemWatcher("**/cardwright.{toml,lock}"),
        vscode.workspace.createFileSystemWatcher("**/*.csv"),
      ],
    },
  });
}

async function start() {
  client = make();
  try {
    await client.start();
  } catch (error) {
    const choice = "Open settings";
    const message =
      "Cardwright: the server did not start. Is `cardwright` on the PATH? (" + error + ")";
    if ((await vscode.window.showErrorMessage(message, choice)) === choice) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "cardwright.path");
    }
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running && running.isRunning()) {
    await running.stop();
  }
}

/** @param {vscode.ExtensionContext} context */
async function activate(context) {
  const carried = {
    async provideTextDocumentContent(uri) {
      if (!client) {
        return "";
      }
      const text = await client.sendRequest("cardwright/text", { uri: uri.toString(true) });
      return text ?? "";
    },
  };
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, carried),
    vscode.commands.registerCommand("cardwright.restart", async () => {
      await stop();
      await start();
    }),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("cardwright.path")) {
        await stop();
        await start();
      }
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
