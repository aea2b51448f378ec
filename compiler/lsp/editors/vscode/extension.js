// Starts `cardwright lsp` and shows the texts that the program itself carries: the sources of the
// standard packages and the pages of the codes.
"use strict";

const os = require("node:os");
const path = require("node:path");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

/** Scheme of texts that are on no disk; the server's `cardwright/text` gives them. */
const SCHEME = "cardwright";

/** What a check reads besides the sources that are open: sources, manifests, what `file("…")` names. */
const WATCHED = [
  "**/*.perso",
  "**/cardwright.{toml,lock}",
  "**/*.{csv,pdf,png,ttf,otf,cer,pub,cap,ijc}",
];

/** @type {LanguageClient | undefined} */
let client;

/** Starts and stops come one after the other: a client that is starting can't be stopped. */
let turn = Promise.resolve();

function inTurn(act) {
  turn = turn.then(act, act);
  return turn;
}

/** A client whose failure to start is told once, by us, with what to do about it. */
class Client extends LanguageClient {
  error(message, data, show) {
    super.error(message, data, this.begun ? show : false);
  }
}

/** The program that the setting names; `~` is the user's folder, as in a shell. */
function program() {
  const said = vscode.workspace.getConfiguration("cardwright").get("path", "cardwright");
  return said.startsWith("~/") ? path.join(os.homedir(), said.slice(2)) : said;
}

function make({ outputChannel, fileEvents }) {
  // Standard input and output is what is spoken over where nothing else is said.
  const server = { command: program(), args: ["lsp"] };
  return new Client("cardwright", "Cardwright", server, {
    documentSelector: [
      { scheme: "file", language: "perso" },
      { scheme: "untitled", language: "perso" },
    ],
    outputChannel,
    synchronize: { fileEvents },
    initializationFailedHandler: () => false,
  });
}

async function start(kept) {
  const made = make(kept);
  try {
    await made.start();
    made.begun = true;
    client = made;
  } catch (error) {
    await made.dispose().catch(() => {});
    // Nobody waits for what the user does with the message.
    void explain(error);
  }
}

async function explain(error) {
  const settings = "Open settings";
  const again = "Try again";
  const message =
    `Cardwright's server did not start: \`${program()} lsp\` gave “${error.message ?? error}”. ` +
    "Put `cardwright` on the PATH of the editor, or say where it is in the setting `cardwright.path`.";
  const choice = await vscode.window.showErrorMessage(message, settings, again);
  if (choice === settings) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "cardwright.path");
  } else if (choice === again) {
    await vscode.commands.executeCommand("cardwright.restart");
  }
}

async function stop() {
  const running = client;
  client = undefined;
  await running?.dispose().catch(() => {});
}

/** @param {vscode.ExtensionContext} context */
async function activate(context) {
  const kept = {
    outputChannel: vscode.window.createOutputChannel("Cardwright"),
    fileEvents: WATCHED.map((glob) => vscode.workspace.createFileSystemWatcher(glob)),
  };
  const carried = {
    async provideTextDocumentContent(uri) {
      const text = await client?.sendRequest("cardwright/text", { uri: uri.toString(true) });
      return text ?? `Cardwright's server has no text ${uri.toString(true)}, or does not run.`;
    },
  };
  const restart = () => inTurn(stop).then(() => inTurn(() => start(kept)));
  context.subscriptions.push(
    kept.outputChannel,
    ...kept.fileEvents,
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, carried),
    vscode.commands.registerCommand("cardwright.restart", restart),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("cardwright.path")) {
        void restart();
      }
    }),
  );
  await inTurn(() => start(kept));
}

module.exports = { activate, deactivate: () => inTurn(stop) };
