"""`slmcode bundle`: what is in it, what it refuses, that nothing half made stays; a real one."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import slmcode
from slmcode.cli import bundle
from slmcode.models import catalog

ROOT = Path(__file__).parents[2]


def _wheel(folder: Path, name: str, version: str = "1") -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        about = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense: MIT\n"
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{about}/licenses/LICENSE", f"the licence of {name}")
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that a bundle is made of, each thing as small as can be.

    Beside it: wheels/ with the one package of the lock file.
    """
    weights = b"weights"
    model = catalog.Model(
        role="fast",
        name="Small",
        licence="Apache-2.0",
        size=len(weights),
        sha256=hashlib.sha256(weights).hexdigest(),
        repository="nobody/small",
        file="small.gguf",
        parts=catalog.Parts("small", "1", 1),
    )
    monkeypatch.setattr(catalog, "MODELS", (model,))
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SLMCODE_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "cache/models").mkdir(parents=True)
    (tmp_path / "cache/models/small.gguf").write_bytes(weights)
    made = tmp_path / "made"
    made.mkdir()
    ours = _wheel(made, "slmcode", slmcode.__version__)
    native = _wheel(made, "llama_cpp_python")
    monkeypatch.setattr(bundle, "_native_wheel", lambda server: native)
    (tmp_path / "wheels").mkdir()
    package = _wheel(tmp_path / "wheels", "leftpad")
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    dist = tmp_path / "dist"
    (dist / "nvim/lua").mkdir(parents=True)
    (dist / "nvim/lua/init.lua").write_text("return {}", encoding="utf-8")
    (dist / "slmcode-python.cdx.json").write_text("{}", encoding="utf-8")
    with zipfile.ZipFile(dist / f"slmcode-{slmcode.__version__}.vsix", "w") as vsix:
        server = "extension/server"
        vsix.writestr(f"{server}/{ours.name}.xz", lzma.compress(ours.read_bytes()))
        vsix.writestr(f"{server}/requirements.lock", f"leftpad==1 \\\n    --hash=sha256:{digest}\n")
        vsix.writestr(f"{server}/native.lock", "llama-cpp-python==1\n")
    return dist


def _write(dist: Path, out: Path, told: bundle.Told = lambda *_: None, **changed: Any) -> str:
    options = {"wheels": [dist.parent / "wheels"], "quality": False, "force": False, **changed}
    return bundle.write(out, dist, told=told, **options)


