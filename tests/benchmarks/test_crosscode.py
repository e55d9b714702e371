"""The places of the context benchmark, what a hit is, the order of chunks, and intervals."""

from __future__ import annotations

import json
import math
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks import context, crosscode, report
from benchmarks.crosscode import Chunk, Task, by_overlap, compare, exact_match, interval
from slmcode.models import vocabulary
from slmcode.prompt.context import Chunk as Retrieved
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.text import TextRange
from tests.tiny_model import write_tiny_model, write_vocabulary_gguf


@pytest.mark.parametrize(
    ("completion", "truth", "hit"),
    [
        ("undo(m)\n    more", "undo(m)", True),
        ("  undo(m) ", "undo(m)", True),  # white space around a line aside
        ("undo( m)", "undo(m)", False),
        ("undo(m).x", "undo(m)", False),  # not only the beginning of a line
        ("A a,\n            B b)\n{", "A a,\n    B b)", True),
        ("A a,\n\n    B b)", "A a,\n    B b)", True),  # blank lines aside
        ("A a,", "A a,\n    B b)", False),
        ("\n  undo(m)", "undo(m)", True),
        ("", "undo(m)", False),
    ],
)
def test_exact_match(completion: str, truth: str, hit: bool) -> None:
    assert exact_match(completion, truth) is hit


@pytest.mark.parametrize(
    ("completion", "hit"), [("x = 1  \ny", True), ("x = 1", True), ("x = 12", False), ("", False)]
)
def test_a_line_hit_is_the_whole_rest_of_the_line(completion: str, hit: bool) -> None:
    assert crosscode.line_hit(completion, "x = 1") is hit


def test_the_truth_in_a_chunk() -> None:
    assert crosscode.stands_in("  result = total(rows)", "def f():\n    result = total(rows)\n")
    assert not crosscode.stands_in("result = total(rows)", "result = total(lines)")
    assert not crosscode.stands_in("return x", "return x")  # too short to tell anything


def write_crosscode(folder: Path) -> None:
    """Two tasks a language, each with one chunk that says something and an empty one."""
    for language in crosscode.LANGUAGES:
        (folder / language).mkdir(parents=True)
        rows = [
            {
                "metadata": {"task_id": f"{language}/{i}", "repository": "o-n-c1", "file": "a/b"},
                "prompt": "x.",
                "right_context": "\n",
                "groundtruth": "y",
                "crossfile_context": {
                    "list": [
                        {"filename": "c", "retrieved_chunk": "\n  one\n", "score": 1},
                        {"filename": "d", "retrieved_chunk": " \n", "score": 0.5},
                    ]
                },
            }
            for i in range(2)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / language / "inputs.jsonl").write_text(text, encoding="utf-8")


def test_crosscode_tasks_come_languages_in_turn(tmp_path: Path) -> None:
    write_crosscode(tmp_path)
    tasks = crosscode.crosscode(tmp_path)
    assert [t.task_id for t in tasks[3:6]] == ["csharp/0", "python/1", "java/1"]
    assert tasks[0] == Task(
        "python/0", "python", "o-n", "a/b", "x.", "\n", "y", (Chunk("c", "  one"),)
    )


def test_the_files_of_a_task() -> None:
    chunks = (Chunk("a", "1"), Chunk("b", "2"), Chunk("a", "3"), Chunk("f", "old"))
    task = Task("t", "python", "o/n", "f", "x.", "\n", "y", chunks)
    assert crosscode.files_of(task) == {"a": "1\n\n3", "b": "2", "f": "x.\n"}


AFTER = "import os\n\ndef f(a):\n    b = a + 1\n    }\n    return b\nend\n"


def row(**changes: Any) -> dict[str, Any]:
    spans = [{"start_line": 4, "n_lines": 3, "deleted_lines": 0}]
    about = {"repo": "o/n", "commit": "c" * 40, "path": "f.py", "lang": "python"}
    return {**about, "after": AFTER, "spans": spans, **changes}


def test_a_place_has_its_indentation_and_not_the_rest_of_its_span() -> None:
    first, second = crosscode.places_of(row(), row()["spans"][0])  # not the line of one bracket
    assert first.prefix == "import os\n\ndef f(a):\n    "
    assert (first.truth, first.suffix) == ("b = a + 1", "\nend\n")
    assert second.prefix == "import os\n\ndef f(a):\n    b = a + 1\n    }\n    "
    assert (second.truth, second.suffix) == ("return b", "\nend\n")
    assert first.task_id != second.task_id


