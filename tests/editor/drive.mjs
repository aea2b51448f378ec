// The extension in the editor: what a person who writes sources does, and sees.
//
//   node drive.mjs MODULES SCRATCH CARDWRIGHT CHROMIUM [PICTURES]
//
// SCRATCH has the packed extension and a copy of an example in the folder `bank`. PICTURES gets a
// picture of the window after each step; `failed.png` is taken into SCRATCH in any case.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Server, Window, effect, until } from "./workbench.mjs";

const [modules, home, program, browser, pictures] = process.argv.slice(2);
const bank = join(home, "bank");
// A path of our own: other windows may run the same program.
const cardwright = join(home, "cardwright");
symlinkSync(program, cardwright);
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
const found = async (wanted) => (await window.problems()).find((p) => p.includes(wanted));
const problem = (wanted) => until(`a problem ${wanted}`, () => found(wanted));
const saved = (name, text) => until(`${name} on the disk`, () => read(name) === text);
/** What our extension's messages say; the editor has some of its own. */
const told = async () => (await window.notices()).filter((said) => said.includes("did not start"));
/** Takes everything back that was typed and not saved. */
async function back() {
  await window.revert();
  await noProblems();
}
/** Makes the word `dda` of the card's row `aip` one that is none. */
async function mistake() {
  const [line, column] = place("debit.perso", "[dda, cda,", "dda");
  await window.go(line, column + 2);
  await window.write([{ text: "a", at: [line, column + 3] }], () => found("E0207"), async () => {
    await back();
    await window.go(line, column + 2);
  });
  return problem("E0207");
}

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
    const said = await until("the message", async () => (await told())[0]);
    assert.match(said, /did not start: `\/nowhere\/at-all lsp`/);
    assert.match(said, /PATH.*cardwright\.path/);
    assert.equal((await told()).length, 1, "once");
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
    await window.command("Notifications: Clear All Notifications", async () => (await told()).length === 0);
    await window.command("Problems: Focus on Problems View", () => window.page.$(".markers-panel"));
    await noProblems();
    await window.file("debit.perso");
  });

  await step("hover says what a thing means, with its standard", async () => {
    const flag = place("debit.perso", "icc_data_missing", "data_missing");
    await window.hover(...flag, /data of the chip is missing.*octet 1, bit 6 \(20\)/s);
    await window.hover(...place("debit.perso", "#57   =", "57"), /Track 2 Equivalent Data/);
    await window.hover(...place("debit.perso", "stripe_service"), /let stripe_service = 201/);
  });

  await step("a mistake is a problem with its code, and its fix mends it", async () => {
    const said = await mistake();
    assert.match(said, /`ddaa` is no word of .*did you mean `dda`\?/s);
    await until("the file's name shows it", async () => /^\s*1\b/.test(await window.status("status.problems")));
    const [line, column] = place("debit.perso", "[dda, cda,", "dda");
    const mended = async () => !(await found("E0207"));
    const mend = async () => {
      if (await mended()) return;
      await window.go(line, column);
      await window.act("write `dda`");
    };
    await effect("the fix", mend, mended);
    await noProblems();
    await sees("the mended line", "[dda, cda,");
  });

  await step("a problem's code opens its page", async () => {
    await mistake();
    const code = window.page.locator(".markers-panel a", { hasText: "E0207" }).first();
    await effect("the page", () => code.click({ timeout: 15_000 }), async () => (await window.tab()) === "E0207.md");
    await sees("what to do", "What to do:");
    await window.file("debit.perso");
    await back();
  });

  await step("completion knows what a place takes", async () => {
    const [line, own] = place("debit.perso", "#5F34 =");
    const end = lines("debit.perso")[line - 1].length + 1;
    const below = [
      { key: "Escape" },
      { key: "End", at: [line, end] },
      { key: "Enter", at: [line + 1, own] },
    ];
    const again = async () => {
      await back();
      await window.go(line);
    };
    await window.go(line);
    await window.write([...below, { text: "#9F6", at: [line + 1, own + 4] }], () => true, again);
    await window.completions("#9F69");
    await again();
    await window.write([...below, { text: "#9F6C = [onl", at: [line + 1, own + 12] }], () => true, again);
    const flags = (await window.completions("online_pin")).all;
    assert.ok(!flags.some((word) => word.startsWith("#")), `flags only: ${flags}`);
    await again();
    const row = "#5F2D = order.exp";
    const expiry = async () => {
      const { first } = await window.completions("expiry");
      if (first !== "expiry") throw new Error(`the first choice is ${first}`);
      await window.keys("Enter");
    };
    const chosen = async () => (await window.lines()).some((l) => l.includes("#5F2D = order.expiry"));
    const field = [...below, { text: row, at: [line + 1, own + row.length] }, { act: expiry }];
    await window.write(field, chosen, again);
    await back();
  });

  await step("definition goes to another file, and to a standard package's source", async () => {
    const [line, column] = place("debit.perso", "stripe_service");
    await window.go(line, column + 3);
    await effect("the other file", () => window.keys("F12"), async () => (await window.tab()) === "values.perso");
    await window.at(place("values.perso", "let stripe_service")[0]);
    await window.file("debit.perso");
    await window.go(...place("debit.perso", "profile debit :", "application"));
    await effect("the package", () => window.keys("F12"), async () => (await window.tab()) === "cpa.perso");
    await until("in our language", async () => (await window.status("status.editor.mode")) === "Cardwright");
    await sees("its text", "application");
  });

  await step("references and symbols are listed", async () => {
    await window.file("debit.perso");
    await window.go(...place("debit.perso", "stripe_service"));
    const list = ".reference-zone-widget .ref-tree .monaco-list-row";
    await effect("the files with it", () => window.keys("Escape", "Shift+F12"), async () => {
      const all = (await window.texts(list)).join(" ");
      return ["cards.perso", "debit.perso", "values.perso"].every((name) => all.includes(name));
    });
    await effect("the list closes", () => window.keys("Escape"), async () => (await window.texts(list)).length === 0);
    await effect(
      "the symbol in the file",
      () => window.pick("Control+Shift+o", "debit_contactless", "debit_contactless"),
      () => window.isAt(place("debit.perso", "profile debit_contactless")[0]),
    );
    await effect(
      "the symbol in another file",
      () => window.pick("Control+t", "chip_tail", "chip_tail"),
      async () => (await window.tab()) === "values.perso" && window.isAt(place("values.perso", "let chip_tail")[0]),
    );
  });

  await step("rename changes all files", async () => {
    await window.file("debit.perso");
    await window.go(...place("debit.perso", "stripe_service"));
    const box = window.page.locator(".rename-box input");
    const renamed = async () => (await window.lines()).some((l) => l.includes("services = service_of_stripe"));
    const rename = async () => {
      if (await renamed()) return;
      await window.keys("Escape", "F2");
      await box.waitFor({ timeout: 15_000 });
      await box.fill("service_of_stripe");
      await window.keys("Enter");
    };
    await effect("the new name", rename, renamed);
    await window.save();
    for (const name of ["cards.perso", "debit.perso", "values.perso"]) {
      await until(`only the new name in ${name}`, () => {
        const now = read(name);
        return /service_of_stripe/.test(now) && !/\bstripe_service\b/.test(now);
      });
    }
    await noProblems();
    execFileSync(cardwright, ["check", bank], { stdio: "pipe" });
  });

  await step("typing: brackets close, lines indent, comments go on and toggle", async () => {
    const last = lines("debit.perso").length;
    // What a person types, and where the cursor is after it.
    const typed = [
      { key: "Control+End", at: [last, 1] },
      { text: "/// A card", at: [last, 11] },
      { key: "Enter", at: [last + 1, 5] },
      { text: "of gold.", at: [last + 1, 13] },
      { key: "Enter", at: [last + 2, 5] },
      { key: "Control+Backspace", at: [last + 2, 1] },
      { text: "profile other : debit {", at: [last + 2, 24] },
      { key: "Enter", at: [last + 3, 3] },
      { text: "label = ", at: [last + 3, 11] },
      { text: '"OTHER', at: [last + 3, 17] },
    ];
    // Hints stand behind some of them.
    const wanted = ["/// A card", "/// of gold.", "profile other : debit {", '  label = "OTHER"', "}"];
    const there = async () => {
      const now = (await window.lines()).slice(-wanted.length);
      if (now.length === wanted.length && wanted.every((line, at) => now[at].startsWith(line))) return true;
      throw new Error(now.join(" | "));
    };
    await window.write(typed, there, back);
    await problem("E0118");
    const shown = async () => (await window.lines()).some((l) => l.includes('  // label = "OTHER"'));
    await effect("the comment", async () => (await shown()) || (await window.keys("Control+/")), shown);
    await window.revert();
    await noProblems();
  });

  await step("formatting and fixing on saving give the file back", async () => {
    const before = read("debit.perso");
    const [line, own] = place("debit.perso", "label    =");
    const indented = (columns) => async () =>
      (await window.lines()).some((l) => l.startsWith(`${" ".repeat(columns)}label    =`));
    await window.go(line);
    await window.write([{ text: "        ", at: [line, 9] }], indented(own + 7), async () => {
      await back();
      await window.go(line);
    });
    await window.command("Format Document", indented(own - 1));
    await window.save();
    await saved("debit.perso", before);
    await mistake();
    await effect("the fix on saving", () => window.keys("Control+s"), () => found("E0207").then((it) => !it));
    await saved("debit.perso", before);
    await noProblems();
  });

  await step("a file that another program changes is checked again", async () => {
    const before = read("values.perso");
    const write = (text) => () => writeFileSync(join(bank, "values.perso"), text);
    const changed = before.replace("let chip_tail", "let chip_tails");
    await effect("the other text is checked", write(changed), () => found("chip_tail"));
    await effect("the first one, too", write(before), async () => (await window.problems()).length === 0);
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
    await window.command("Cardwright: Restart the server", () => {
      const now = servers();
      return now.length === 1 && now[0] !== second;
    });
    await window.hover(...place("debit.perso", "#57   =", "57"), /Track 2/);
  });

  await step("what program is started, a folder says only when it is trusted", async () => {
    const asked = async () => (await told()).some((said) => said.includes("/nowhere/of-the-folder lsp"));
    assert.ok(!(await asked()));
    const trust = ".workspace-trust-editor a.monaco-button";
    await window.command("Workspaces: Manage Workspace Trust", () => window.page.$(trust));
    const button = window.page.locator(trust, { hasText: /^Trust/ }).first();
    const press = async () => (await button.count()) && (await button.click({ timeout: 15_000 }));
    await effect("the folder's program", press, asked);
  });
}

try {
  await drive();
} catch (error) {
  // A window that is gone has no picture.
  await window?.page.screenshot({ path: join(home, "failed.png") }).catch(() => undefined);
  console.error(server.log.slice(-4000));
  console.error(error);
  process.exitCode = 1;
} finally {
  await window?.close();
  await server.stop();
}
