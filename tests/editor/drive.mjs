// The extension in the editor: what a person who writes sources does, and sees.
//
//   node drive.mjs MODULES SCRATCH CARDWRIGHT CHROMIUM [PICTURES]
//
// SCRATCH has the packed extension and a copy of an example in the folder `bank`. PICTURES gets a
// picture of the window after each step; `failed.png` is taken into SCRATCH in any case.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Server, Window, until } from "./workbench.mjs";

const [modules, home, cardwright, browser, pictures] = process.argv.slice(2);
const bank = join(home, "bank");
const read = (name) => readFileSync(join(bank, name), "utf8");
const lines = (name) => read(name).split("\n");
/** Line number (from 1) of the first line of a file with a text, and the column where it begins. */
function place(name, text, inside = text) {
  const row = lines(name).findIndex((line) => line.includes(text));
  assert.ok(row >= 0, `${name} has no line with ${text}`);
  const line = lines(name)[row];
  return [row + 1, line.indexOf(inside, line.indexOf(text)) + 1];
}

// A folder that nobody trusts yet, and that names a program of its own.
mkdirSync(join(bank, ".vscode"));
const own = { "cardwright.path": "/nowhere/of-the-folder" };
writeFileSync(join(bank, ".vscode/settings.json"), JSON.stringify(own));

const server = new Server(modules, home);
server.machine({ "cardwright.path": "/nowhere/at-all" });
server.settings({ "[perso]": { "editor.codeActionsOnSave": { "source.fixAll.cardwright": "explicit" } } });
let window;

async function step(what, act) {
  await act();
  console.log(`ok  ${what}`);
  await window.picture(what.replaceAll(/[^a-z0-9]+/gi, "-"));
}
const sees = (what, wanted) => until(what, async () => (await window.lines()).some((l) => l.includes(wanted)));
const noProblems = () => until("no problem is left", async () => (await window.problems()).length === 0);
const problem = (wanted) =>
  until(`a problem ${wanted}`, async () => (await window.problems()).find((p) => p.includes(wanted)));