@pytest.mark.parametrize("text", ["a = 1\nb = 2", "a = 1\nb = 2\n"])
def test_a_span_may_end_the_file(text: str) -> None:
    span = {"start_line": 2, "n_lines": 1}
    (place,) = crosscode.places_of(row(after=text), span)
    assert (place.prefix, place.truth) == ("a = 1\n", "b = 2")
    assert place.prefix + place.truth + place.suffix == text


def test_a_span_beyond_the_file_has_no_places() -> None:
    assert crosscode.places_of(row(), {"start_line": 7, "n_lines": 3}) == []


def test_replay_is_the_same_for_a_seed_and_repositories_take_turns() -> None:
    long = "".join(f"value_{i} = {i}\n" for i in range(40))
    spans = [{"start_line": 1, "n_lines": 40, "deleted_lines": 0}]
    rows = [
        row(repo=repo, path=f"{i}.py", after=long, spans=spans)
        for repo, n in (("a/large", 30), ("b/small", 6))
        for i in range(n)
    ]
    dev = crosscode.replay(rows, split="dev", n=16, seed=1)
    assert dev == crosscode.replay(rows, split="dev", n=16, seed=1)
    assert dev != crosscode.replay(rows, split="dev", n=16, seed=2)
    assert [t.repository for t in dev[:4]] == ["a/large", "b/small"] * 2
    all_dev = crosscode.replay(rows, split="dev", n=1000, seed=1)
    files = {(t.repository, t.path) for t in all_dev}
    assert len(all_dev) == crosscode.PER_SPAN * len(files)
    held_out = crosscode.replay(rows, split="held-out", n=1000, seed=1)
    assert files.isdisjoint((t.repository, t.path) for t in held_out)
    assert len(all_dev) + len(held_out) == crosscode.PER_SPAN * len(rows)


def test_words_are_names_and_their_parts() -> None:
    assert crosscode.words("HTTPServer.read_all2(x)") == {
        *("httpserver", "http", "server"),
        *("read_all2", "read", "all", "2"),
    }


def test_chunks_with_the_names_near_the_cursor_come_first() -> None:
    chunks = (
        Chunk("a", "for row in table:\n    print(row)"),
        Chunk("b", "def close_account(account):\n    account.closed = True"),
        Chunk("c", "table = []"),
    )
    far = "table = row\n" + "\n" * 30
    task = Task("t", "python", "o/n", "f.py", far + "closeAccount(", "\n", "x", chunks)
    assert by_overlap(task)[0].path == "b"
    assert [c.path for c in by_overlap(task._replace(prefix="x"))] == ["a", "b", "c"]
    assert by_overlap(task._replace(chunks=())) == []


def test_the_interval_of_independent_tasks_is_that_of_the_paired_difference() -> None:
    a = [True] * 38 + [False] * 62
    b = [True] * 34 + [False] * 4 + [True] * 16 + [False] * 46
    found = interval(a, b, range(100))
    error = 100 * math.sqrt((0.20 - 0.12**2) / 100)
    assert found.points == pytest.approx(12)
    assert (found.low, found.high) == pytest.approx((12 - 1.96 * error, 12 + 1.96 * error))


