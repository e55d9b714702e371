"""Known vulnerabilities of what the lock files name: python .ci/audit.py

Asks pip-audit about requirements.lock and npm about the extension's package-lock.json. Exit code 1:
there is a vulnerability that a newer version repairs, or a lock file cannot be read. One without a
repair is named. Where no advisory service answers (a closed network, a mirror that has none) that
is said in a sentence and is no failure: a missing service says nothing about the packages.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
_GIVEN_UP_S = 180  # all requests together
# What pip-audit's stack or message says where it is the service that is at fault.
_SERVICE = (
    "requests.exceptions",
    "ServiceError",
    "urllib3",
    "vulnerability feed",
    "ConnectionError",
)


class Verdict(NamedTuple):
    """What there is to say of one lock file, and whether `make lint` fails for it."""

    lines: list[str]
    failed: bool = False


def left_out(what: str, why: str) -> Verdict:
    """Nothing was learnt."""
    return Verdict([f"{what} was left out: {why}"])


def judge_python(code: int, out: str, err: str) -> Verdict:
    """What pip-audit found: its exit code, its JSON and its messages."""
    try:
        packages: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, KeyError):
        last = (err.strip().splitlines() or ["no message"])[-1]
        if code != 2 and any(word in err for word in _SERVICE):
            return left_out("pip-audit", f"no advisory service answers ({last})")
        return Verdict([f"pip-audit failed: {last}"], failed=True)
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        return left_out("pip-audit", "the registry has no advisories for any package")
    lines, failed = [], False
    if skipped:
        lines.append(f"pip-audit: nothing is known of {len(skipped)} of {len(packages)} packages")
    for package in packages:
        for found in package.get("vulns", []):
            fixed = ", ".join(found["fix_versions"])
            repair = f"repaired in {fixed}: run make lock" if fixed else "no repair yet"
            lines.append(f"{package['name']} {package['version']}: {found['id']}, {repair}")
            failed = failed or bool(fixed)
    return Verdict(lines, failed)


def judge_npm(out: str) -> Verdict:
    """What `npm audit --json` found."""
    try:
        report = json.loads(out)
    except ValueError:
        return left_out("npm audit", "no answer")
    if "vulnerabilities" not in report:
        # A lock file that cannot be read is an error with a code; one of the service has a status.
        error = report.get("error") or {}
        if str(error.get("code", "")).startswith(("ENOLOCK", "EJSONPARSE", "EUSAGE")):
            return Verdict([f"npm audit failed: {error.get('summary')}"], failed=True)
        why = report.get("message") or error.get("summary") or "no reason given"
        return left_out("npm audit", f"no advisory service answers ({why.partition(' http')[0]})")
    lines, failed = [], False
    for name, found in sorted(report["vulnerabilities"].items()):
        fixable = bool(found["fixAvailable"])
        repair = "repaired in a newer version: run npm audit fix" if fixable else "no repair yet"
        lines.append(f"{name} {found['range']} (npm): {found['severity']}, {repair}")
        failed = failed or fixable
    return Verdict(lines, failed)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str] | None:
    """A program and what it printed; None if it took too long."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_GIVEN_UP_S,
        )
    except subprocess.TimeoutExpired:
        return None


def audits() -> Iterator[Verdict]:
    """Both, one after the other."""
    pip_audit = [sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock"]
    pip_audit += ["--disable-pip", "--require-hashes", "--format", "json"]
    pip_audit += ["--progress-spinner", "off", "--timeout", "10"]
    ended = run(pip_audit, ROOT)
    if ended is None:
        yield left_out("pip-audit", f"no answer within {_GIVEN_UP_S} s")
    else:
        yield judge_python(ended.returncode, ended.stdout, ended.stderr)
    node = ROOT / ".venv" / "editors" / "node" / "bin"
    os.environ["PATH"] = os.pathsep.join((str(node), os.environ.get("PATH", "")))
    ended = run(["npm", "audit", "--json", "--package-lock-only"], ROOT / "editors" / "vscode")
    if ended is None:
        yield left_out("npm audit", f"no answer within {_GIVEN_UP_S} s")
    else:
        yield judge_npm(ended.stdout)


def main() -> None:
    """See the module's docstring."""
    failed = False
    for verdict in audits():
        for line in verdict.lines:
            print(line)
        failed = failed or verdict.failed
    sys.exit(failed)


if __name__ == "__main__":
    main()
