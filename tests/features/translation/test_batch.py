"""The folder of a job: what a kill leaves, what is never overwritten, the order of programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from slmcode.features.translation import Translated, Verdict, batch
from slmcode.features.translation.batch import Job, JobError, Options
from slmcode.features.translation.finding import Source, ordered, surroundings

OPTIONS = Options(form="faithful", prove=False)


def source(folder: Path, name: str, text: str = "") -> Source:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Source(path=path, language="cobol", text=text)


def translated(name: str, **fields: Any) -> Translated:
    found = Translated(
        language_id="python",
        text=f"print({name!r})\n",
        verdict=Verdict.PROVED,
        reason="alike on 3 inputs",
        name=f"{name}.cob",
        stem=name,
        extension=".py",
    )
    return msgspec.structs.replace(found, **fields)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_line_that_was_cut_off_costs_its_program_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    sources = [source(tmp_path, f"{name}.cob", name) for name in "ab"]
    with Job(out, sources) as job:
        for each in sources:
            job.finish(each, OPTIONS, translated(each.stem))
    state = out / batch.STATE
    data = state.read_bytes()
    state.write_bytes(data[:-20])
    with Job(out, sources) as job:
        assert job.finished(sources[0], OPTIONS) is not None
        assert job.finished(sources[1], OPTIONS) is None
        job.check(OPTIONS, ".py")  # its files were announced before they were written
        job.finish(sources[1], OPTIONS, translated("b"))
    with Job(out, sources) as job:
        assert job.finished(sources[1], OPTIONS) is not None


@pytest.mark.parametrize("n_lines", range(5))
def test_a_kill_at_any_line_of_the_state_can_be_resumed(tmp_path: Path, n_lines: int) -> None:
    out = tmp_path / "out"
    sources = [source(tmp_path, f"{name}.cob", name) for name in "ab"]
    with Job(out, sources) as job:
        for each in sources:
            job.finish(each, OPTIONS, translated(each.stem))
    state = out / batch.STATE
    lines = state.read_bytes().splitlines(keepends=True)
    assert len(lines) == 4
    state.write_bytes(b"".join(lines[:n_lines]))
    begun = {name for line in lines[:n_lines:2] for name in msgspec.json.decode(line)["begun"]}
    for name in names(out):  # what the state does not speak of was not written yet
        if name not in begun:
            (out / name).unlink()
    with Job(out, sources) as job:
        job.check(OPTIONS, ".py")
        for each in sources:
            if job.finished(each, OPTIONS) is None:
                job.finish(each, OPTIONS, translated(each.stem))
    assert len(names(out)) == 6


def test_a_copybook_that_changed_makes_its_programs_new(tmp_path: Path) -> None:
    folder = tmp_path / "copybooks"
    copybook = source(folder, "fields.cpy", "01 A.")
    other = source(folder, "other.cpy", "01 B.")
    program = source(tmp_path, "a.cob", "COPY FIELDS.")
    how = Options(copybooks=(folder,))
    assert set(surroundings(program, [folder])) == {copybook.path}
    before = how.digest(program)
    other.path.write_text("01 C.")
    assert how.digest(program) == before
    copybook.path.write_text("01 A. COPY OTHER.")
    assert how.digest(program) != before
    assert set(surroundings(program, [folder])) == {copybook.path, other.path}


def test_a_result_whose_name_is_taken_overwrites_nothing(tmp_path: Path) -> None:
    program = source(tmp_path, "a.cob")
    out = tmp_path / "out"
    out.mkdir()
    (out / "Main.py").write_text("mine\n")
    with Job(out, [program]) as job:
        job.check(OPTIONS, ".py")
        with pytest.raises(JobError, match=r"Main\.py exists"):
            job.finish(program, OPTIONS, translated("a", stem="Main"))
    assert (out / "Main.py").read_text() == "mine\n"


def test_programs_that_call_each_other_in_a_ring(tmp_path: Path) -> None:
    rows = [
        source(tmp_path, "a.cob", 'CALL "B"'),
        source(tmp_path, "b.cob", 'CALL "A" CALL "C"'),
        source(tmp_path, "c.cob", "PROGRAM-ID. OTHER. CALL 'D'"),
        source(tmp_path, "d.cob", ""),
        source(tmp_path, "e.cob", "CALL 'other'"),
    ]
    assert [each.path.stem for each in ordered(rows)] == ["d", "c", "b", "a", "e"]


def test_a_long_chain_of_calls(tmp_path: Path) -> None:
    n = 3000
    rows = [
        Source(path=Path(f"/p{i:04}.cob"), language="cobol", text=f'CALL "P{i + 1:04}"')
        for i in range(n)
    ]
    assert [each.path.stem for each in ordered(rows)] == [f"p{i:04}" for i in reversed(range(n))]