def test_tasks_of_one_file_count_as_one() -> None:
    a, b = [False] * 40, [True, False, False, False] * 10
    alone = interval(a, b, range(40))
    four = [x for x in a for _ in range(4)], [x for x in b for _ in range(4)]
    together = interval(*four, [i // 4 for i in range(160)])
    assert together == pytest.approx(alone)
    with pytest.raises(ValueError, match="no tasks"):
        interval([], [], [])


def test_compare_by_language() -> None:
    tasks = [
        Task(str(i), language, "o/n", str(i), "", "", "")
        for i, language in enumerate(["go", "c", "go", "c"])
    ]
    found = compare(tasks, {"none": [False, True, False, True], "all": [True, True, True, False]})
    assert found["all"]["hits"] == {"none": 0.5, "all": 0.75}
    assert found["go"]["differences"]["all"]["points"] == pytest.approx(100)
    assert found["c"]["differences"]["all"]["points"] == pytest.approx(-50)
    assert (found["c"]["n"], found["c"]["files"]) == (2, 2)


@pytest.fixture(scope="module")
def vocabulary_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vocabulary") / "tiny.gguf"
    write_vocabulary_gguf(path)
    return path


def prompts(path: Path, style: str = "separators", budget: int = 256) -> context.Prompts:
    return context.Prompts(vocabulary.read(path, "tiny"), budget=budget, style=style)


def text_of(path: Path, prompt: context.Prompt) -> str:
    """A prompt with its special tokens named."""
    table = vocabulary.read(path, "tiny")
    tokenizer = Tokenizer(table)
    special = set(table.special_ids)
    return "".join(
        (table.tokens[t] if t in special else tokenizer.decode([t])).decode()
        for t in prompt.prompt.tokens
    )


TASK = Task("t", "python", "o/n", "f.py", "import g\n\nx = g.tot", "\n", "total(1, 2, 3)")
TELLS = Retrieved("g.py", 3, 5, "def total(a, b, c):\n    return a + b + c", 1.0, "call")


def test_chunks_stand_before_the_prefix_or_as_comments_in_it(vocabulary_file: Path) -> None:
    found = prompts(vocabulary_file).make(TASK, [TELLS])
    assert text_of(vocabulary_file, found) == (
        "<|file_sep|>g.py\ndef total(a, b, c):\n    return a + b + c\n<|file_sep|>f.py\n"
        "<|fim_prefix|>import g\n\n<|fim_suffix|>\n<|fim_middle|>x = g"
    )
    assert found.prompt.heal == b".tot"
    commented = prompts(vocabulary_file, "comments").make(TASK, [TELLS])
    assert text_of(vocabulary_file, commented) == (
        "<|fim_prefix|># Compare this snippet from g.py:\n# def total(a, b, c):\n"
        "#     return a + b + c\nimport g\n\n<|fim_suffix|>\n<|fim_middle|>x = g"
    )
    none = prompts(vocabulary_file).make(TASK, [])
    assert (none.context_n, none.chunks) == (0, ())
    assert len({found.digest, commented.digest, none.digest}) == 3


def test_the_window_is_what_the_prompt_shows_of_the_file(vocabulary_file: Path) -> None:
    before = "".join(f"line {i}\n" for i in range(500))
    task = TASK._replace(prefix=f"{before}  x.", suffix="\n" + "end\n" * 500)
    found = prompts(vocabulary_file).make(task, [])
    text = task.prefix + task.suffix
    head, _, rest = text_of(vocabulary_file, found).partition("<|fim_suffix|>")
    suffix, _, typed = rest.partition("<|fim_middle|>")
    shown = head.removeprefix("<|fim_prefix|>") + typed + found.prompt.heal_text + suffix
    assert 0 < found.window.start < found.window.end < len(text)
    assert shown == text[slice(*found.window)]


def knows_what_it_reads(path: Path) -> context.Complete:
    """A model that is right where its prompt has the called function's definition."""

    def complete(task: Task, prompt: context.Prompt) -> str:
        return task.truth if "def total" in text_of(path, prompt) else "nothing"

    return complete


def test_crosscode_compares_the_orders_of_given_chunks(vocabulary_file: Path) -> None:
    other = Chunk("h.py", "\n".join(f"unrelated = {i}" for i in range(9)))
    tells = Chunk("g.py", TELLS.text)
    task = TASK._replace(prefix="x = g.total(", chunks=(other, tells))
    made = prompts(vocabulary_file, budget=60)  # there is room for one
    complete = knows_what_it_reads(vocabulary_file)
    workspace = ScriptedWorkspace()
    measured = context.measure_crosscode([task], made, complete, workspace)
    assert measured.hits == {
        **{"none": [False], "retrieved": [True]},
        **{"overlap": [True], "given": [False]},
    }
    assert workspace.shown == ["t"]
    assert measured.context_n["none"] == [0]
    assert 0 < measured.context_n["overlap"][0] <= 60


class ScriptedWorkspace:
    """Finds the definition as long as it may look for called functions."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.closed = False

    def show(self, task: Task) -> None:
        self.shown.append(task.task_id)

    def retrieve(self, task: Task, window: TextRange, sources: frozenset[str]) -> list[Retrieved]:
        assert "recent" not in sources
        return [TELLS] if "call" in sources else []

    def close(self) -> None:
        self.closed = True


def test_replay_switches_each_source_off(vocabulary_file: Path) -> None:
    tasks = [TASK, TASK._replace(task_id="u", repository="p/q"), TASK._replace(task_id="v")]
    opened: dict[str, ScriptedWorkspace] = {}

    def open_workspace(repository: str) -> ScriptedWorkspace:
        return opened.setdefault(repository, ScriptedWorkspace())

    measured = context.measure_replay(
        tasks, prompts(vocabulary_file), knows_what_it_reads(vocabulary_file), open_workspace
    )
    assert {r: w.shown for r, w in opened.items()} == {"o/n": ["t", "v"], "p/q": ["u"]}
    assert all(w.closed for w in opened.values())
    right = {variant for variant, hits in measured.hits.items() if all(hits)}
    assert set(measured.hits) - right == {"none", "without call"}
    assert {"all", "without name"} <= right
    hits = measured.figures()["places"]["all"]
    assert hits["differences"]["all"]["points"] == pytest.approx(100)
    names = measured.names()
    assert (names["chunks"], names["verbatim"]) == ({"call": 3}, 0)


def test_places_whose_truth_stands_in_a_chunk_are_counted_apart(vocabulary_file: Path) -> None:
    prompt = prompts(vocabulary_file).make(TASK, [TELLS])
    none = prompts(vocabulary_file).make(TASK, [])
    measured = context.Measured(crosscode.line_hit)
    for truth in ("return a + b + c", "something else"):
        measured.add(TASK._replace(truth=truth), {"none": (none, ""), "all": (prompt, truth)})
    figures = measured.figures()
    assert measured.names()["verbatim"] == 1
    assert (figures["places"]["all"]["n"], figures["fresh"]["n"]) == (2, 1)


def test_names_the_truth_needs_and_the_window_has_not(vocabulary_file: Path) -> None:
    none = prompts(vocabulary_file).make(TASK, [])
    tells = prompts(vocabulary_file).make(TASK, [TELLS])
    measured = context.Measured(crosscode.line_hit)
    for truth in ("total(rows)", 'total("rows")', "import tot"):  # the last needs nothing
        measured.add(TASK._replace(truth=truth), {"none": (none, ""), "all": (tells, "")})
    names = measured.names()
    assert (names["n"], names["needing_names"]) == (3, 2)
    assert names["some_names"] == {"none": 0, "all": 2}
    assert names["all_names"] == {"none": 0, "all": 1}


def test_a_run_ends_with_its_document_and_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "tiny.gguf"
    write_tiny_model(model)
    write_crosscode(tmp_path / "data" / "crosscodeeval-100")
    monkeypatch.setattr(report, "DATA", tmp_path / "data")
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "new" / "out.jsonl"
    arguments = ["--set", "crosscode", "--n", "3", "--model", str(model), "--out", str(out)]
    doc = context.main(arguments)
    assert "Exact matches, crosscode" in capsys.readouterr().out
    found = doc["result"]["sets"]["crosscode"]
    assert found["places"]["all"]["n"] == 3
    assert set(found["places"]) == {"all", "python", "java", "typescript"}
    assert doc["result"]["decode_unit_ms"] > 0
    kept = out.read_text(encoding="utf-8")
    again = context.main(arguments)
    assert out.read_text(encoding="utf-8") == kept
    assert again["result"]["decode_unit_ms"] is None  # nothing was generated
    assert again["result"]["sets"] == doc["result"]["sets"]
    one = context.main([*arguments, "--variants", "given"])
    assert set(one["result"]["sets"]["crosscode"]["places"]["all"]["hits"]) == {"none", "given"}
    with pytest.raises(SystemExit):
        context.main([*arguments, "--variants", "all"])  # a variant of the other set


def test_an_indexed_workspace_shows_one_task_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "other.py").write_text("def total_of_disk(rows):\n    pass\n")
    chunk = Chunk("g.py", "def total_of_rows(rows):\n    return sum(rows)")
    first = TASK._replace(prefix="from g import total_of_rows\n\ntotal_of_", chunks=(chunk,))
    second = first._replace(path="other.py", chunks=())  # as if it was not written yet
    with closing(
        context.IndexedWorkspace(tmp_path / "folder", tmp_path / "index.sqlite")
    ) as workspace:

        def paths(task: Task) -> set[str]:
            workspace.show(task)
            window = TextRange(len(task.prefix), len(task.prefix))
            return {c.path for c in workspace.retrieve(task, window, context.EVERYTHING)}

        assert {"g.py", "other.py"} <= paths(first)
        assert paths(second) <= {"other.py"}
        texts = workspace.retrieve(second, TextRange(0, 0), context.EVERYTHING)
        assert not any("disk" in c.text for c in texts)
        assert {"g.py", "other.py"} <= paths(first)
