"""Where everything comes from: locked hashes, the same bytes twice, bills of materials."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from cyclonedx.model.bom import Bom

ROOT = Path(__file__).parents[2]
_LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def _pins() -> Iterator[tuple[str, str]]:
    """The line of every requirement, and what stands below it."""
    blocks = re.split(r"\n(?=\S)", _LOCK.strip())
    for block in blocks:
        first, _, rest = block.partition("\n")
        yield first, rest


def test_every_requirement_has_one_version_and_hashes() -> None:
    pins = list(_pins())
    assert len(pins) > 100
    for first, rest in pins:
        assert re.fullmatch(r"[a-z0-9-]+==[^\s;]+( ; .*)? \\", first), first
        hashes = [line.strip().removesuffix(" \\") for line in rest.splitlines()]
        assert hashes, first
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first


def test_every_npm_package_has_a_digest() -> None:
    lock = json.loads((ROOT / "editors/vscode/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert len(packages) > 100
    for name, package in packages.items():
        assert package.get("link") or package["integrity"].startswith("sha512-"), name


def test_setup_installs_by_hash_alone() -> None:
    """`make setup`, the extension and the native library's build: no way around the lock file."""
    sources = {
        "Makefile": r"\$\(PIP\) install [^\n]*packages\.txt",
        ".ci/setup/native_wheel.py": r'"--require-hashes", "--no-deps"',
        "editors/vscode/src/install.ts": r'"--require-hashes", "--only-binary"',
    }
    for file, pattern in sources.items():
        found = re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"))
        assert found, file
        assert all("--require-hashes" in line for line in found), file


@pytest.mark.slow
@pytest.mark.timeout(400)  # two builds of everything, on cores that others may be using
def test_two_builds_are_the_same(packages: tuple[Path, Path]) -> None:
    first, second = packages
    names = sorted(path.relative_to(first).as_posix() for path in first.rglob("*"))
    assert names == sorted(path.relative_to(second).as_posix() for path in second.rglob("*"))
    assert {"nvim", "slmcode-npm.cdx.json", "slmcode-python.cdx.json"} < set(names)
    assert any(name.endswith(".vsix") for name in names)
    for name in names:
        if (first / name).is_file():
            assert _digest(first / name) == _digest(second / name), _differing(first, second, name)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_wheel_is_whole(packages: tuple[Path, Path]) -> None:
    """Packed twice, it is still the wheel that its own record describes."""
    (vsix,) = packages[0].glob("*.vsix")
    with zipfile.ZipFile(vsix) as extension:
        (packed,) = [name for name in extension.namelist() if name.endswith(".whl.xz")]
        wheel = lzma.decompress(extension.read(packed))
    with zipfile.ZipFile(BytesIO(wheel)) as archive:
        names = archive.namelist()
        (record,) = [name for name in names if name.endswith(".dist-info/RECORD")]
        listed = {line.split(",")[0] for line in archive.read(record).decode().splitlines()}
        assert set(names) == listed
        assert "slmcode/cli/bundle_install.py" in listed


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("ignore:.*is deprecated from CycloneDX v1.5")  # npm writes `tools`
def test_bills_of_materials(packages: tuple[Path, Path]) -> None:
    """All that is shipped is listed, with version, digest and licence."""
    (vsix,) = packages[0].glob("*.vsix")
    with zipfile.ZipFile(vsix) as extension:
        lock = extension.read("extension/server/requirements.lock").decode()
        lock += extension.read("extension/server/native.lock").decode()
    shipped = set(re.findall(r"^(\S+==[^\s;]+)", lock, re.MULTILINE))
    bom = _read(packages[0] / "slmcode-python.cdx.json")
    listed = {f"{c.name}=={c.version}" for c in bom.components if c.purl}
    assert listed == shipped
    assert all(component.hashes for component in bom.components)
    assert {"fast", "quality"} <= {_role(c.name) for c in bom.components}
    unlicensed = [c.name for c in bom.components if not c.licenses]
    assert unlicensed in ([], ["httpx2-jsfetch"])  # for another system: not installed here
    npm = _read(packages[0] / "slmcode-npm.cdx.json")
    assert "vscode-languageclient" in {component.name for component in npm.components}
    assert all(c.hashes and c.licenses and c.purl for c in npm.components)


def _read(path: Path) -> Bom:
    bom: Bom = Bom.from_json(json.loads(path.read_text(encoding="utf-8")))
    bom.validate()  # every reference in it has its component
    return bom


def _role(name: str) -> str:
    from slmcode.models import catalog

    try:
        return catalog.find(name).role
    except catalog.UnknownModel:
        return ""


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _differing(first: Path, second: Path, name: str) -> str:
    """Which members of an archive differ."""
    if not zipfile.is_zipfile(first / name):
        return name
    with zipfile.ZipFile(first / name) as one, zipfile.ZipFile(second / name) as other:
        if one.namelist() != other.namelist():
            return f"{name}: other members, or another order"
        members = [n for n in one.namelist() if one.read(n) != other.read(n)]
        return f"{name}: {members or 'the headers'}"