def _members(out: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(out) as tar:
        for member in tar:
            assert member.isfile()
            file = tar.extractfile(member)
            assert file is not None
            found[member.name.partition("/")[2]] = file.read()
    return found


def test_holds_everything_and_its_digests(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    digest = _write(small, out)
    assert digest == hashlib.sha256(out.read_bytes()).hexdigest()
    members = _members(out)
    assert set(members) == {
        *("install.py", "README.txt", "bundle.json", "requirements.lock", "SHA256SUMS"),
        "wheels/leftpad-1-py3-none-any.whl",
        "wheels/llama_cpp_python-1-py3-none-any.whl",
        f"wheels/slmcode-{slmcode.__version__}-py3-none-any.whl",
        "weights/small.gguf",
        f"editors/slmcode-{slmcode.__version__}.vsix",
        *("editors/nvim/lua/init.lua", "sbom/slmcode-python.cdx.json", "licences/LIST.txt"),
        *(f"licences/{n}/licenses/LICENSE" for n in ("leftpad", "llama_cpp_python", "slmcode")),
    }
    sums = members.pop("SHA256SUMS").decode()
    assert sums.splitlines() == [
        f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in members.items()
    ]
    lock = members["requirements.lock"].decode()
    for name in ("leftpad", "llama_cpp_python", "slmcode"):
        (wheel,) = [content for path, content in members.items() if f"wheels/{name}-" in path]
        assert hashlib.sha256(wheel).hexdigest() in lock
    assert "Small (weights, nobody/small): Apache-2.0" in members["licences/LIST.txt"].decode()


def test_same_bytes_twice_and_the_second_without_a_network(small: Path, tmp_path: Path) -> None:
    """The wheels of the first are kept: `offline` is no hindrance then."""
    first = _write(small, tmp_path / "first.tar")
    (tmp_path / "config.toml").write_text("offline = true\n", encoding="utf-8")
    assert _write(small, tmp_path / "second.tar", wheels=[]) == first


def test_offline_says_what_to_do(small: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("offline = true\n", encoding="utf-8")
    with pytest.raises(bundle.BundleError, match=r'"offline" forbids it.* --wheels DIR'):
        _write(small, tmp_path / "out.tar", wheels=[])
    assert not (tmp_path / "out.tar").exists()


def test_offline_starts_no_download(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("offline = true\n", encoding="utf-8")
    asked = []
    monkeypatch.setattr(bundle, "_download", lambda lock, to, options, told: asked.append(options))
    with pytest.raises(bundle.BundleError, match="offline"):
        _write(small, tmp_path / "out.tar", wheels=[])
    assert all("--no-index" in options for options in asked)


def test_wheels_that_do_not_fit(small: Path, tmp_path: Path) -> None:
    """One with another content than the lock file's is as good as none."""
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(bundle.BundleError, match="--wheels: not all packages are there"):
        _write(small, tmp_path / "out.tar")


def test_refuses_to_overwrite(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(bundle.BundleError, match="is there already; --force replaces it"):
        _write(small, out)
    assert out.read_text(encoding="utf-8") == "mine"
    _write(small, out, force=True)
    assert tarfile.is_tarfile(out)


def test_nothing_half_written_stays(small: Path, tmp_path: Path) -> None:
    """Interrupted in the middle of the archive, over one that is there."""
    out = tmp_path / "out.tar"
    out.write_text("mine", encoding="utf-8")
    before = sorted(tmp_path.iterdir())

    def told(what: str, done: int, total: int) -> None:
        if what == "writing" and done > total // 2:
            assert sorted(tmp_path.iterdir()) != before  # it is being written
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _write(small, out, told, force=True)
    assert out.read_text(encoding="utf-8") == "mine"
    assert sorted(tmp_path.iterdir()) == before


def test_weights_that_changed_while_they_were_read(small: Path, tmp_path: Path) -> None:
    weights = tmp_path / "cache/models/small.gguf"

    def told(what: str, done: int, total: int) -> None:
        if what == "writing":
            weights.write_bytes(b"WEIGHTS")

    with pytest.raises(bundle.BundleError, match=r"weights/small.gguf changed while it was read"):
        _write(small, tmp_path / "out.tar", told)
    assert not (tmp_path / "out.tar").exists()


def test_no_room(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    with pytest.raises(bundle.BundleError, match="not enough space"):
        _write(small, tmp_path / "out.tar")


def test_no_weights(small: Path, tmp_path: Path) -> None:
    (tmp_path / "cache/models/small.gguf").unlink()
    with pytest.raises(catalog.NotPulled, match="slmcode models pull fast"):
        _write(small, tmp_path / "out.tar")


def test_no_package(small: Path, tmp_path: Path) -> None:
    shutil.rmtree(small / "nvim")
    with pytest.raises(bundle.BundleError, match=r"nvim is missing; run: make package"):
        _write(small, tmp_path / "out.tar")


def test_extension_that_is_none(small: Path, tmp_path: Path) -> None:
    (vsix,) = small.glob("*.vsix")
    vsix.write_bytes(b"no zip")
    with pytest.raises(bundle.BundleError, match="is not slmcode's extension"):
        _write(small, tmp_path / "out.tar")


def test_no_folder(small: Path, tmp_path: Path) -> None:
    with pytest.raises(bundle.BundleError, match="there is no folder"):
        _write(small, tmp_path / "nowhere/out.tar")
    with pytest.raises(bundle.BundleError, match="is a folder"):
        _write(small, tmp_path)


# A real one: built packages, this machine's weights, a namespace without a network.


def _closed() -> list[str]:
    """What runs a command in a network namespace of its own, where not even a loopback is up."""
    for command in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], capture_output=True).returncode
        ):
            return command
    if os.environ.get("CI"):
        pytest.fail("CI must be able to make network namespaces (unshare -n)")
    pytest.skip("network namespaces cannot be made here (unshare -n)")


@pytest.fixture(scope="module")
def real(
    packages: tuple[Path, Path],
    fast_weights: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """A bundle of the packages just built. Python packages are downloaded where none are kept."""
    out = tmp_path_factory.mktemp("bundle") / "slmcode.tar"
    ended = subprocess.run(
        [sys.executable, "-m", "slmcode.cli", "bundle", str(out), "--package", str(packages[0])],
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, ended.stderr
    yield out
    out.unlink()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A folder that is removed at once: a gigabyte goes into it."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.timeout(900)  # 60 packages may come over a slow network; two builds before
def test_installs_and_completes_without_a_network(real: Path, room: Path) -> None:
    closed = _closed()
    home = room / "home"
    home.mkdir()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(room)}
    tried = _run([*closed, sys.executable, "-c", _TRY], env)
    assert tried.stdout.strip() == "no network", tried
    with tarfile.open(real) as tar:
        tar.extractall(room / "unpacked", filter="data")
    (folder,) = (room / "unpacked").iterdir()
    base = getattr(sys, "_base_executable", sys.executable)  # outside this environment
    ended = _run([*closed, base, str(folder / "install.py"), "--into", str(room / "e")], env)
    assert ended.returncode == 0, ended.stderr
    assert "return a + b" in ended.stderr
    program = ended.stdout.strip()
    assert program == str(room / "e/bin/slmcode")
    shutil.rmtree(folder)  # what was installed stands alone
    sample = room / "sample.py"
    sample.write_text("def square(number):\n    return \n", encoding="utf-8")
    (room / "config.toml").write_text("engine_idle_s = 1\n", encoding="utf-8")
    env["SLMCODE_CONFIG"] = str(room / "config.toml")
    env["SLMCODE_RUNTIME"] = str(room / "r")
    answer = _run([*closed, program, "complete", "--json", "--no-context", f"{sample}:2:12"], env)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["text"].startswith("number")
    versions = _run([*closed, program, "--version"], env)
    assert versions.stdout.strip() == f"slmcode {slmcode.__version__}"


_TRY = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9), timeout=5)
except ConnectionRefusedError:
    print("there is a loopback")
except OSError:
    print("no network")
"""


def _run(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, encoding="utf-8")


def test_ended_by_an_editor_leaves_nothing(small: Path, tmp_path: Path) -> None:
    """SIGTERM, as Ctrl-C: in the process itself, at a moment that is known."""
    out = tmp_path / "out.tar"

    def told(what: str, done: int, total: int) -> None:
        if what == "writing":
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), bundle.ended_as_interrupted():
        _write(small, out, told)
    assert not list(tmp_path.glob(".out.tar*"))
