"""Draw the README's pictures in the real editors.

    python -m tests.editors.screenshots FOLDER [NAME…]

One PNG per main state. What a picture says of completions comes from the real server and the real
weights; states that these do not have just now (no model) from the scripted server.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from tests.conftest import cache_with_weights
from tests.editors import neovim, payroll, programs, vscode, wire
from tests.editors.scripted_engine import write
from tests.editors.vscode import Window, until

MAX_BYTES = 150_000

PRICES = '''"""What articles cost."""

from __future__ import annotations

CATALOGUE = {"tea": 420, "coffee": 690, "cup": 1250}
REDUCED = {"cup"}


def price_of(article: str) -> int:
    """The price of one piece, in cents."""
    price = CATALOGUE[article]
    return price // 2 if article in REDUCED else price


def in_euros(cents: int) -> str:
    """A price as people write it."""
    return f"{cents / 100:.2f} €"
'''
ORDERS = '''"""Orders, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from prices import in_euros, price_of


@dataclass
class Order:
    """What a customer wants, and how many of each."""

    customer: str
    lines: dict[str, int] = field(default_factory=dict)

    def add(self, article: str, n: int = 1) -> None:
        """Put `n` more of an article into the order."""
        self.lines[article] = self.lines.get(article, 0) + n

    def total(self) -> int:
        """The sum of all lines, in cents."""
'''
BARE = ORDERS.replace(
    '''        """Put `n` more of an article into the order."""
