// Visual Studio Code's own workbench and extension host, served by a process of their own and
// shown by a browser without a window: started, typed into, and read as its user sees it.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** Longest wait for anything, in milliseconds; a machine under load is slow. */
const PATIENCE = 120_000;
/** Longest wait for the effect of one key or click, before it is given once more. */
const EFFECT = 15_000;
/** How often something is typed anew that did not come out as it was typed. */
const TRIES = 8;
const EXTENSION = "cardwright.vsix";

/** Waits for a condition that may throw while it does not hold yet. */
export async function until(what, condition, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      last = await condition();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain: ${what} (last: ${last})`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Does something that can be done twice until its effect is there. The editor passes over keys and
 * clicks that come while it is busy: what counts is the effect, not the key.
 */
export async function effect(what, act, condition) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      await act();
      return await until(what, condition, EFFECT);
    } catch (error) {
      if (Date.now() > end) throw error;
      console.log(`    once more: ${what} (${String(error).split("\n")[0]})`);
    }
  }
}

/** The workbench's server, with our packed extension and nothing else installed. */
export class Server {
  /**
   * @param {string} modules folder `node_modules` with the packages of package.json
   * @param {string} home scratch folder, with the packed extension in it
   */
  constructor(modules, home) {
    this.code = join(modules, "code-server/lib/vscode");
    this.modules = modules;
    this.home = home;
    this.log = "";
    // The workbench looks for its packages beside itself only.
    const beside = join(this.code, "node_modules");
    if (!existsSync(beside)) symlinkSync(modules, beside);
    mkdirSync(join(home, "user/User"), { recursive: true });
    mkdirSync(join(home, "user/Machine"), { recursive: true });
    this.settings({});
  }

  /** Settings of the machine: what a folder or a user of another machine cannot say. */
  machine(own) {
    writeFileSync(join(this.home, "user/Machine/settings.json"), JSON.stringify(own));
  }

  /** Settings of the user; the workbench sees a change of the file by itself. */
  settings(own) {
    const quiet = {
      "workbench.startupEditor": "none",
      "security.workspace.trust.startupPrompt": "never",
      "extensions.ignoreRecommendations": true,
      "extensions.autoCheckUpdates": false,
      "git.enabled": false,
      "files.autoSave": "off",
      "files.simpleDialog.enable": true,
      "workbench.colorTheme": "Default Light Modern",
    };
    writeFileSync(join(this.home, "user/User/settings.json"), JSON.stringify({ ...quiet, ...own }));
  }

  run(...extra) {
    const folders = ["extensions-dir", "user-data-dir", "server-data-dir"].flatMap((option) => [
      `--${option}`,
      join(this.home, option === "user-data-dir" ? "user" : option),
    ]);
    const main = [join(this.code, "out/server-main.js"), ...folders, ...extra];
    const child = spawn(process.execPath, main, {
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => (this.log += text));
    }
    child.ended = new Promise((resolve) => child.on("exit", resolve));
    return child;
  }

  async install() {
    const child = this.run("--install-extension", join(this.home, EXTENSION));
    const code = await child.ended;
    if (code !== 0 || !/was successfully installed/.test(this.log)) throw new Error(this.log);
  }

  async start() {
    // A port that is free; the server says which.
    const where = ["--host", "127.0.0.1", "--port", "0"];
    const asked = ["--without-connection-token", "--accept-server-license-terms"];
    this.child = this.run(...where, ...asked, "--telemetry-level", "off");
    await until("the workbench's server listens", () => {
      if (this.child.exitCode !== null) throw new Error(this.log);
      this.port = /Extension host agent listening on (\d+)/.exec(this.log)?.[1];
      return this.port;
    });
  }

  async stop() {
    if (this.child && this.child.exitCode === null) {
      this.child.kill();
      await this.child.ended;
    }
  }
}

/** One window of the workbench in a browser. */
export class Window {
  static async open(server, folder, browser, pictures) {
    const require = createRequire(join(server.modules, "x.js"));
    const { chromium } = require("playwright-core");
    const window = new Window();
    const profile = join(server.home, "browser");
    rmSync(profile, { recursive: true, force: true });
    window.pictures = pictures;
    window.context = await chromium.launchPersistentContext(profile, {
      executablePath: browser,
      headless: true,
      timeout: PATIENCE,
      viewport: { width: 1400, height: 900 },
      args: [
        "--no-sandbox",
        "--disable-gpu",
        // Containers have little room there.
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    window.page = window.context.pages()[0] ?? (await window.context.newPage());
    window.page.setDefaultTimeout(PATIENCE);
    await window.page.goto(`http://127.0.0.1:${server.port}/?folder=${folder}`);
    await window.page.waitForSelector(".monaco-workbench .explorer-folders-view .monaco-list-row");
    return window;
  }

  async close() {
    await this.context.close();
  }

  async picture(name) {
    if (this.pictures) await this.page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  keys(...pressed) {
    return pressed.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve());
  }

  /**
   * Types what a person types, piece by piece: a key by its name, a text, or an act of more, and where
   * the cursor (line and column from 1) is when the editor has taken it. What `shows` says must hold at the end,
   * too. The editor indents, closes brackets and continues comments only where it has read the lines
   * above already, which a person never outruns and a program on a busy machine does: a piece that
   * came out otherwise is taken back with the whole, by `restore`, and typed anew.
   */
  async write(pieces, shows = () => true, restore = () => this.revert()) {
    for (let tries = 1; ; tries += 1) {
      try {
        for (const { key, text, act, at } of pieces) {
          await (act?.() ?? (key ? this.keys(key) : this.page.keyboard.type(text)));
          if (at) await this.at(...at, EFFECT);
        }
        return await until("what was typed is there", shows, EFFECT);
      } catch (error) {
        if (tries === TRIES) throw error;
        console.log(`    typed anew (${String(error).split("\n")[0]})`);
        await this.keys("Escape");
        await restore();
      }
    }
  }

  /** Text of all elements that a selector finds, spaces made plain. */
  texts(selector) {
    return this.page.$$eval(selector, (all) => all.map((e) => e.textContent.replaceAll("\u00a0", " ")));
  }

  /** A command by its name in the palette; it is given again until its effect is there. */
  command(name, done) {
    return effect(name, () => this.pick("F1", name, name), done);
  }

  /** What a box of choices offers for a text; the choice that has `wanted` is taken. */
  async pick(key, text, wanted) {
    const box = this.page.locator(".quick-input-widget:visible input:visible").first();
    await this.keys("Escape", key);
    await box.waitFor({ timeout: EFFECT });
    // The mark of the kind of box stays: `>` for commands, `@` and `#` for symbols.
    const mark = (await box.inputValue()).slice(0, 1);
    await box.fill(mark + text);
    const row = this.page.locator(".quick-input-widget .monaco-list-row", { hasText: wanted }).first();
    await row.click({ timeout: EFFECT });
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden", timeout: EFFECT });
    // A mouse that rests on the text would show hovers of its own.
    await this.page.mouse.move(700, 1);
  }

  /** Opens a file of the folder and waits until it is shown and takes keys. */
  file(name) {
    const row = this.page.locator(".explorer-folders-view .monaco-list-row", { hasText: name }).first();
    const focused = ".editor-group-container.active .monaco-editor.focused";
    return effect(
      `${name} is shown`,
      () => row.dblclick({ timeout: EFFECT }),
      async () => (await this.tab()) === name && (await this.page.$(`${focused} .view-line`)),
    );
  }

  /** Saves all files, and waits until none has a change that is not on the disk. */
  async save() {
    await this.command("File: Save All Files", async () => (await this.page.$$(".tab.dirty")).length === 0);
  }

  /** Takes back what was not saved in the file that is shown. */
  async revert() {
    await this.command("File: Revert File", async () => (await this.page.$$(".tab.active.dirty")).length === 0);
  }

  /** Name of the file that is shown. */
  async tab() {
    return (await this.texts(".editor-group-container.active .tab.active .label-name"))[0] ?? "";
  }

  /** Puts the cursor into the editor that is shown, at a line and a column (both from 1). */
  go(line, column = 1) {
    return effect(
      `the cursor goes to line ${line}`,
      async () => {
        await this.keys("Escape", "Control+g");
        const box = this.page.locator(".quick-input-widget:visible input:visible").first();
        await box.waitFor({ timeout: EFFECT });
        await box.fill(`:${line}:${column}`);
        await this.keys("Enter");
        await this.page.locator(".quick-input-widget").waitFor({ state: "hidden", timeout: EFFECT });
      },
      () => this.isAt(line, column),
    );
  }

  /** Whether the cursor is somewhere, and nothing is selected but perhaps text from there. */
  async isAt(line, column) {
    const said = (await this.status("status.editor.selection")).replace(/ \(.*/, "");
    return column === undefined ? said.startsWith(`Ln ${line},`) : said === `Ln ${line}, Col ${column}`;
  }

  /** Waits until the cursor is somewhere. */
  at(line, column, patience = PATIENCE) {
    return until(`the cursor is at line ${line}, column ${column}`, () => this.isAt(line, column), patience);
  }

  /** Text of an entry of the status bar. */
  async status(id) {
    return (await this.texts(`[id="${id}"]`))[0] ?? "";
  }

  /** Lines of the editor that is shown, as far as they are in sight, hints included. */
  async lines() {
    return this.page.$$eval(".editor-group-container.active .view-lines .view-line", (all) =>
      all
        .map((line) => [parseInt(line.style.top, 10), line.textContent])
        .sort((a, b) => a[0] - b[0])
        .map(([, text]) => text.replaceAll(/[\u00a0\u2000-\u200a]/g, " ")),
    );
  }

  /** Colour and slant of the first piece of a line in sight that has a text. */
  colour(of, text) {
    return this.page.$$eval(
      ".editor-group-container.active .view-lines .view-line",
      (all, [of, text]) => {
        const line = all.find((l) => l.textContent.replaceAll("\u00a0", " ").includes(of));
        const spans = [...(line?.querySelectorAll("span > span") ?? [])];
        const span = spans.find((s) => s.textContent.replaceAll("\u00a0", " ").includes(text));
        return span ? getComputedStyle(span).color : "";
      },
      [of, text],
    );
  }

  /** Findings that the panel of problems shows, each as one text. */
  problems() {
    return this.texts(".markers-panel .monaco-list-row");
  }

  /** What the editor's messages say, the newest first. */
  notices() {
    return this.texts(".notifications-toasts .notification-list-item-message");
  }

  /** Waits until the hover of a place says something. */
  async hover(line, column, ...wanted) {
    await this.go(line, column);
    const said = async () => (await this.texts(".monaco-hover:not(.hidden) .monaco-hover-content")).join("\n");
    await this.command("Show or Focus Hover", async () => {
      const now = await said();
      if (wanted.every((part) => part.test(now))) return true;
      throw new Error(`the hover says: ${now}`);
    });
    await this.keys("Escape");
  }

  /** Choices for what is being typed, with the one that would be taken first. */
  async completions(wanted) {
    const rows = (of) => this.texts(`.suggest-widget.visible .monaco-list-row${of} .monaco-highlighted-label`);
    const offered = async () => {
      const all = await rows("");
      return all.includes(wanted) && { all, first: (await rows(".focused"))[0] };
    };
    // They come by themselves; a person asks for them where they went away.
    const ask = async () => (await offered()) || (await this.keys("Escape", "Control+Space"));
    const what = `the choices have ${wanted}`;
    return until(what, offered, EFFECT).catch(() => effect(what, ask, offered));
  }

  /** The menu of what can be done here; the choice is taken. */
  async act(wanted) {
    const rows = (of) => this.texts(`.action-widget .monaco-list-row.action${of}`);
    await this.keys("Escape", "Control+.");
    await until("the menu", async () => (await rows("")).some((text) => text.includes(wanted)), EFFECT);
    await until(
      `the menu is at ${wanted}`,
      async () => {
        if ((await rows(".focused")).some((text) => text.includes(wanted))) return true;
        await this.keys("ArrowDown");
        return false;
      },
      EFFECT,
    );
    await this.keys("Enter");
    await this.page.locator(".action-widget").waitFor({ state: "hidden", timeout: EFFECT });
  }
}
