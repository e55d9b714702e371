"""VS Code as a user has it: code-server in a headless browser, with the extension of this tree.

One `CodeServer` serves any number of windows, one after the other; a `Window` is a browser page
with an extension host, and with it a language server, of its own. Keys go through the browser and
the screen is read from its DOM. `probe/` sets scenes and reads documents. No byte leaves the
machine: the browser knows no other hosts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    Request,
    sync_playwright,
)

from tests.editors import programs, wire

HERE = Path(__file__).parent
PICTURES = programs.ROOT / "artifacts/editors"
BOUND_S = 60.0  # for each wait
_KEY_MS = 25  # between two keys; several within one frame is what nobody's fingers do
SIZE = (1100, 700)  # of the window, in pixels

_BROWSER_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no byte leaves the machine
)
_ENDS = ("start", "end")  # of a range
_AUTOMATIC = 2  # LSP's CodeActionTriggerKind
_TOAST = ".notification-toast .notification-list-item"
# Nothing there to look for extensions at.
_NO_GALLERY = json.dumps(dict.fromkeys(("serviceUrl", "itemUrl"), "http://127.0.0.1:9"))

# Keys must do what they say: no chat, no welcome, no brackets and no lists of their own.
SETTINGS: dict[str, Any] = {
    "chat.disableAIFeatures": True,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.quickSuggestions": "off",
    "editor.suggestOnTriggerCharacters": False,
    "editor.wordBasedSuggestions": "off",
    "editor.accessibilitySupport": "off",
    "editor.cursorBlinking": "solid",
    "files.autoSave": "off",
    "git.enabled": False,
    "extensions.ignoreRecommendations": True,
    "remote.autoForwardPorts": False,
}


def until(
    condition: Callable[[], Any], what: str | Callable[[], str], bound_s: float = BOUND_S
) -> Any:
    """Wait for a condition, at most `bound_s`; what it came to."""
    end = time.monotonic() + bound_s
    while not (found := condition()):
        if time.monotonic() >= end:
            raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}")
        time.sleep(0.01)
    return found


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class CodeServer:
    """VS Code's server process. `folder` holds all its files; `env` is put over the environment."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.extensions = folder / "extensions"
        self.probe = folder / "probe.port"
        self.port = free_port()
        self._install_extensions()
        (folder / "code-server.yaml").touch()
        node = programs.node()
        options: dict[str, str | Path] = {
            "--config": folder / "code-server.yaml",
            "--auth": "none",
            "--bind-addr": f"127.0.0.1:{self.port}",
            "--user-data-dir": self.data,
            "--extensions-dir": self.extensions,
        }
        flags = (
            "--disable-telemetry",
            "--disable-update-check",
            "--disable-getting-started-override",
        )
        argv = [node, programs.code_server(), *(str(x) for kv in options.items() for x in kv)]
        self._log = (folder / "code-server.log").open("wb")
        self._process = subprocess.Popen(
            [*map(str, argv), *flags],
            env=dict(os.environ, EXTENSIONS_GALLERY=_NO_GALLERY, HOME=str(folder))
            | dict(env)
            | {"SLMCODE_TEST_PROBE": str(self.probe)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def _install_extensions(self) -> None:
        source = programs.extension()
        target = self.extensions / "slmcode.slmcode-0.1.0"
        for name in ("dist", "media"):
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        for path in (*source.glob("*.json"), *source.glob("*.md")):
            shutil.copy(path, target)
        shutil.copytree(HERE / "probe", self.extensions / "tests.probe-0.0.1", dirs_exist_ok=True)

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """The user's settings, those of the machine among them."""
        text = json.dumps(SETTINGS | dict(settings), indent=1)
        for scope in ("User", "Machine"):
            (self.data / scope).mkdir(parents=True, exist_ok=True)
            (self.data / scope / "settings.json").write_text(text, encoding="utf-8")

    def wait(self) -> None:
        """Return when it answers."""

        def healthy() -> bool:
            health = f"{self.url}/healthz"
            with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=5) as answer:
                return bool(answer.status == 200)
            assert self._process.poll() is None, self.log()
            return False

        until(healthy, "code-server")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "code-server.log").read_text("utf-8", "replace")

    def close(self) -> None:
        """End it with everything it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()


class Frames(NamedTuple):
    """What a frame recorder saw: per frame the time in ms, the ghost text and the line it is in."""

    frames: list[tuple[float, str, str]]
    keys: list[float]  # when a key went down


class Window:
    """One window of VS Code. `log` is where its messages with its server are written down."""

    def __init__(self, server: CodeServer, context: BrowserContext, log: Path) -> None:
        self.server = server
        self.log = log
        self.context = context
        self.page: Page = context.new_page()
        self.keyboard = self.page.keyboard
        self.elsewhere: list[str] = []  # addresses beyond this machine that the page asked for

    def show(self, target: str, path: Path) -> None:
        """Load the workbench with a `folder` or `workspace`; return when the probe answers."""
        self.server.probe.unlink(missing_ok=True)
        self.page.on("request", self._requested)
        query = urllib.parse.urlencode({target: str(path)})
        self.page.goto(f"{self.server.url}/?{query}")
        self.page.locator(".monaco-workbench .statusbar").wait_for(timeout=BOUND_S * 1e3)
        until(self.server.probe.exists, "the window's extension host")

    def _requested(self, request: Request) -> None:
        host = urllib.parse.urlsplit(request.url).hostname
        if host not in ("127.0.0.1", None):
            self.elsewhere.append(request.url)

    def close(self) -> None:
        """Leave as a user who closes the tab does: the extension host ends, and our server too."""
        with contextlib.suppress(Exception):
            self.page.goto("about:blank")
        self.context.close()

    # Scenes, by the probe

    def run(self, code: str, **args: Any) -> Any:
        """Run JavaScript in the extension host: `vscode` and `args` are there. What it returns."""
        port = int(self.server.probe.read_text())
        body = json.dumps({"code": code, "args": args}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}", body, timeout=BOUND_S) as answer:
            result = json.loads(answer.read())
        assert "error" not in result, result["error"]
        return result.get("value")

    def open(self, path: Path, cursor: tuple[int, int] | None = None) -> None:
        """Show a file alone, with the cursor at (line, UTF-16 column) or at its end."""
        self.run(
            """await vscode.workspace.saveAll();  // or VS Code would ask
            await vscode.commands.executeCommand("workbench.action.closeAllEditors");
            const document = await vscode.workspace.openTextDocument(args.path);
            const editor = await vscode.window.showTextDocument(document, { preview: false });
            const end = document.lineAt(document.lineCount - 1).range.end;
            const at = args.cursor ? new vscode.Position(...args.cursor) : end;
            editor.selection = new vscode.Selection(at, at);
            editor.revealRange(editor.selection);""",
            path=str(path),
            cursor=cursor,
        )
        self.page.locator(f'.tab.active[data-resource-name="{path.name}"]').wait_for()
        self.focus()

    def focus(self) -> None:
        """Put the keyboard's focus into the editor."""
        self.run('await vscode.commands.executeCommand("workbench.action.focusActiveEditorGroup");')
        self.page.locator(".editor-group-container.active .monaco-editor.focused").first.wait_for()

    def text(self) -> str:
        """The text of the active document as the extension host has it, with its line ends."""
        return str(self.run("return vscode.window.activeTextEditor.document.getText();"))

    def page_text(self, name: str) -> str:
        """The text of a document that is visible somewhere, by the last part of its path; or ""."""
        return str(
            self.run(
                """const shown = vscode.window.visibleTextEditors.map((editor) => editor.document);
                const found = shown.find(({ uri }) => uri.path.split("/").pop() === args.name);
                return found?.getText() ?? "";""",
                name=name,
            )
        )

    def cursor(self) -> tuple[int, int]:
        """Line and UTF-16 column of the cursor."""
        line, column = self.run(
            "const p = vscode.window.activeTextEditor.selection.active;"
            "return [p.line, p.character];"
        )
        return line, column

    def command(self, command: str, *args: Any) -> Any:
        """Execute a command by its name."""
        return self.run(
            "return await vscode.commands.executeCommand(args.command, ...args.args);",
            command=command,
            args=args,
        )

    def set(self, name: str, value: Any) -> None:
        """Change one of the user's settings; None removes it."""
        self.run(
            "await vscode.workspace.getConfiguration().update(args.name, args.value ?? undefined,"
            " vscode.ConfigurationTarget.Global);",
            name=name,
            value=value,
        )

    # Menus of code actions

    def own_code_actions(self) -> int:
        """How often VS Code has asked by itself for the actions of the cursor's place, answered."""
        path, *places = self.run(
            """const { document, selection } = vscode.window.activeTextEditor;
            const { start, end } = selection;
            return [document.uri.path, start.line, start.character, end.line, end.character];"""
        )
        said = self.said()
        results = {each["id"] for way, each in said if way == "s2c" and "result" in each}

        def is_meant(message: dict[str, Any]) -> bool:
            if message.get("method") != "textDocument/codeAction" or message["id"] not in results:
                return False
            params = message["params"]
            at = [params["range"][end][key] for end in _ENDS for key in ("line", "character")]
            uri = urllib.parse.urlsplit(params["textDocument"]["uri"])
            place = urllib.parse.unquote(uri.path), at, params["context"]["triggerKind"]
            return place == (path, places, _AUTOMATIC)

        return sum(way == "c2s" and is_meant(message) for way, message in said)

    def code_actions(self, command: str, since: int = 0) -> Locator:
        """Open a menu of code actions where the cursor is, by its command. Where it will show.

        VS Code asks for actions by itself a quarter of a second after the cursor or a problem of
        the document has changed; half a second later that takes the place of what a command has
        asked for, and if this was not answered yet no menu comes. So the command is given when
        VS Code has asked for itself, more than `since` times at this place, and was answered.
        """
        until(lambda: self.own_code_actions() > since, "VS Code's own request of code actions")
        self.command(command)
        return self.page.locator(".action-widget")

    def renew_editor(self) -> None:
        """Put a new editor in the place of the one there is, and close the files in it.

        What VS Code has asked for by itself after a menu (see `code_actions`) is still put in its
        place after another file was opened, but not in another editor.
        """
        self.command("workbench.action.closeAllEditors")
        self.command("workbench.action.newGroupRight")
        self.command("workbench.action.joinAllGroups")

    # Keys

    def type(self, text: str) -> None:
        """Press the keys of a text, one after the other, as fast as a quick typist."""
        for key in text:
            self.page.wait_for_timeout(_KEY_MS)
            if key.isascii():
                self.keyboard.press("Enter" if key == "\n" else "Space" if key == " " else key)
            else:
                self.keyboard.insert_text(key)

    def press(self, *keys: str) -> None:
        """Press keys, or several together such as "Control+z"."""
        for key in keys:
            self.keyboard.press(key)

    def palette(self, title: str) -> None:
        """Run a command of the palette by its whole title."""
        self.press("F1")
        self.pick(title, f">{title}")

    def pick(self, label: str, typed: str | None = None) -> None:
        """Choose from the list that is open at the top by its label."""
        box = self.page.locator(".quick-input-widget input.input")
        box.wait_for()
        box.fill(label if typed is None else typed)
        row = self.page.locator(".quick-input-list .monaco-list-row.focused")
        row.filter(has_text=label).wait_for()
        self.press("Enter")

    # The wire

    def said(self) -> list[wire.Said]:
        """Everything that was said so far."""
        return wire.said(self.log)

    def sent(self, method: str) -> list[Any]:
        """The parameters of all messages with that method so far."""
        return wire.sent(self.log, method)

    def wait_sent(self, method: str, since: int = 0) -> Any:
        """Wait until more than `since` messages with that method were sent; the last one's."""
        until(lambda: len(self.sent(method)) > since, f"{method} on the wire")
        return self.sent(method)[-1]

    def wait_ready(self, since: int = 0) -> None:
        """Wait until the server has said that it can complete, and VS Code knows it.

        What was typed before would not be asked about. `since`: what the first so many messages
        said does not count.
        """

        def said() -> list[Any]:
            return self.sent("slmcode/status")[since:]

        until(
            lambda: any(status["state"] == "ready" for status in said()),
            lambda: f"a server that is ready; it said {said()}",
        )
        self.wait_status("Ready")

    # The screen

    def ghost(self) -> str:
        """The ghost text on the screen, its lines joined by line feeds; "" where there is none."""
        return str(self.page.evaluate(f"() => ({_READ})().ghost"))

    def line(self) -> str:
        """The line the ghost text or the cursor stands in, as it is shown, without ghost text."""
        return str(self.page.evaluate(f"() => ({_READ})().line"))

    def wait_ghost(self, text: str | None = None) -> str:
        """Wait for ghost text, or for exactly this one."""
        seen = ""

        def there() -> bool:
            nonlocal seen
            seen = self.ghost()
            return seen == text if text is not None else bool(seen)

        until(there, lambda: f"ghost text {text!r}; there is {seen!r}; {self._situation()}")
        return seen

    def _situation(self) -> str:
        """What VS Code's side of a missing ghost text looks like, for the message of a failure."""
        editor = self.run(
            """const editor = vscode.window.activeTextEditor;
            return editor && [editor.document.uri.path, editor.selections];"""
        )
        return f"the extension host sees {editor}; the status is {self.status()!r}"

    def wait_no_ghost(self) -> None:
        """Wait until no ghost text is on the screen."""
        until(lambda: not self.ghost(), lambda: f"no ghost text; there is {self.ghost()!r}")

    def wait_text(self, text: str) -> None:
        """Wait until the document is this text, whatever its line ends."""
        until(
            lambda: self.text().replace("\r\n", "\n") == text,
            lambda: f"the text {text!r}; there is {self.text()!r}",
        )

    def status(self) -> str:
        """What our item in the status bar says, with its description for screen readers."""
        item = self.page.locator('.statusbar-item[id^="slmcode.slmcode"]').first
        return f"{item.inner_text()}\n{item.get_attribute('aria-label') or ''}"

    def wait_status(self, *words: str) -> str:
        """Wait until our item in the status bar says all of these."""
        self.page.locator('.statusbar-item[id^="slmcode.slmcode"]').first.wait_for()
        until(
            lambda: all(word in self.status() for word in words),
            lambda: f"the status {words}; it is {self.status()!r}",
        )
        return self.status()

    def notifications(self) -> list[str]:
        """The messages that pop up, as they are shown now."""
        return list(
            self.page.locator(".notification-toast .notification-list-item").all_inner_texts()
        )

    def wait_notification(self, words: str) -> str:
        """Wait for a message with these words; its whole text."""
        found = self.page.locator(".notification-toast .notification-list-item").filter(
            has_text=words
        )
        found.first.wait_for(timeout=BOUND_S * 1e3)
        return str(found.first.inner_text())

    def record_frames(self) -> None:
        """From now on look at every frame; `frames` ends it."""
        self.page.evaluate(_RECORD.replace("READ", _READ))

    def frames(self) -> Frames:
        """What was seen since `record_frames`."""
        seen = self.page.evaluate("() => window.stopRecording()")
        return Frames([(t, ghost, line) for t, ghost, line in seen["frames"]], seen["keys"])

    def screenshot(self, path: Path) -> None:
        """A picture of the window."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path), animations="disabled")


# The ghost text of the page and the line it stands in. What is shown behind the cursor in its line
# are spans of that line; the lines below are a zone of their own, which also holds what stands
# right of the cursor.
_READ = r"""() => {
  const plain = (text) => text.replace(/\u00a0/g, " ").replace(/[\u200b\u200c]/g, "");
  const editor = document.querySelector(".monaco-editor.focused")
    ?? document.querySelector(".editor-group-container.active .monaco-editor");
  if (!editor) return { ghost: "", line: "" };
  const lines = [...editor.querySelectorAll(".view-lines > .view-line")];
  const holding = lines.find((line) => line.querySelector(".ghost-text-decoration"));
  let ghost = "";
  for (const span of holding?.querySelectorAll(".ghost-text-decoration") ?? []) {
    if (!span.parentElement.closest(".ghost-text-decoration")) ghost += plain(span.textContent);
  }
  for (const zone of editor.querySelectorAll(".suggest-preview-text")) {
    for (const line of zone.querySelectorAll(".view-line")) {
      ghost += "\n" + plain(line.textContent);
    }
  }
  let line = "";
  for (const span of holding?.querySelectorAll(":scope > span > span") ?? []) {
    if (!span.classList.contains("ghost-text-decoration")) line += plain(span.textContent);
  }
  return { ghost, line };
}"""

_RECORD = r"""() => {
  const read = READ;
  const frames = [], keys = [];
  let running = true;
  const onKey = () => keys.push(performance.now());
  window.addEventListener("keydown", onKey, { capture: true });
  const look = () => {
    if (!running) return;
    // After the frame's own work: what is there now is what is painted.
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      const { ghost, line } = read();
      if (running) frames.push([performance.now(), ghost, line]);
    };
    channel.port2.postMessage(null);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  window.stopRecording = () => {
    running = false;
    window.removeEventListener("keydown", onKey, { capture: true });
    return { frames, keys };
  };
}"""


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """The browser of this system."""
    program = programs.chromium()
    with sync_playwright() as playwright:
        yield _launch(playwright, program)


def _launch(playwright: Playwright, program: Path) -> Browser:
    return playwright.chromium.launch(
        executable_path=str(program), args=list(_BROWSER_OPTIONS), headless=True
    )


@contextlib.contextmanager
def code_server(
    folder: Path, env: Mapping[str, str], settings: Mapping[str, Any]
) -> Iterator[CodeServer]:
    """A running server with these settings of the user's."""
    server = CodeServer(folder, env)
    try:
        server.write_settings(settings)
        server.wait()
        yield server
    finally:
        server.close()


