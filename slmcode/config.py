"""Settings: one frozen structure, read from defaults, a TOML file and the editor, in that order.

Every field carries its description and its limits; `describe()` hands them to the README,
`slmcode settings` and the editors' schemas (`editors/generate.py`). A value that is not
allowed never stops the server: it is named in a message and the value below it is used.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import platformdirs
from msgspec import Meta

Scope = Literal["machine", "trusted", "window"]

# Names programs, models, folders or resources of the machine: no workspace may set it, because
# opening a folder must not start another program or fill the memory.
_MACHINE: dict[str, Scope] = {"scope": "machine"}
# Names a program that belongs to a project: set by the user, or by a workspace the user trusts.
_TRUSTED: dict[str, Scope] = {"scope": "trusted"}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. A unit is the end of the name, see `unit_of`."""

    enabled: Annotated[bool, Meta(description="Offer completions at all.")] = True
    disabled_languages: Annotated[
        tuple[str, ...],
        Meta(description='LSP language identifiers without completions, such as "markdown".'),
    ] = ()
    model: Annotated[
        str,
        Meta(
            description='"fast", "quality", or the path of any GGUF file with FIM tokens.',
            extra=_MACHINE,
        ),
    ] = "fast"
    edit_model: Annotated[
        str,
        Meta(
            description='The model for edits, explanations and tests: "quality", "fast", or the'
            " path of a GGUF file with chat tokens. Where it is not there, `model` is used.",
            extra=_MACHINE,
        ),
    ] = "quality"
    edit_tokens: Annotated[
        int,
        Meta(
            ge=1024,
            le=32_768,
            description="Prompt and answer of an edit together, in tokens.",
            extra=_MACHINE,
        ),
    ] = 6144
    edit_limit_s: Annotated[
        int,
        Meta(ge=5, le=86_400, description="An edit is given up after this time, in s."),
    ] = 300
    test_command: Annotated[
        str,
        Meta(
            description='The command that runs the project\'s tests, such as "pytest -q". It runs'
            " in a sandbox, to check edits; empty: edits are not checked by tests.",
            extra=_TRUSTED,
        ),
    ] = ""
    test_limit_s: Annotated[
        int,
        Meta(ge=1, le=3600, description="A run of the tests is ended after this time, in s."),
    ] = 60
    deadline_ms: Annotated[
        int,
        Meta(
            ge=10,
            le=60_000,
            description="Answer while typing within this time, in ms from the request's arrival.",
        ),
    ] = 100
    invoked_deadline_ms: Annotated[
        int,
        Meta(
            ge=10,
            le=60_000,
            description="Answer within this time, in ms, where a command asked for a completion.",
        ),
    ] = 2000
    max_lines: Annotated[
        int, Meta(ge=1, le=100, description="Longest multi-line suggestion, in lines.")
    ] = 12
    max_tokens: Annotated[
        int, Meta(ge=1, le=1024, description="Longest suggestion, in tokens.")
    ] = 128
    prefix_tokens: Annotated[
        int,
        Meta(ge=32, le=8192, description="Text before the cursor given to the model, in tokens."),
    ] = 320
    suffix_tokens: Annotated[
        int,
        Meta(ge=0, le=2048, description="Text after the cursor given to the model, in tokens."),
    ] = 64
    context_tokens: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            description="Text of other files and notebook cells given to the model, in tokens.",
        ),
    ] = 256
    index: Annotated[
        bool,
        Meta(description="Index the workspace folders: what other files define goes into prompts."),
    ] = True
    index_file_kb: Annotated[
        int, Meta(ge=1, le=65_536, description="Larger files are not indexed, in kB.")
    ] = 1024
    threads: Annotated[
        int,
        Meta(
            ge=0,
            le=256,
            description="Threads of the engine; 0: one per physical core.",
            extra=_MACHINE,
        ),
    ] = 0
    memory_mb: Annotated[
        int,
        Meta(
            ge=16,
            le=65_536,
            description="Memory for warm documents (the KV cache), in MB.",
            extra=_MACHINE,
        ),
    ] = 200
    engine_idle_s: Annotated[
        int,
        Meta(
            ge=1,
            le=604_800,
            description="The engine leaves after this time without a server, in s.",
            extra=_MACHINE,
        ),
    ] = 300
    idle_ms: Annotated[
        int,
        Meta(
            ge=50,
            le=60_000,
            description="A pause of this length, in ms, makes the server work ahead.",
        ),
    ] = 700
    work_ahead: Annotated[
        Literal["auto", "always", "never"],
        Meta(
            description='Evaluate prompts before they are asked for: "auto" (not on battery and not'
            ' while other programs keep the processor busy), "always" or "never".',
        ),
    ] = "auto"
    show_probability: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="The share of what is shown while typing that should be right; 0 shows"
            " everything.",
        ),
    ] = 0.5
    tuned: Annotated[
        bool,
        Meta(
            description="Use the weights that `slmcode models tune` made, where there are some.",
            extra=_MACHINE,
        ),
    ] = True
    max_file_kb: Annotated[
        int,
        Meta(ge=1, le=1_048_576, description="Larger documents get no completions, in kB."),
    ] = 4096
    models_folder: Annotated[
        str,
        Meta(description="Where weights are kept; empty: the user's cache folder.", extra=_MACHINE),
    ] = ""
    offline: Annotated[
        bool,
        Meta(
            description="Refuse what would use the network: downloads of weights, and clusters.",
            extra=_MACHINE,
        ),
    ] = False
    audit_log: Annotated[
        bool,
        Meta(
            description="Keep a local log of what the model is given for which file, and of what"
            " is accepted; `slmcode audit` shows and erases it.",
            extra=_MACHINE,
        ),
    ] = False
    audit_mb: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description="The audit log keeps its newest entries, this many MB at most.",
            extra=_MACHINE,
        ),
    ] = 16
    log_level: Annotated[
        Literal["error", "warning", "info", "debug"],
        Meta(
            description='"error", "warning", "info" or "debug"; logs never hold source text.',
            extra=_MACHINE,
        ),
    ] = "warning"


