"""The schema of the settings, and what is made from it for the editors."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from slmcode import __version__
from slmcode.config import Config, Setting, describe, overlay, unit_of

EDITORS = Path(__file__).parents[1] / "editors"
SETTINGS = {setting.name: setting for setting in describe()}
each_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """`editors/generate.py`, which is a program and in no package."""
    spec = importlib.util.spec_from_file_location("generate", EDITORS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The schema


def test_it_has_every_setting_with_its_default() -> None:
    assert {s.name: s.default for s in describe()} == msgspec.structs.asdict(Config())


@each_setting
def test_a_description_names_the_unit(setting: Setting) -> None:
    assert setting.description.endswith(".")
    if setting.unit:
        assert re.search(rf"\b{setting.unit}\b", setting.description)


@each_setting
def test_a_number_has_limits_and_a_default_within(setting: Setting) -> None:
    if setting.type in ("integer", "number"):
        assert setting.minimum is not None
        assert setting.maximum is not None
        assert setting.minimum <= setting.default <= setting.maximum
    else:
        assert setting.minimum is setting.maximum is None
        assert setting.unit == ""


def test_units_stand_at_the_end_of_names() -> None:
    names = ["idle_ms", "engine_idle_s", "memory_mb", "index_file_kb", "max_tokens", "max_lines"]
    assert [unit_of(n) for n in names] == ["ms", "s", "MB", "kB", "tokens", "lines"]
    assert [unit_of(n) for n in ("threads", "ms", "disabled_languages")] == ["", "ms", ""]


def test_types_and_values_allowed() -> None:
    assert SETTINGS["enabled"].type == "boolean"
    assert SETTINGS["threads"].type == "integer"
    assert SETTINGS["show_probability"].type == "number"
    assert SETTINGS["disabled_languages"].type == "array"
    assert SETTINGS["work_ahead"].type == "string"
    assert SETTINGS["work_ahead"].enum == ("auto", "always", "never")


def test_a_workspace_cannot_set_what_is_the_machines() -> None:
    assert {s.name for s in describe() if s.scope == "machine"} == {
        "model",
        "edit_model",
        "edit_tokens",
        "threads",
        "memory_mb",
        "engine_idle_s",
        "tuned",
        "models_folder",
        "audit_log",
        "audit_mb",
        "offline",
        "log_level",
    }


def test_what_names_a_program_needs_a_trusted_workspace() -> None:
    assert {s.name for s in describe() if s.scope == "trusted"} == {"test_command"}


# Values that are not allowed


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (
            "deadline_ms",
            "soon",
            'the setting "deadline_ms" cannot be "soon"; allowed is a whole number from 10 to'
            " 60,000 ms; 100 is used",
        ),
        (
            "deadline_ms",
            5,
            'the setting "deadline_ms" cannot be 5; allowed is a whole number from 10 to'
            " 60,000 ms; 100 is used",
        ),
        (
            "work_ahead",
            "sometimes",
            'the setting "work_ahead" cannot be "sometimes"; allowed is one of "auto", "always",'
            ' "never"; "auto" is used',
        ),
        (
            "show_probability",
            True,
            'the setting "show_probability" cannot be true; allowed is a number from 0 to 1;'
            " 0.5 is used",
        ),
        (
            "enabled",
            "no",
            'the setting "enabled" cannot be "no"; allowed is true or false; true is used',
        ),
        (
            "disabled_languages",
            "markdown",
            'the setting "disabled_languages" cannot be "markdown"; allowed is a list of texts;'
            " [] is used",
        ),
        (
            "model",
            {"a": "long " * 20},
            'the setting "model" cannot be {"a": "long long long long long long lon…; allowed is'
            ' a text; "fast" is used',
        ),
        (
            "deadlne_ms",
            5,
            'there is no setting "deadlne_ms" (did you mean "deadline_ms"?); it is ignored',
        ),
        ("colour", 5, 'there is no setting "colour"; it is ignored'),
    ],
)
def test_a_wrong_value_is_said_in_words(name: str, value: Any, problem: str) -> None:
    assert overlay(Config(), {name: value}) == (Config(), [problem])


def test_the_right_values_beside_a_wrong_one_are_used() -> None:
    base = Config(deadline_ms=150)
    config, problems = overlay(base, {"deadline_ms": 1, "max_lines": 3, "show_probability": 1})
    assert config == Config(deadline_ms=150, max_lines=3, show_probability=1)
    assert len(problems) == 1
    assert problems[0].endswith("150 is used")


# What is made from it


@pytest.mark.parametrize("name", ["PACKAGE", "LUA"])
def test_the_editors_have_what_is_generated(generate: ModuleType, name: str) -> None:
    path: Path = getattr(generate, name)
    present = path.read_text(encoding="utf-8")
    assert generate.FILES[path](present) == present, "run: python editors/generate.py"


def test_vs_code_knows_each_setting(generate: ModuleType) -> None:
    properties = generate.vscode_configuration()["properties"]
    own = {f"slmcode.{name}" for name in generate.VSCODE_ONLY}
    assert properties.keys() == {f"slmcode.{name}" for name in SETTINGS} | own
    deadline = properties["slmcode.deadline_ms"]
    assert (deadline["type"], deadline["minimum"], deadline["maximum"]) == ("integer", 10, 60_000)
    assert (deadline["default"], deadline["scope"]) == (100, "window")
    assert "ms" in deadline["markdownDescription"]
    assert properties["slmcode.log_level"]["enum"] == ["error", "warning", "info", "debug"]
    assert properties["slmcode.models_folder"]["scope"] == "machine"
    starting = {f"slmcode.server.{name}" for name in ("path", "python", "args")}
    assert {properties[name]["scope"] for name in starting} == {"machine"}


def test_the_rest_of_the_package_stays(generate: ModuleType) -> None:
    before = '{"z": "é", "contributes": {"commands": [], "configuration": 1, "a": 2}, "b": 3}'
    made = generate.package_json(before)
    assert list(json.loads(made)) == ["z", "contributes", "b"]
    assert list(json.loads(made)["contributes"]) == ["commands", "configuration", "a"]
    assert '"z": "é"' in made
    assert generate.package_json(made) == made


def test_lua_texts_are_quoted(generate: ModuleType) -> None:
    assert generate.lua_value("plain") == "'plain'"
    assert generate.lua_value("the user's") == '"the user\'s"'
    assert generate.lua_value('it\'s "a"\\') == "'it\\'s \"a\"\\\\'"
    assert generate.lua_value((True, 2, 0.5, ())) == "{ true, 2, 0.5, {} }"


def test_check_writes_nothing_and_fails(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, lua = tmp_path / "package.json", tmp_path / "lua" / "settings.lua"
    files = {package: generate.package_json, lua: generate.settings_lua}
    monkeypatch.setattr(generate, "EDITORS", tmp_path)
    monkeypatch.setattr(generate, "FILES", files)
    package.write_text('{"name": "slmcode"}\n')
    assert generate.main(["--check"]) == 1
    assert package.read_text() == '{"name": "slmcode"}\n'
    assert not lua.exists()
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


# The command


def slmcode_settings(*arguments: str) -> str:
    command = [sys.executable, "-m", "slmcode.cli", "settings", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_command_prints_the_schema() -> None:
    assert msgspec.json.decode(slmcode_settings("--json"), type=list[Setting]) == [
        msgspec.structs.replace(s, default=list(s.default)) if s.type == "array" else s
        for s in describe()
    ]


def test_the_command_for_people() -> None:
    shown = slmcode_settings()
    for name in SETTINGS:
        assert f"{name} " in shown
    assert "a whole number from 10 to 60,000 ms; default 100; window" in " ".join(shown.split())


def test_the_extension_has_the_version_of_the_server() -> None:
    manifest = json.loads((EDITORS / "vscode/package.json").read_text())
    assert manifest["version"] == __version__
