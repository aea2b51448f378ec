// Visual Studio Code's own workbench and extension host, served by a process of their own and
// shown by a browser without a window: started, typed into, and read as its user sees it.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";

/** Longest wait for anything, in milliseconds; a machine under load is slow. */
const PATIENCE = 60_000;
const EXTENSION = "cardwright.vsix";

/** A port that nobody listens at. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

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
    this.port = await freePort();
    const where = ["--host", "127.0.0.1", "--port", String(this.port)];
    const asked = ["--without-connection-token", "--accept-server-license-terms"];
    this.child = this.run(...where, ...asked, "--telemetry-level", "off");
    await until("the workbench's server listens", () => {
      if (this.child.exitCode !== null) throw new Error(this.log);
      return this.log.includes("Extension host agent listening");
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
      viewport: { width: 1400, height: 900 },
      args: [
        "--no-sandbox",
        "--disable-gpu",
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

  type(text) {
    return this.page.keyboard.type(text);
  }

  /** Text of all elements that a selector finds, spaces made plain. */
  texts(selector) {
    return this.page.$$eval(selector, (all) => all.map((e) => e.textContent.replaceAll("\u00a0", " ")));
  }

  /** A command by its name in the palette. */
  async command(name) {
    await this.pick("F1", name, name);
  }

  /** What a box of choices offers for a text; the first choice that has `wanted` is taken. */
  async pick(key, text, wanted) {
    await this.keys(key);
    const box = this.page.locator(".quick-input-widget:visible input:visible").first();
    await box.waitFor();
    // The mark of the kind of box stays: `>` for commands, `@` and `#` for symbols.
    const mark = (await box.inputValue()).slice(0, 1);
    await box.fill(mark + text);
    const row = this.page.locator(".quick-input-widget .monaco-list-row", { hasText: wanted }).first();
    await row.click();
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  }

  /** Opens a file of the folder and waits until it is shown. */
  async file(name) {
    await this.page.locator(".explorer-folders-view .monaco-list-row", { hasText: name }).first().dblclick();
    await until(`${name} is shown`, async () => (await this.tab()) === name);
    await this.page.waitForSelector(".editor-group-container.active .view-line");
    await this.page.locator(".editor-group-container.active .monaco-editor.focused").first().waitFor();
  }

  /** Saves all files, and waits until none has a change that is not on the disk. */
  async save() {
    await this.command("File: Save All Files");
    await this.page.locator(".tab.dirty").first().waitFor({ state: "hidden" });
  }

  /** Takes back what was not saved in the file that is shown. */
  async revert() {
    await this.command("File: Revert File");
    await this.page.locator(".tab.active.dirty").first().waitFor({ state: "hidden" });
  }

  /** Name of the file that is shown. */
  async tab() {
    return (await this.texts(".editor-group-container.active .tab.active .label-name"))[0] ?? "";
  }

  /** Puts the cursor into the editor that is shown, at a line and a column (both from 1). */
  async go(line, column = 1) {
    await this.keys("Control+g");
    const box = this.page.locator(".quick-input-widget:visible input:visible").first();
    await box.waitFor();
    await box.fill(`:${line}:${column}`);
    await this.keys("Enter");
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
    await this.at(line, column);
  }

  /** Waits until the cursor is somewhere. */
  async at(line, column) {
    const wanted = column === undefined ? `Ln ${line},` : `Ln ${line}, Col ${column}`;
    await until(`the cursor is at ${wanted}`, async () => {
      const said = (await this.status("status.editor.selection")).replace(/ \(.*/, "");
      return column === undefined ? said.startsWith(wanted) : said === wanted;
    });
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

  /** Hover of a place. */
  async hover(line, column) {
    await this.go(line, column);
    await this.command("Show or Focus Hover");
    const said = await until("the hover says something", async () => {
      const said = (await this.texts(".monaco-hover:not(.hidden) .monaco-hover-content")).join("\n");
      return said.includes("Loading") ? "" : said;
    });
    await this.keys("Escape");
    return said;
  }

  /** Choices for what is being typed. */
  async completions(wanted) {
    return until(`the choices have ${wanted}`, async () => {
      const rows = await this.texts(".suggest-widget.visible .monaco-list-row .monaco-highlighted-label");
      return rows.includes(wanted) ? rows : undefined;
    });
  }

  /** The menu of what can be done here; the choice is taken. */
  async act(wanted) {
    await this.keys("Control+.");
    await until(`the menu is at ${wanted}`, async () => {
      const chosen = await this.texts(".action-widget .monaco-list-row.action.focused");
      if (chosen.some((text) => text.includes(wanted))) return true;
      if (chosen.length > 0) await this.keys("ArrowDown");
      return false;
    });
    await this.keys("Enter");
    await this.page.locator(".action-widget").waitFor({ state: "hidden" });
  }
}