''',
    "",
)
LOOK = {
    "editor.fontFamily": "'JetBrains Mono'",
    "editor.fontSize": 14,
    "editor.lineHeight": 22,
    "editor.minimap.enabled": False,
    "editor.scrollBeyondLastLine": False,
    "editor.occurrencesHighlight": "off",
    "editor.renderLineHighlight": "none",
    "breadcrumbs.enabled": False,
    "workbench.layoutControl.enabled": False,
    "window.commandCenter": False,
    "explorer.compactFolders": False,
}
REAL = {
    "slmcode.deadline_ms": 20_000,
    "slmcode.work_ahead": "always",
    "slmcode.show_probability": 0,
}


LEAVES_SOON = "engine_idle_s = 1\n"  # the engine, behind the editor


class Studio:
    """Where pictures are taken: a window on the sample project."""

    def __init__(self, window: Window, project: Path, script: Path | None = None) -> None:
        self.window = window
        self.project = project
        self._script = script

    def show(self, name: str, text: str | None = None) -> None:
        """Open a file of the project, the cursor at its end; `text` replaces what it holds."""
        path = self.project / name
        if text is not None:
            path.write_text(text, encoding="utf-8")
        self.window.command("workbench.action.files.revert")
        self.window.open(path)

    def script(self, **script: Any) -> None:
        assert self._script is not None
        write(self._script, script)


def ghost_text(studio: Studio) -> None:
    """A suggestion that knows another file."""
    window = studio.window
    studio.show("orders.py", ORDERS)
    window.type("        return sum(price_of(article)")
    window.wait_ghost()


def why(studio: Studio) -> None:
    """Why it was suggested: the context used, and the times."""
    ghost_text(studio)
    studio.window.palette("slmcode: Why?")
    until(lambda: studio.window.page_text("Why.txt"), "the page")


def menu(studio: Studio) -> None:
    """The menu of the status bar."""
    studio.show("orders.py", ORDERS)
    studio.window.page.locator('.statusbar-item[id^="slmcode.slmcode"]').first.click()
    studio.window.page.locator(".quick-input-list .monaco-list-row").first.wait_for()


def refactor(studio: Studio) -> None:
    """An edit with its verdict, before it is made."""
    window = studio.window
    studio.show("orders.py", BARE)
    at = BARE[: BARE.index("self.lines[article] = ")].count("\n")
    window.open(studio.project / "orders.py", (at, 8))
    window.palette("slmcode: Refactor…")
    window.pick("Add or update the docstring")
    apply = window.page.locator(".editor-actions .action-label").filter(has_text="Apply")
    apply.first.wait_for(timeout=240_000)
    window.wait_notification("Contract")


def explain(studio: Studio) -> None:
    """What the model says of a function."""
    window = studio.window
    studio.show("orders.py", ORDERS)
    at = ORDERS[: ORDERS.index("self.lines[article] = ")].count("\n")
    window.open(studio.project / "orders.py", (at, 8))
    window.palette("slmcode: Explain")
    until(lambda: "may be wrong" in window.page_text("Explanation.md"), "the explanation")


def no_model(studio: Studio) -> None:
    """The first thing a new user reads."""
    studio.show("orders.py", ORDERS)
    studio.script(status={"state": "no_model", "message": "The fast model is not there yet."})
    studio.window.wait_notification("Download")


def walkthrough(studio: Studio) -> None:
    """The first steps."""
    studio.window.command("workbench.action.closeAllEditors")
    studio.window.command("workbench.action.openWalkthrough", "slmcode.slmcode#start")
    studio.window.page.locator(".getting-started-step.expanded").wait_for()
    studio.window.page.locator("iframe.webview.ready").wait_for()


FUNCTIONS = """def price_of(article):
    price = CATALOGUE[article]
    return price // 2 if article in REDUCED else price


def in_euros(cents):
    return f"{cents / 100:.2f} €"


def shuffled(articles):
    return random.sample(articles, len(articles))
"""


def translation(studio: Studio) -> None:
    """A COBOL program and its translation, proved with the program's own compiler."""
    window = studio.window
    studio.show(payroll.NAME, payroll.PROGRAM)
    window.open(studio.project / payroll.NAME, (0, 0))
    window.palette("slmcode: Translate File To…")
    window.pick("python")
    lenses = window.page.locator(".codelens-decoration")
    lenses.filter(has_text="proved: alike on").first.wait_for(timeout=300_000)


Picture = Callable[[Studio], None]
OF_WEIGHTS: tuple[Picture, ...] = (ghost_text, why, menu, refactor, explain, translation)
SCRIPTED: tuple[Picture, ...] = (walkthrough, no_model)


def make_project(folder: Path) -> Path:
    """The sample project."""
    project = folder / "shop"
    project.mkdir()
    for name, text in (("prices", PRICES), ("orders", ORDERS), ("functions", FUNCTIONS)):
        (project / f"{name}.py").write_text(text, encoding="utf-8")
    return project


def draw(
    pictures: tuple[Picture, ...],
    command: list[str],
    settings: dict[str, Any],
    folder: Path,
    out: Path,
) -> None:
    """Take pictures in one window with one server."""
    script = folder / "script.json"
    project = make_project(folder)
    with (
        vscode.lab(folder, command, {}) as lab,
        lab.window(project, LOOK | settings) as window,
    ):
        studio = Studio(window, project, script)
        window.command("workbench.action.closeSidebar")
        window.command("workbench.action.activityBarLocation.hide")
        window.open(project / "orders.py")
        window.wait_ready()
        until(lambda: _is_indexed(window), "the index")
        for picture in pictures:
            window.command("workbench.action.closePanel")
            picture(studio)
            window.page.mouse.move(500, 690)  # not over anything that would answer
            path = out / f"vscode-{picture.__name__.replace('_', '-')}.png"
            window.screenshot(path)
            print(f"{path}: {path.stat().st_size // 1000} kB", flush=True)
            assert path.stat().st_size < MAX_BYTES
            window.press("Escape")


Keys = Callable[..., str]  # tmux, with a command


def neovim_ghost_text(run: Keys) -> None:
    """A suggestion that knows another file."""
    typed = "return sum(price_of(article)"
    run("send-keys", "-l", f"Go{typed}")  # Neovim indents
    until(lambda: typed + " for" in run("capture-pane", "-p"), "ghost text")


def neovim_edit(run: Keys) -> None:
    """An edit with its verdict, before it is made."""
    run("send-keys", "-l", ":noh|/self.lines.article. =/|-d|noh|SlmcodeRefactor")
    run("send-keys", "Enter")
    found = until(lambda: DOCSTRING.search(run("capture-pane", "-p")), "the action")
    run("send-keys", "-l", found[1])
    run("send-keys", "Enter")
    until(lambda: "y apply" in run("capture-pane", "-p"), "the edit", bound_s=240)


DOCSTRING = re.compile(r"^(\d+): Add or update the docstring", re.MULTILINE)
IN_NEOVIM: tuple[Callable[[Keys], None], ...] = (neovim_ghost_text, neovim_edit)


def draw_neovim(picture: Callable[[Keys], None], folder: Path, out: Path) -> None:
    """Take a picture of Neovim in a terminal."""
    cache_with_weights(folder / "cache")
    (folder / "config.toml").write_text(LEAVES_SOON)
    project = make_project(folder)
    server = [sys.executable, "-m", "slmcode.cli", "serve"]
    settings = {name.removeprefix("slmcode."): value for name, value in REAL.items()}
    options = {"cmd": server, "settings": settings}
    look = """vim.o.number, vim.o.ruler, vim.o.showmode = true, false, false
vim.o.termguicolors, vim.o.background, vim.g.loaded_matchparen = true, "dark", 1"""
    init = neovim.write_init(folder / "init.lua", options, look, neovim.STATUS_LINE)
    program = programs.neovim("0.11")
    tmux = [str(programs.on_path("tmux")), "-u", "-L", f"pictures-{os.getpid()}"]
    env = os.environ | neovim.home(folder) | {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}

    def run(*words: str | Path) -> str:
        argv = [*tmux, *map(str, words)]
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True).stdout

    size = ("-x", "100", "-y", "27", "-c", project)
    terminal = ("set", "-g", "default-terminal", "tmux-256color", ";", "set", "-g", "status", "off")
    nvim = (program, "--clean", "-n", "-u", init, "orders.py")
    run("-f", os.devnull, *terminal, ";", "new-session", "-d", *size, "--", *nvim)
    try:
        until(lambda: READY.search(run("capture-pane", "-p")), lambda: run("capture-pane", "-p"))
        picture(run)
        drawn = run("capture-pane", "-p", "-e")
        run("send-keys", "Escape", ":qa!", "Enter")
    finally:
        subprocess.run([*tmux, "kill-server"], env=env, check=False, capture_output=True)
    console = Console(record=True, width=100, file=io.StringIO(), color_system="truecolor")
    console.print(Text.from_ansi(drawn), soft_wrap=True)
    page = console.export_html(theme=DIMMED_MONOKAI, inline_styles=True, code_format=TERMINAL)
    with vscode.browser() as browser:
        opened = browser.new_page(viewport={"width": 900, "height": 620})
        opened.set_content(page)
        opened.screenshot(path=str(out / f"{picture.__name__.replace('_', '-')}.png"))


READY = re.compile(r"^\[slmcode\]", re.MULTILINE)  # and no state behind the name
TERMINAL = """<body style="margin:0;background:#14161b;color:#e0e2ea">
<pre style="margin:14px;font:14px/22px 'JetBrains Mono'">{code}</pre></body>"""


def _is_indexed(window: Window) -> bool:
    return any(progress["value"]["kind"] == "end" for progress in window.sent("$/progress"))


def main() -> None:
    """Draw all pictures, or those named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()

    def wanted(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
        return tuple(p for p in pictures if not options.names or p.__name__ in options.names)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if pictures := wanted(OF_WEIGHTS):
            (folder / "real").mkdir()
            cache_with_weights(folder / "real/cache")
            (folder / "real/config.toml").write_text(LEAVES_SOON)
            command = [sys.executable, "-m", "slmcode.cli", "serve"]
            draw(pictures, command, REAL, folder / "real", options.out)
        if pictures := wanted(SCRIPTED):
            (folder / "scripted").mkdir()
            command = wire.scripted(folder / "scripted/script.json")
            draw(pictures, command, {}, folder / "scripted", options.out)
        for seen in IN_NEOVIM:
            if not options.names or seen.__name__ in options.names:
                (folder / seen.__name__).mkdir()
                draw_neovim(seen, folder / seen.__name__, options.out)


if __name__ == "__main__":
    main()