async function drive() {
  await step("the package installs, the folder opens, its sources have our icon", async () => {
    await server.install();
    await server.start();
    window = await Window.open(server, bank, browser, pictures);
    const icons = ".explorer-folders-view .perso-lang-file-icon";
    await until("the icons", async () => (await window.texts(icons)).length > 5);
  });

  await step("without its server a source has colours, and one message says what to do", async () => {
    await window.file("debit.perso");
    await until("the language is ours", async () => (await window.status("status.editor.mode")) === "Cardwright");
    const told = await until("the message", async () => (await window.notices())[0]);
    assert.match(told, /did not start: `\/nowhere\/at-all lsp`/);
    assert.match(told, /PATH.*cardwright\.path/);
    assert.equal((await window.notices()).length, 1, "once");
    const colours = await until("colours", async () => {
      const comment = await window.colour("//! What", "What");
      const word = await window.colour("profile debit", "profile");
      const text = await window.colour("AURORA DEBIT", "AURORA");
      const octets = await window.colour("aid", "F0 00");
      const all = new Set([comment, word, text, octets, ""]);
      return all.size === 5 && all;
    });
    assert.ok(colours);
  });

  await step("a mended setting starts the server by itself", async () => {
    server.machine({ "cardwright.path": cardwright });
    await sees("a hint with a length", "[] 5 octets");
    await sees("what is inherited", "inherits");
    // As an entry of `cvm`, not as the attribute that its word also is.
    const method = await window.colour("no_cvm", "no_cvm");
    await until("colours by meaning", async () => (await window.colour("signature  ", "signature")) === method);
    await window.command("Notifications: Clear All Notifications");
    await window.command("View: Toggle Problems");
    await noProblems();
    await window.file("debit.perso");
  });

  await step("hover says what a thing means, with its standard", async () => {
    const flag = await window.hover(...place("debit.perso", "icc_data_missing", "data_missing"));
    assert.match(flag, /data of the chip is missing.*octet 1, bit 6 \(20\)/s);
    assert.match(await window.hover(...place("debit.perso", "#57   =", "57")), /Track 2 Equivalent Data/);
    const number = await window.hover(...place("debit.perso", "stripe_service"));
    assert.match(number, /let stripe_service = 201/);
  });

  await step("a mistake is a problem with its code, and its fix mends it", async () => {
    const [line, column] = place("debit.perso", "[dda, cda,", "dda");
    await window.go(line, column + 2);
    await window.type("a");
    const said = await problem("E0207");
    assert.match(said, /`ddaa` is no word of .*did you mean `dda`\?/s);
    await until("the file's name shows it", async () => /^\s*1\b/.test(await window.status("status.problems")));
    await window.act("write `dda`");
    await noProblems();
    await sees("the mended line", "[dda, cda,");
  });

  await step("a problem's code opens its page", async () => {
    const [line, column] = place("debit.perso", "[dda, cda,", "dda");
    await window.go(line, column + 2);
    await window.type("a");
    await problem("E0207");
    await window.page.locator(".markers-panel a", { hasText: "E0207" }).first().click();
    await until("the page", async () => (await window.tab()) === "E0207.md");
    await sees("what to do", "What to do:");
    await window.file("debit.perso");
    await window.keys("Control+z");
    await noProblems();
  });

  await step("completion knows what a place takes", async () => {
    await window.go(place("debit.perso", "#5F34 =")[0], 1);
    await window.keys("End", "Enter");
    await window.type("#9F6");
    await window.completions("#9F69");
    await window.keys("Escape");
    await window.type("C = [onl");
    const flags = await window.completions("online_pin");
    assert.ok(!flags.some((word) => word.startsWith("#")), `flags only: ${flags}`);
    await window.keys("Escape");
    await window.revert();
    await noProblems();
    await window.go(place("debit.perso", "#5F34 =")[0], 1);
    await window.keys("End", "Enter");
    await window.type("#5F2D = order.exp");
    await window.completions("expiry");
    await window.keys("Enter");
    await sees("the chosen field", "#5F2D = order.expiry");
    await window.revert();
    await noProblems();
  });

  await step("definition goes to another file, and to a standard package's source", async () => {
    const [line, column] = place("debit.perso", "stripe_service");
    await window.go(line, column + 3);
    await window.keys("F12");
    await until("the other file", async () => (await window.tab()) === "values.perso");
    await window.at(place("values.perso", "let stripe_service")[0]);
    await window.file("debit.perso");
    await window.go(...place("debit.perso", "profile debit :", "application"));
    await window.keys("F12");
    await until("the package", async () => (await window.tab()) === "cpa.perso");
    await until("in our language", async () => (await window.status("status.editor.mode")) === "Cardwright");
    await sees("its text", "application");
  });

  await step("references and symbols are listed", async () => {
    await window.file("debit.perso");
    await window.go(...place("debit.perso", "stripe_service"));
    await window.keys("Shift+F12");
    await until("the files with it", async () => {
      const all = (await window.texts(".reference-zone-widget .ref-tree .monaco-list-row")).join(" ");
      return ["cards.perso", "debit.perso", "values.perso"].every((name) => all.includes(name));
    });
    await window.keys("Escape");
    await window.pick("Control+Shift+o", "debit_contactless", "debit_contactless");
    await window.at(place("debit.perso", "profile debit_contactless")[0]);
    await window.pick("Control+t", "chip_tail", "chip_tail");
    await until("the file with it", async () => (await window.tab()) === "values.perso");
    await window.at(place("values.perso", "let chip_tail")[0]);
  });

  await step("rename changes all files", async () => {
    await window.file("debit.perso");
    await window.go(...place("debit.perso", "stripe_service"));
    await window.keys("F2");
    const box = window.page.locator(".rename-box input");
    await box.waitFor();
    await box.fill("service_of_stripe");
    await window.keys("Enter");
    await sees("the new name", "services = service_of_stripe");
    await window.save();
    for (const name of ["cards.perso", "debit.perso", "values.perso"]) {
      assert.match(read(name), /service_of_stripe/);
      assert.doesNotMatch(read(name), /\bstripe_service\b/);
    }
    await noProblems();
    execFileSync(cardwright, ["check", bank], { stdio: "pipe" });
  });

  await step("typing: brackets close, lines indent, comments go on and toggle", async () => {
    await window.keys("Control+End");
    await window.type("/// A card");
    await window.keys("Enter");
    await window.type("of gold.");
    await window.keys("Enter", "Control+Backspace");
    await window.type("profile other : debit {");
    await window.keys("Enter");
    await window.type("label = ");
    // The editor closes what it has read so far; a person types more slowly than this.
    await problem("Ln");
    await window.type('"OTHER');
    for (const wanted of ["/// of gold.", "profile other : debit {", '  label = "OTHER"']) await sees(wanted, wanted);
    await problem("E0118");
    await window.keys("Control+/");
    await sees("the comment", '  // label = "OTHER"');
    await window.revert();
    await noProblems();
  });

  await step("formatting and fixing on saving give the file back", async () => {
    const before = read("debit.perso");
    const [line] = place("debit.perso", "label    =");
    await window.go(line);
    await window.type("        ");
    await window.command("Format Document");
    await window.save();
    assert.equal(read("debit.perso"), before);
    const [row, column] = place("debit.perso", "[dda, cda,", "dda");
    await window.go(row, column + 2);
    await window.type("a");
    await problem("E0207");
    await window.save();
    assert.equal(read("debit.perso"), before);
    await noProblems();
  });

  await step("a file that another program changes is checked again", async () => {
    const before = read("values.perso");
    writeFileSync(join(bank, "values.perso"), before.replace("let chip_tail", "let chip_tails"));
    await problem("chip_tail");
    writeFileSync(join(bank, "values.perso"), before);
    await noProblems();
  });

  await step("a server that dies comes back, and a command starts it anew", async () => {
    const servers = () => {
      const all = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
      const own = all.map((l) => l.trim()).filter((l) => l.includes(cardwright) && / lsp\b/.test(l));
      return own.map((l) => Number(l.split(/\s+/)[0]));
    };
    const [first, ...more] = servers();
    assert.ok(first && more.length === 0, "one server for a window");
    process.kill(first, "SIGKILL");
    const second = await until("another server", () => servers().find((pid) => pid !== first));
    await window.file("debit.perso");
    await sees("hints again", "[] 5 octets");
    await window.command("Cardwright: Restart the server");
    await until("a third server", () => {
      const now = servers();
      return now.length === 1 && now[0] !== second;
    });
    assert.match(await window.hover(...place("debit.perso", "#57   =", "57")), /Track 2/);
  });

  await step("what program is started, a folder says only when it is trusted", async () => {
    assert.equal((await window.notices()).filter((n) => n.includes("of-the-folder")).length, 0);
    await window.command("Workspaces: Manage Workspace Trust");
    await window.page.locator(".workspace-trust-editor a.monaco-button", { hasText: /^Trust/ }).first().click();
    await until("the folder's program", async () =>
      (await window.notices()).some((n) => n.includes("/nowhere/of-the-folder lsp")),
    );
  });
}

try {
  await drive();
} catch (error) {
  if (window) await window.page.screenshot({ path: join(home, "failed.png") });
  console.error(server.log.slice(-4000));
  console.error(error);
  process.exitCode = 1;
} finally {
  await window?.close();
  await server.stop();
}
