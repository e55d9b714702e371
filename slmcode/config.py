"""Settings: one frozen structure, read from defaults, a TOML file and the editor, in that order.

Every field carries its description and unit in `Meta`; `describe()` hands them to
the README, `slmcode doctor` and the editors' schemas. A value of the wrong type never stops
the server: it is named in a message and the value below it is used.
"""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
import platformdirs
from msgspec import Meta


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. Times are in ms or s, sizes in tokens or MB, as the names say."""

    enabled: Annotated[bool, Meta(description="Offer completions at all.")] = True
    disabled_languages: Annotated[
        tuple[str, ...],
        Meta(description='LSP language identifiers without completions, such as "markdown".'),
    ] = ()
    model: Annotated[
        str,
        Meta(description='"fast", "quality", or the path of any GGUF file with FIM tokens.'),
    ] = "fast"
    deadline_ms: Annotated[
        int,
        Meta(ge=10, le=60_000, description="Answer while typing within this time, from arrival."),
    ] = 100
    invoked_deadline_ms: Annotated[
        int,
        Meta(ge=10, le=60_000, description="The same for a completion asked for by a command."),
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
        Meta(ge=0, le=4096, description="Text of other files given to the model, in tokens."),
    ] = 256
    index: Annotated[
        bool,
        Meta(description="Index the workspace folders: what other files define goes into prompts."),
    ] = True
    index_file_kb: Annotated[
        int, Meta(ge=1, le=65_536, description="Larger files are not indexed, in kB.")
    ] = 1024
    threads: Annotated[
        int, Meta(ge=0, le=256, description="Threads of the engine; 0: one per physical core.")
    ] = 0
    memory_mb: Annotated[
        int,
        Meta(ge=16, le=65_536, description="Memory for warm documents (the KV cache), in MB."),
    ] = 200
    engine_idle_s: Annotated[
        int,
        Meta(ge=1, le=604_800, description="The engine leaves after this time without a server."),
    ] = 300
    idle_ms: Annotated[
        int,
        Meta(ge=50, le=60_000, description="A pause this long makes the server work ahead."),
    ] = 700
    work_ahead: Annotated[
        str,
        Meta(
            pattern="^(auto|always|never)$",
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
        Meta(description="Use the weights that `slmcode models tune` made, where there are some."),
    ] = True
    max_file_kb: Annotated[
        int,
        Meta(ge=1, le=1_048_576, description="Larger documents get no completions, in kB."),
    ] = 4096
    models_folder: Annotated[
        str, Meta(description="Where weights are kept; empty: the user's cache folder.")
    ] = ""
    log_level: Annotated[
        str,
        Meta(
            pattern="^(error|warning|info|debug)$",
            description='"error", "warning", "info" or "debug"; logs never hold source text.',
        ),
    ] = "warning"


class Setting(msgspec.Struct, frozen=True):
    """One row of the settings table."""

    name: str
    default: Any
    description: str


def describe() -> Iterator[Setting]:
    """Every setting with its default and description, in the order of the structure."""
    hints = get_type_hints(Config, include_extras=True)
    for field in msgspec.structs.fields(Config):
        meta: Meta = hints[field.name].__metadata__[0]
        yield Setting(field.name, field.default, meta.description or "")


def overlay(base: Config, values: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """`base` with `values` put over it, and one line per value that had to be ignored."""
    problems: list[str] = []
    known = set(Config.__struct_fields__)
    result = base
    for name, value in values.items():
        if name not in known:
            problems.append(f"setting {name!r} is unknown; ignored")
            continue
        try:
            checked = msgspec.convert({name: value}, Config)
        except msgspec.ValidationError as e:
            problems.append(f"setting {name!r}: {e}; using {getattr(base, name)!r}")
            continue
        result = msgspec.structs.replace(result, **{name: getattr(checked, name)})
    return result, problems


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