class Lab:
    """What the tests of a module share: a code-server, a browser, and folders of their own.

    `server_command` is what runs in place of `slmcode serve`, behind the tee. Each window's
    messages are recorded in a file of its own and checked when it has been closed.
    """

    def __init__(
        self, folder: Path, server: CodeServer, browser: Browser, server_command: list[str]
    ) -> None:
        self.folder = folder
        self.script = folder / "script.json"
        self._server = server
        self._browser = browser
        self._command = server_command
        self._count = 0

    @contextlib.contextmanager
    def window(
        self,
        workspace: Path,
        settings: Mapping[str, Any] | None = None,
        *,
        killed: bool = False,
        size: Sequence[int] = SIZE,
        scale: float = 1,
    ) -> Iterator[Window]:
        """A window on a folder or a `.code-workspace` file, with these settings of the user's.

        Where the servers are `killed` by the test, requests may be unanswered.
        """
        self._count += 1
        log = self.folder / f"traffic-{self._count}.jsonl"
        program = wire.wrapper(self.folder / "slmcode", log, self._command)
        self._server.write_settings({"slmcode.server.path": str(program), **(settings or {})})
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]}, device_scale_factor=scale
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        opened = Window(self._server, context, log)
        try:
            opened.show(
                "workspace" if workspace.suffix == ".code-workspace" else "folder", workspace
            )
            yield opened
        finally:
            opened.close()
        assert opened.elsewhere == [], "the page asked other hosts"
        if log.exists():
            # VS Code does not wait for the process: it may be gone before the tee has said so.
            until(lambda: wire.said(log)[-1][1].get("method") == "exit", "the server's end")
            for messages, code in wire.sessions(log):
                assert code in (0, None) or killed
                wire.check(messages, may_be_unanswered=_ANY if killed else ())


_ANY = ("textDocument/inlineCompletion", "slmcode/lastCompletion", "shutdown")


@contextlib.contextmanager
def lab(folder: Path, server_command: list[str], env: Mapping[str, str]) -> Iterator[Lab]:
    """A lab with everything started. `env` is put over the environment of the server."""
    own = {f"SLMCODE_{name}": str(folder / name.lower()) for name in ("RUNTIME", "STATE", "CACHE")}
    own["SLMCODE_CONFIG"] = str(folder / "config.toml")
    with code_server(folder / "code-server", own | dict(env), {}) as server, browser() as started:
        yield Lab(folder, server, started, server_command)
