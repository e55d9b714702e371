"""Bills of materials in CycloneDX's format: python editors/sbom.py SERVER NPM OUT

    OUT/slmcode-python.cdx.json   what the server runs with: slmcode, every package of the lock
                                  files in SERVER (editors/runtime_lock.py), and the weights
    OUT/slmcode-npm.cdx.json      NPM, what `npm sbom` printed of the extension, with a serial
                                  number and a time that do not change

The same packages give the same bytes: serial numbers are digests of what is listed, times are
SOURCE_DATE_EPOCH. Licences and what needs what are read from the installed packages; one that is
for another system has its hashes alone.
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from runtime_lock import pins, wanted

from slmcode import __version__
from slmcode.models.catalog import MODELS, Model

_PIN = re.compile(r"^\S+==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LICENCE = re.compile(r"^License :: (?:OSI Approved :: )?(.+)$")


def python_bom(server: Path) -> Bom:
    """slmcode and everything that is installed beside it."""
    root = Component(
        name="slmcode",
        version=__version__,
        type=ComponentType.APPLICATION,
        bom_ref="slmcode",
        purl=PackageURL("pypi", None, "slmcode", __version__),
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )
    found: dict[str, list[Component]] = {}
    for file in ("requirements.lock", "native.lock"):
        for name, text in pins((server / file).read_text(encoding="utf-8")):
            found.setdefault(name, []).append(package(name, text))
    bom = Bom()
    bom.metadata.component = root
    for components in found.values():
        bom.components.update(components)
    for name, component in (
        ("slmcode", root),
        *((name, component) for name, components in found.items() for component in components),
    ):
        children = [child for needed in needs(name) for child in found.get(needed, [])]
        bom.register_dependency(component, children)
    weights = [model_weights(model) for model in MODELS]
    bom.components.update(weights)
    bom.register_dependency(root, weights)
    listed = "\n".join(sorted(f"{c.purl or c.bom_ref}" for c in bom.components))
    bom.serial_number = serial(listed)
    bom.metadata.timestamp = made()
    return bom


def package(name: str, text: str) -> Component:
    """One pin of a lock file: the hashes are those of all its files, whatever the system."""
    version = re.match(_PIN, text)
    if version is None:
        raise ValueError(f"requirements.lock has no version of {name}")
    return Component(
        name=name,
        version=version[1],
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}=={version[1]}",
        purl=PackageURL("pypi", None, name, version[1]),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=h) for h in _HASH.findall(text)],
        licenses=list(licences(name)),
    )


def model_weights(model: Model) -> Component:
    """A file of the catalogue; it is fetched or bundled, and its digest is checked."""
    return Component(
        name=model.name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=model.file,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=model.sha256)],
        licenses=[LicenseFactory().make_from_string(model.licence)],
    )


def licences(name: str) -> Iterator[License]:
    """What a package declares: an SPDX expression where it has one, else its own words."""
    try:
        declared = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return
    expression = declared.get("License-Expression")
    classified = [
        found[1] for c in declared.get_all("Classifier") or [] if (found := _LICENCE.match(c))
    ]
    words = expression or (classified[0] if classified else declared.get("License") or "")
    first = words.strip().partition("\n")[0]
    if first:
        yield LicenseFactory().make_from_string(
            first, license_acknowledgement=LicenseAcknowledgement.DECLARED
        )


def needs(name: str) -> list[str]:
    """The packages that a package asks for, without its extras, in no order."""
    try:
        requirements = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    parsed = [Requirement(line) for line in requirements]
    return [canonicalize_name(r.name) for r in parsed if wanted(r, ())]


def npm_bom(text: str) -> dict[str, object]:
    """npm's own, with what would differ from build to build made the same."""
    bom: dict[str, object] = json.loads(text)
    del bom["serialNumber"]
    bom["metadata"]["timestamp"] = made().isoformat()
    bom["serialNumber"] = serial(json.dumps(bom, sort_keys=True)).urn
    return bom


def serial(listed: str) -> uuid.UUID:
    """A number that stands for what is listed."""
    return uuid.uuid5(uuid.NAMESPACE_URL, listed)


def made() -> datetime:
    """The time of the build, as everything else has it."""
    return datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)


def main() -> None:
    """See the module's docstring."""
    server, npm, out = (Path(name) for name in sys.argv[1:])
    text = JsonV1Dot6(python_bom(server)).output_as_string(indent=1)
    (out / "slmcode-python.cdx.json").write_text(text + "\n", encoding="utf-8")
    text = json.dumps(npm_bom(npm.read_text(encoding="utf-8")), indent=1, sort_keys=True)
    (out / "slmcode-npm.cdx.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