SettingType = Literal["boolean", "integer", "number", "string", "array"]  # JSON Schema's names
_TYPES: dict[type, SettingType] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    tuple: "array",
}
_SHOWN = 40  # characters of a wrong value in its message
_UNITS = {"ms": "ms", "s": "s", "mb": "MB", "kb": "kB", "tokens": "tokens", "lines": "lines"}


class Setting(msgspec.Struct, frozen=True):
    """What there is to say of one setting. The items of an array are strings."""

    name: str
    type: SettingType
    default: Any
    description: str
    scope: Scope
    unit: str = ""
    enum: tuple[str, ...] = ()  # the only values allowed, where there are such
    minimum: float | None = None
    maximum: float | None = None

    @property
    def allowed(self) -> str:
        """What may be set, for people."""
        if self.enum:
            return "one of " + ", ".join(json.dumps(value) for value in self.enum)
        if self.minimum is not None:
            kind = "a whole number" if self.type == "integer" else "a number"
            unit = f" {self.unit}" if self.unit else ""
            return f"{kind} from {self.minimum:,} to {self.maximum:,}{unit}"
        return {"boolean": "true or false", "string": "a text", "array": "a list of texts"}[
            self.type
        ]


def unit_of(name: str) -> str:
    """The unit a setting is counted in, "" for none: the end of its name says it."""
    return _UNITS.get(name.rpartition("_")[2], "")


def describe() -> Iterator[Setting]:
    """Every setting, in the order of the structure."""
    hints = get_type_hints(Config, include_extras=True)
    for field in msgspec.structs.fields(Config):
        kind, meta = get_args(hints[field.name])
        enum = get_args(kind) if get_origin(kind) is Literal else ()
        yield Setting(
            name=field.name,
            type="string" if enum else _TYPES[get_origin(kind) or kind],
            default=field.default,
            description=meta.description,
            scope=(meta.extra or {}).get("scope", "window"),
            unit=unit_of(field.name),
            enum=enum,
            minimum=meta.ge,
            maximum=meta.le,
        )


def overlay(base: Config, values: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """`base` with `values` put over it, and one sentence per value that had to be ignored."""
    problems: list[str] = []
    known = {setting.name: setting for setting in describe()}
    result = base
    for name, value in values.items():
        if name not in known:
            problems.append(f'there is no setting "{name}"{_meant(name, known)}; it is ignored')
            continue
        try:
            checked = msgspec.convert({name: value}, Config)
        except msgspec.ValidationError:
            problems.append(
                f'the setting "{name}" cannot be {_shown(value)}; allowed is'
                f" {known[name].allowed}; {_shown(getattr(base, name))} is used"
            )
            continue
        result = msgspec.structs.replace(result, **{name: getattr(checked, name)})
    return result, problems


def _meant(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _shown(value: object) -> str:
    """A value as it stands in JSON, a long one by its beginning."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def config_path() -> Path:
    """The user's settings file: $SLMCODE_CONFIG or config.toml in the configuration folder."""
    named = os.environ.get("SLMCODE_CONFIG")
    return Path(named) if named else Path(platformdirs.user_config_dir("slmcode")) / "config.toml"


def load(path: Path | None = None) -> tuple[Config, list[str]]:
    """Defaults with the settings file over them, and the problems found. Never raises."""
    path = path or config_path()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config(), []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        return Config(), [f"settings file {path}: {e}; using defaults"]
    config, problems = overlay(Config(), values)
    return config, [f"{path}: {p}" for p in problems]


def cache_folder() -> Path:
    """Weights and vocabularies: $SLMCODE_CACHE or the user's cache folder. May not exist yet."""
    named = os.environ.get("SLMCODE_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("slmcode"))


def models_folder(config: Config) -> Path:
    """Where weights are kept."""
    if config.models_folder:
        return Path(config.models_folder).expanduser()
    return cache_folder() / "models"


def runtime_folder() -> Path:
    """Sockets: $SLMCODE_RUNTIME or the user's runtime folder. Made with mode 0700 by the engine.

    Without XDG_RUNTIME_DIR (containers, ssh without a session) a folder of the user's own in the
    temporary folder: a socket path may have 107 bytes at most, and a home may be on a network.
    """
    named = os.environ.get("SLMCODE_RUNTIME")
    if named:
        return Path(named)
    if sys.platform == "linux" and "XDG_RUNTIME_DIR" not in os.environ:
        return Path(tempfile.gettempdir()) / f"slmcode-{os.getuid()}"
    return Path(platformdirs.user_runtime_dir("slmcode"))


def state_folder() -> Path:
    """Counters and logs: $SLMCODE_STATE or the user's state folder."""
    named = os.environ.get("SLMCODE_STATE")
    return Path(named) if named else Path(platformdirs.user_state_dir("slmcode"))
