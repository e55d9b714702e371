"""Imports lead to the files they mean: small trees for each language, and real repositories."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from slmcode.index.imports import Resolver
from slmcode.syntax.languages import language_of_path
from slmcode.syntax.parser import parse
from slmcode.syntax.symbols import Import, Outline, outline

REPOS = (
    Path(os.environ.get("SLMCODE_DATA", Path(__file__).parents[3] / "shared" / "data")) / "repos"
)


def resolved(tree: str, importing: str, module: str, *names: str, **contents: str) -> list[str]:
    """What an import in `importing` leads to, among the files named in `tree`."""
    texts = {name.replace("__", "/").replace("_", "."): text for name, text in contents.items()}
    resolver = Resolver([*tree.split(), importing, *texts], texts.get)
    pairs = [(name, name) for name in names]
    return list(resolver.resolve(language_of_path(importing), module, pairs, importing))


PYTHON = "src/app/__init__.py src/app/core.py src/app/sub/__init__.py src/app/sub/deep.py"


@pytest.mark.parametrize(
    ("importing", "module", "names", "files"),
    [
        ("src/app/main.py", "app.core", ["f"], ["src/app/core.py"]),
        ("src/app/main.py", "app", ["core"], ["src/app/core.py", "src/app/__init__.py"]),
        ("src/app/main.py", "app", ["VERSION"], ["src/app/__init__.py"]),
        ("tests/test_core.py", "app.sub.deep", [], ["src/app/sub/deep.py"]),
        ("src/app/main.py", ".core", ["f"], ["src/app/core.py"]),
        ("src/app/main.py", ".", ["core"], ["src/app/core.py", "src/app/__init__.py"]),
        ("src/app/sub/deep.py", "..core", ["f"], ["src/app/core.py"]),
        ("src/app/sub/__init__.py", ".deep", ["g"], ["src/app/sub/deep.py"]),
        ("src/app/sub/deep.py", "......core", ["f"], []),
        ("src/app/main.py", "core", ["f"], []),  # not without the package it is in
        ("src/app/main.py", "numpy", [], []),
        ("src/app/main.py", "app.missing", ["f"], []),
    ],
)
def test_python(importing: str, module: str, names: list[str], files: list[str]) -> None:
    assert resolved(PYTHON, importing, module, *names) == files


def test_python_beside_a_script_in_a_package_without_init_and_of_another_project() -> None:
    assert resolved("tools/helper.py", "tools/run.py", "helper") == ["tools/helper.py"]
    assert resolved("space/a/b.py", "x/y.py", "space.a", "b") == ["space/a/b.py"]
    two = "one/src/lib/__init__.py two/src/lib/__init__.py"
    assert resolved(two, "two/tests/t.py", "lib", "f") == ["two/src/lib/__init__.py"]
    assert resolved("a/stub.pyi", "a/b.py", "stub", "f") == ["a/stub.pyi"]


def test_python_standard_modules_are_not_taken_for_files_of_their_name() -> None:
    assert resolved("docs/json.py scripts/typing.py", "src/a.py", "json") == []
    assert resolved("json.py", "a/b.py", "json") == ["json.py"]
    assert resolved("a/json.py", "a/b.py", "json") == ["a/json.py"]
    assert resolved("a/json.py a/__init__.py", "a/b.py", "json") == []


@pytest.mark.parametrize(
    ("module", "files"),
    [
        ("./util", ["src/util.ts"]),
        ("./util.js", ["src/util.ts"]),
        ("./view.jsx", ["src/view.tsx"]),
        ("./parts", ["src/parts/index.tsx"]),
        ("../src/plain.js", ["src/plain.js"]),
        (".", ["src/index.ts"]),
        ("./types", ["src/types.d.ts"]),
        ("./missing", []),
        ("../../outside", []),
        ("react", []),
    ],
)
def test_scripts(module: str, files: list[str]) -> None:
    tree = (
        "src/util.ts src/view.tsx src/parts/index.tsx src/plain.js src/index.ts src/types.d.ts"
        " node_modules/react/package.json"
    )
    assert resolved(tree, "src/main.ts", module) == files


def test_scripts_by_tsconfig_and_by_the_name_of_a_package() -> None:
    tree = "web/src/a/b.ts web/src/c.ts packages/core/src/index.ts packages/core/src/deep.ts"
    config = """{ // comments and trailing commas are usual
      "compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["src/*"], "only": ["src/c.ts"],}},
    }"""
    contents = {
        "web__tsconfig_json": config,
        "packages__core__package_json": '{"name": "@x/core", "main": "dist/index.js"}',
    }
    for module, files in (
        ("@/a/b", ["web/src/a/b.ts"]),
        ("only", ["web/src/c.ts"]),
        ("src/c", ["web/src/c.ts"]),
        ("@x/core", ["packages/core/src/index.ts"]),
        ("@x/core/deep", ["packages/core/src/deep.ts"]),
        ("@x/other", []),
    ):
        assert resolved(tree, "web/src/main.ts", module, **contents) == files
    assert resolved(tree, "web/a.ts", "@/a/b", web__tsconfig_json="{ broken") == []


@pytest.mark.parametrize(
    ("importing", "module", "name", "files"),
    [
        ("a/Main.java", "org.x", "Stack", ["core/src/org/x/Stack.java"]),
        ("a/Main.java", "org.x.Stack", "Entry", ["core/src/org/x/Stack.java"]),
        ("a/Main.java", "org.x.Stack", "make", ["core/src/org/x/Stack.java"]),
        ("a/Main.java", "org.x", "*", ["core/src/org/x/Stack.java", "core/src/org/x/Util.kt"]),
        ("a/Main.java", "java.util", "List", []),
        ("a/Main.kt", "org.x", "Stack", ["core/src/org/x/Stack.java"]),
        ("a/Main.kt", "org.x", "twice", ["core/src/org/x/Stack.java", "core/src/org/x/Util.kt"]),
    ],
)
def test_jvm(importing: str, module: str, name: str, files: list[str]) -> None:
    tree = "core/src/org/x/Stack.java core/src/org/x/Util.kt other/List.java"
    assert resolved(tree, importing, module, name) == files


def test_go_by_go_mod() -> None:
    tree = "go/net/net.go go/net/a.go go/net/a_test.go go/main.go"
    module = {"go__go_mod": "// tools\nmodule example.org/x/v2\n\ngo 1.22\n"}
    for path, files in (
        ("example.org/x/v2/net", ["go/net/net.go", "go/net/a.go"]),
        ("example.org/x/v2", ["go/main.go"]),
        ("example.org/x/v23", []),
        ("fmt", []),
    ):
        assert resolved(tree, "go/net/b_test.go", path, **module) == files
    package = Resolver(["n/b.go", "n/a_test.go", "n/a.go", "n/x.md"], lambda _: None)
    assert package.package("n/b.go") == ("n/a.go", "n/a_test.go", "n/b.go")


@pytest.mark.parametrize(
    ("importing", "module", "name", "files"),
    [
        ("app/src/a.rs", "crate::b", "F", ["app/src/b.rs"]),
        ("app/src/a.rs", "crate", "b", ["app/src/b.rs", "app/src/lib.rs"]),
        ("app/src/a.rs", "crate", "Item", ["app/src/lib.rs"]),
        ("app/src/b/inner.rs", "super", "F", ["app/src/b.rs"]),
        ("app/src/c/mod.rs", "self::deep", "F", ["app/src/c/deep.rs"]),
        ("app/src/c/deep.rs", "super::super::b", "F", ["app/src/b.rs"]),
        ("app/src/b.rs", "crate::b::Enum", "Member", []),  # the file itself
        ("app/src/a.rs", "crate::b::Enum", "Member", ["app/src/b.rs"]),
        ("app/src/lib.rs", "b", "", ["app/src/b.rs"]),  # mod b;
        ("app/src/b.rs", "inner", "", ["app/src/b/inner.rs"]),
        ("app/src/a.rs", "my_lib::util", "F", ["lib/src/util.rs"]),
        ("app/tests/t.rs", "my_lib", "F", ["lib/src/lib.rs"]),
        ("app/src/a.rs", "std::io", "Read", []),
        ("app/src/a.rs", "serde", "", []),
    ],
)
def test_rust(importing: str, module: str, name: str, files: list[str]) -> None:
    tree = (
        "app/src/lib.rs app/src/a.rs app/src/b.rs app/src/b/inner.rs app/src/c/mod.rs"
        " app/src/c/deep.rs lib/src/lib.rs lib/src/util.rs"
    )
    cargo = '[package]\nversion = "1"\nname = "my-lib"\n'
    names = [name] if name else []
    assert resolved(tree, importing, module, *names, lib__Cargo_toml=cargo) == files


@pytest.mark.parametrize(
    ("importing", "module", "names", "files"),
    [
        ("src/a.c", "a.h", [], ["src/a.h"]),
        ("src/a.c", "net/a.h", [], ["include/net/a.h"]),
        ("src/a.c", "../include/net/a.h", [], ["include/net/a.h"]),
        ("other/a.cpp", "a.h", [], ["src/a.h"]),  # both fit: fewest folders
        ("src/a.c", "stdio.h", [], []),
        ("a.php", "App\\Net", ["Server"], ["src/Net/Server.php"]),
        ("a.php", "Other", ["Missing"], []),
        ("a.php", "/inc/x.php", [], ["inc/x.php"]),
        ("A.cs", "Company.App.Net", [], ["src/Net/Client.cs", "src/Net/Server.cs"]),
        ("A.cs", "System.Text", [], []),
        ("lib/a.rb", "../ext/b", [], ["ext/b.rb"]),
        ("a.rb", "tool/run", [], ["lib/tool/run.rb"]),
        ("a.rb", "json", [], []),
        ("a.lua", "net.http", [], ["lua/net/http.lua"]),
        ("a.lua", "net", [], ["lua/net/init.lua"]),
        ("bin/a.sh", "./common.sh", [], ["bin/common.sh"]),
        ("bin/a.sh", '"$(dirname "$0")/../etc/env.sh"', [], ["etc/env.sh"]),
        ("x/a.pl", "My::Tool", [], ["lib/My/Tool.pm"]),
    ],
)
def test_files_and_namespaces(
    importing: str, module: str, names: list[str], files: list[str]
) -> None:
    tree = (
        "src/a.h include/net/a.h src/Net/Server.php inc/x.php src/Net/Server.cs src/Net/Client.cs"
        " ext/b.rb lib/tool/run.rb vendor/x/json.rb lua/net/http.lua lua/net/init.lua"
        " bin/common.sh etc/env.sh lib/My/Tool.pm"
    )
    assert resolved(tree, importing, module, *names) == files


def test_other_names_of_a_language_resolve_alike() -> None:
    resolver = Resolver(["a.tsx", "b.sh"], lambda _: None)
    assert resolver.resolve("tsx", "./a", (), "c.tsx") == ("a.tsx",)
    assert resolver.resolve("bash", "./b.sh", (), "c.sh") == ("b.sh",)


def test_a_language_without_imports_and_an_empty_workspace_lead_nowhere() -> None:
    resolver = Resolver([], lambda _: None)
    assert resolver.resolve("python", "a.b", (("c", "c"),), "x.py") == ()
    assert resolver.resolve("python", "", (), "x.py") == ()
    assert resolver.resolve("yaml", "a", (), "x.yaml") == ()
    assert resolver.resolve("", "a", (), "x") == ()


# Real repositories.


class Workspace:
    """A folder with the outlines of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = (p for p in sorted(folder.rglob("*")) if p.is_file() and ".git" not in p.parts)
        self.files = [p.relative_to(folder).as_posix() for p in paths]
        self.resolver = Resolver(self.files, lambda p: self.text(p))

    def text(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8", errors="replace")

    def outline(self, path: str) -> Outline:
        text = self.text(path)
        return outline(parse(language_of_path(path), text), text)

    @cache  # noqa: B019 (a few workspaces, each for one test)
    def names(self, path: str) -> frozenset[str]:
        """What can be imported from a file: its names, those it imports, and the module itself."""
        found = self.outline(path)
        module = path.removesuffix("/__init__.py").rpartition("/")[2].partition(".")[0]
        imported = {here for i in found.imports for _, here in i.names}
        return frozenset({module, *(d.name for d in found.definitions), *imported})

    def imports(self, *endings: str) -> Iterator[tuple[str, Import, tuple[str, ...]]]:
        """(importing file, import, files it resolves to)"""
        for path in self.files:
            if path.endswith(endings):
                for i in self.outline(path).imports:
                    yield (
                        path,
                        i,
                        self.resolver.resolve(language_of_path(path), i.module, i.names, path),
                    )


def missed(found: list[tuple[str, Import, tuple[str, ...]]]) -> set[tuple[str, str]]:
    return {(path, i.module) for path, i, files in found if not files}


def test_python_imports_of_a_real_project_resolve_to_files_that_have_the_names() -> None:
    workspace = Workspace(REPOS / "a2aproject+a2a-python")
    own = re.compile(r"\.|(?:a2a|tests)(?:\.|$)")
    found = [f for f in workspace.imports(".py") if own.match(f[1].module)]
    assert len(found) > 900
    old_release = "tests/integration/cross_version/client_server/server_0_3.py"
    assert missed(found) == {  # of an older release; of a package that is not in the repository
        (old_release, "a2a.server.apps.jsonrpc.fastapi_app"),
        (old_release, "a2a.server.apps.rest.fastapi_app"),
        (old_release, "a2a.grpc"),
        ("tck/sut_agent_with_vertex_task_store.py", "a2a.contrib.tasks.vertex_task_store"),
    }
    without = set()  # names that are neither defined nor imported in the file found, nor it itself
    for importing, i, files in found:
        has = {name for path in files for name in workspace.names(path)}
        if not any("_pb2" in path for path in files) and "/cross_version/" not in importing:
            without |= {(importing, there) for there, _ in i.names if files and there not in has}
    assert without == set()


def test_relative_imports_of_a_real_typescript_project_resolve() -> None:
    workspace = Workspace(REPOS / "bombshell-dev+tab")
    found = [f for f in workspace.imports(".ts", ".js") if f[1].module.startswith(".")]
    assert len(found) > 70
    built = ("examples/demo-cli-cac/demo-cli-cac.js", "../../dist/cac.js")  # not in the repository
    assert missed(found) == {built}


def test_imports_of_a_real_go_module_resolve_to_the_package() -> None:
    workspace = Workspace(REPOS / "charmbracelet+fang")
    found = [f for f in workspace.imports(".go") if f[1].module.startswith("charm.land/fang")]
    assert {(path, files[0]) for path, _, files in found} == {
        ("fang_test.go", "fang.go"),
        ("example/main.go", "fang.go"),
    }


def test_includes_in_quotes_of_a_real_c_project_resolve() -> None:
    workspace = Workspace(REPOS / "tidwall+pogocache")
    found = [
        f
        for f in workspace.imports(".c", ".h")
        if '"' in workspace.text(f[0]).splitlines()[f[1].line]
    ]
    assert len(found) > 90
    assert {module for _, module in missed(found)} == {  # fetched or made when it is built
        "../deps/liburing/src/include/liburing.h",
        "../deps/mimalloc/include/mimalloc.h",
        "../deps/jemalloc/include/jemalloc/jemalloc.h",
        "gitinfo.h",
    }
