"""Where weights lie and whether they may be used.

A file of the catalogue is hashed before its first use; `stamps.py` remembers the digest. Where
`slmcode models tune` has made a file for this machine, that one is used (`tuned.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from slmcode.config import Config, models_folder
from slmcode.models import catalog, tuned
from slmcode.models.catalog import Model, NotPulled, Refused
from slmcode.models.stamps import hash_and_stamp, identity_of, stamp_of


class Resolved(NamedTuple):
    """The file to load, and what the user should know about the choice, or ""."""

    path: Path
    notice: str = ""


def path_of(model: Model, config: Config) -> Path:
    """Where the weights of `model` lie once they are pulled."""
    return models_folder(config) / model.file


def resolve(config: Config) -> Path:
    """The file `config.model` names, ready to be loaded.

    A role or a name means a file of the catalogue, whose digest is checked, or the tuned file made
    from it; anything else is the path of a GGUF file, whose header is checked. Raises NotPulled,
    Refused or UnknownModel.
    """
    return choose(config).path


def choose(config: Config) -> Resolved:
    """As `resolve`, with a notice if there is a tuned file and it is not used for its faults."""
    try:
        model = catalog.find(config.model)
    except catalog.UnknownModel:
        path = Path(config.model).expanduser()
        if path.suffix != ".gguf" and path.name == config.model and not path.exists():
            raise
        check_header(path)
        return Resolved(path)
    notice = ""
    if config.tuned:
        try:
            found = tuned.find(models_folder(config), model)
            if found is not None:
                tuned.check(found, model)
                return Resolved(found.path)
        except Refused as e:
            notice = f"{e}. The official weights are used."
    path = path_of(model, config)
    check(path, model)
    return Resolved(path, notice)


def identity(config: Config) -> tuple[tuple[int, ...], ...]:
    """What changes when the files that `choose` looks at do; quick, reads no weights."""
    try:
        model = catalog.find(config.model)
        folder = tuned.folder_of(models_folder(config), model)
        return identity_of(path_of(model, config)), identity_of(folder)
    except catalog.UnknownModel:
        return (identity_of(Path(config.model).expanduser()),)


class State(enum.StrEnum):
    """What is known of a model's file without hashing it."""

    MISSING = "missing"
    REFUSED = "refused"  # wrong size, or hashed before and found wrong
    UNCHECKED = "unchecked"  # right size; hashed before its first use
    READY = "ready"  # its stamp vouches for it


def state_of(path: Path, model: Model) -> State:
    """What is known of the file of `model`; quick, reads no weights."""
    try:
        _check_size(path, model)
    except NotPulled:
        return State.MISSING
    except Refused:
        return State.REFUSED
    vouched = stamp_of(path)
    if vouched is None:
        return State.UNCHECKED
    return State.READY if vouched.digest == model.sha256 else State.REFUSED


def check_header(path: Path) -> None:
    """Refuse what is not a complete GGUF file; the digest of a user's own file is unknown."""
    from slmcode.models import header  # numpy behind it: 0.2 s the catalogue's files never pay

    if not path.exists():
        raise NotPulled(f"there is no file {path}; name a GGUF file or a model of the catalogue")
    try:
        header.read(path)
    except OSError as e:
        raise Refused(f"{path} cannot be read: {e.strerror or e}") from e


def check(path: Path, model: Model) -> None:
    """Refuse a file that is not `model`; hashes only what no stamp vouches for."""
    _check_size(path, model)
    vouched = stamp_of(path)
    if vouched is None:
        verify(path, model)
    elif vouched.digest != model.sha256:
        raise _wrong_digest(path, model, vouched.digest)


def verify(path: Path, model: Model, progress: Callable[[int], None] | None = None) -> None:
    """Hash the file whatever its stamp says, and renew the stamp.

    `progress` is told the bytes hashed so far. Raises NotPulled or Refused.
    """
    _check_size(path, model)
    try:
        digest = hash_and_stamp(path, progress)
    except OSError as e:
        raise Refused(f"{path} cannot be read: {e.strerror or e}") from e
    if digest != model.sha256:
        raise _wrong_digest(path, model, digest)


def _check_size(path: Path, model: Model) -> None:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise NotPulled(
            f"{model.name} is not on this machine; run: slmcode models pull {model.role}"
        ) from None
    except OSError as e:
        raise Refused(f"{path} cannot be read: {e.strerror or e}") from e
    if size != model.size:
        kind = "truncated" if size < model.size else "too long"
        raise Refused(
            f"{path} is {kind}: {size:,} bytes instead of {model.size:,};"
            f" run: slmcode models pull {model.role}"
        )


def _wrong_digest(path: Path, model: Model, digest: str) -> Refused:
    return Refused(
        f"{path} is not {model.name}: its SHA-256 is {digest} instead of {model.sha256};"
        f" run: slmcode models pull {model.role}"
    )
