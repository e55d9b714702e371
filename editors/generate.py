"""Writes what the editors know of the settings, from the one place where these are defined.

    python editors/generate.py [--check]

    vscode/package.json              `contributes.configuration` and which of it a workspace must
                                     be trusted for; all else in it is left as it is
    nvim/lua/slmcode/settings.lua    types for the language server, and a table for the checker

With `--check` nothing is written; the exit code is 1 if a file is not what it would be made to be.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from slmcode.config import Setting, describe

EDITORS = Path(__file__).parent
PACKAGE = EDITORS / "vscode" / "package.json"
LUA = EDITORS / "nvim" / "lua" / "slmcode" / "settings.lua"

# Read by the VS Code extension alone.
VSCODE_ONLY: dict[str, dict[str, Any]] = {
    "server.path": {
        "type": "string",
        "default": "",
        "scope": "machine",
        "markdownDescription": "The `slmcode` program to start. Empty: the one the extension has"
        " installed, else the one on `PATH`.",
    },
    "server.python": {
        "type": "string",
        "default": "",
        "scope": "machine",
        "markdownDescription": "The Python (3.11 or newer) to install slmcode with. Empty: the"
        " first one found.",
    },
    "server.args": {
        "type": "array",
        "items": {"type": "string"},
        "default": ["serve"],
        "scope": "machine",
        "markdownDescription": "Arguments of the `slmcode` program.",
    },
    "trace.server": {
        "type": "string",
        "enum": ["off", "messages", "verbose"],
        "default": "off",
        "scope": "window",
        "markdownDescription": "Log the messages between editor and server. `verbose` logs their"
        " text too, and with it your source.",
    },
}


def vscode_property(setting: Setting) -> dict[str, Any]:
    """The JSON Schema of one setting, as VS Code wants it."""
    made: dict[str, Any] = {"type": setting.type}
    if setting.type == "array":
        made |= {"items": {"type": "string"}, "uniqueItems": True}
    if setting.enum:
        made["enum"] = list(setting.enum)
    if setting.minimum is not None:
        made |= {"minimum": setting.minimum, "maximum": setting.maximum}
    return made | {
        "default": setting.default,
        "scope": "window" if setting.scope == "trusted" else setting.scope,
        "markdownDescription": setting.description,
    }


def vscode_configuration() -> dict[str, Any]:
    """`contributes.configuration`: the server's settings in their order, then the extension's."""
    properties = {s.name: vscode_property(s) for s in describe()} | VSCODE_ONLY
    return {
        "title": "slmcode",
        "properties": {
            f"slmcode.{name}": made | {"order": order}
            for order, (name, made) in enumerate(properties.items())
        },
    }


def vscode_restricted() -> list[str]:
    """Settings that a workspace sets only where it is trusted: those that name something to run,
    to load or to write into.
    """
    named = [
        setting.name
        for setting in describe()
        if setting.scope != "window" and setting.type == "string" and not setting.enum
    ]
    own = [name for name in VSCODE_ONLY if name.startswith("server.")]
    return [f"slmcode.{name}" for name in own + named]


def package_json(text: str) -> str:
    """`package.json` with the configuration put in; other keys and their order stay."""
    package = json.loads(text)
    package.setdefault("contributes", {})["configuration"] = vscode_configuration()
    untrusted = package.get("capabilities", {}).get("untrustedWorkspaces")
    if untrusted is not None:
        untrusted["restrictedConfigurations"] = vscode_restricted()
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


def lua_value(value: object) -> str:
    """A default or a limit as Lua has it, written as StyLua writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        quote = '"' if "'" in value and '"' not in value else "'"
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace(quote, f"\\{quote}")
        return f"{quote}{escaped}{quote}"
    if isinstance(value, list | tuple):
        return "{ " + ", ".join(map(lua_value, value)) + " }" if value else "{}"
    return repr(value)


def lua_type(setting: Setting) -> str:
    """The type of a setting for lua-language-server."""
    if setting.enum:
        return "|".join(map(lua_value, setting.enum))
    return _lua_kind(setting)


def _lua_kind(setting: Setting) -> str:
    return "string[]" if setting.type == "array" else setting.type


def lua_fields(setting: Setting) -> Iterable[tuple[str, object]]:
    """What the table holds of a setting."""
    yield "type", _lua_kind(setting)
    yield "default", setting.default
    yield "description", setting.description
    if setting.unit:
        yield "unit", setting.unit
    if setting.enum:
        yield "enum", setting.enum
    if setting.minimum is not None:
        yield "minimum", setting.minimum
        yield "maximum", setting.maximum


def settings_lua(_: str) -> str:
    """`settings.lua`, whatever it was."""
    lines = [
        "-- Made by editors/generate.py from slmcode/config.py: change it there.",
        "-- luacheck: no max line length",
        "",
        "---@class slmcode.Settings what the server can be told",
    ]
    settings = list(describe())
    lines += [f"---@field {s.name}? {lua_type(s)} {s.description}" for s in settings]
    lines += [
        "",
        "---@type table<string, slmcode.Setting>",
        "return {",
    ]
    for setting in settings:
        lines.append(f"  {setting.name} = {{")
        lines += [f"    {name} = {lua_value(value)}," for name, value in lua_fields(setting)]
        lines.append("  },")
    return "\n".join([*lines, "}"]) + "\n"


FILES: dict[Path, Callable[[str], str]] = {PACKAGE: package_json, LUA: settings_lua}


def main(argv: Sequence[str]) -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description="Write what the editors know of the settings.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare only")
    check = parser.parse_args(argv).check
    differing = False
    for path, make in FILES.items():
        present = path.read_text(encoding="utf-8") if path.exists() else "{}"
        made = make(present)
        if made == present:
            continue
        differing = True
        print(f"{path.relative_to(EDITORS)}: " + ("not as generated" if check else "written"))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made, encoding="utf-8")
    if check and differing:
        print("run: python editors/generate.py")
    return int(check and differing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
