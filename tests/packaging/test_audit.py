"""What `make lint` makes of advisories: it fails for what can be repaired, not for want of them."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    """.ci/audit.py, which is no package."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci/audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _found(fix_versions: list[str]) -> str:
    vulnerability = {
        "id": "PYSEC-1",
        "fix_versions": fix_versions,
        "aliases": [],
        "description": "",
    }
    packages = [
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [vulnerability]},
    ]
    return json.dumps({"dependencies": packages, "fixes": []})


def test_python_with_a_repair_fails(audit: ModuleType) -> None:
    lines, failed = audit.judge_python(1, _found(["3"]), "")
    assert failed
    assert lines == ["bad 2: PYSEC-1, repaired in 3: run make lock"]


def test_python_without_a_repair_is_named(audit: ModuleType) -> None:
    lines, failed = audit.judge_python(1, _found([]), "")
    assert not failed
    assert lines == ["bad 2: PYSEC-1, no repair yet"]


def test_python_clean_says_nothing(audit: ModuleType) -> None:
    out = json.dumps({"dependencies": [{"name": "good", "version": "1", "vulns": []}]})
    assert audit.judge_python(0, out, "") == ([], False)


def test_python_unknown_to_the_registry_is_left_out(audit: ModuleType) -> None:
    """pip-audit itself says "no known vulnerabilities" here."""
    out = json.dumps({"dependencies": [{"name": "a", "skip_reason": "not found on PyPI"}]})
    lines, failed = audit.judge_python(0, out, "No known vulnerabilities found")
    assert not failed
    assert "left out" in lines[0]


def test_python_half_known_is_still_judged(audit: ModuleType) -> None:
    packages = json.loads(_found(["3"]))["dependencies"]
    packages.append({"name": "a", "skip_reason": "not found on PyPI"})
    lines, failed = audit.judge_python(1, json.dumps({"dependencies": packages}), "")
    assert failed
    assert "1 of 3" in lines[0]


def test_pip_audit_without_a_network_is_left_out(audit: ModuleType, tmp_path: Path) -> None:
    """The real program, with a proxy that is not there."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("typer==0.20.0 --hash=sha256:" + "0" * 64 + "\n", encoding="utf-8")
    ended = _pip_audit(lock, tmp_path)
    lines, failed = audit.judge_python(ended.returncode, ended.stdout, ended.stderr)
    assert not failed, ended.stderr
    assert re.search("left out: no advisory service answers", lines[0])


def test_a_lock_file_that_cannot_be_read_fails(audit: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("this is no requirement\n", encoding="utf-8")
    ended = _pip_audit(lock, tmp_path)
    assert audit.judge_python(ended.returncode, ended.stdout, ended.stderr).failed, ended.stderr


def _pip_audit(lock: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    nowhere = "http://127.0.0.1:9"
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip"),
            *("--require-hashes", "--format", "json", "--progress-spinner", "off"),
            *("--timeout", "5", "--cache-dir", str(folder / "cache")),
        ],
        env={"PATH": "/usr/bin:/bin", "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere},
        capture_output=True,
        encoding="utf-8",
    )


def test_npm_with_a_repair_fails(audit: ModuleType) -> None:
    found = {"severity": "high", "range": "<2", "fixAvailable": {"name": "a", "version": "2"}}
    lines, failed = audit.judge_npm(json.dumps({"vulnerabilities": {"a": found}}))
    assert failed
    assert lines == ["a <2 (npm): high, repaired in a newer version: run npm audit fix"]


def test_npm_without_a_repair_is_named(audit: ModuleType) -> None:
    found = {"severity": "high", "range": "*", "fixAvailable": False}
    lines, failed = audit.judge_npm(json.dumps({"vulnerabilities": {"a": found}}))
    assert not failed
    assert lines == ["a * (npm): high, no repair yet"]


@pytest.mark.parametrize(
    "out",
    [
        json.dumps({"message": "405 Method Not Allowed - POST https://x", "statusCode": 405}),
        json.dumps({"error": {"code": "ENOAUDIT", "summary": "no audit here"}}),
        "",
    ],
)
def test_npm_without_a_service_is_left_out(audit: ModuleType, out: str) -> None:
    lines, failed = audit.judge_npm(out)
    assert not failed
    assert "left out" in lines[0]


def test_npm_without_a_lock_file_fails(audit: ModuleType) -> None:
    out = json.dumps({"error": {"code": "ENOLOCK", "summary": "This command requires a lockfile"}})
    assert audit.judge_npm(out).failed
