"""Which file of the workspace an import means, from the spelling of the import and the file names.

Nothing is executed and no package manager is asked: an import resolves where the files of the
workspace alone make it plain, and is external or unknown otherwise. What is read besides names are
`go.mod`, `package.json`, `tsconfig.json` and `Cargo.toml`, each once and when first needed.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from slmcode.syntax.languages import Language, language

Names = Sequence[tuple[str, str]]
Read = Callable[[str], "str | None"]

_PACKAGE_FILES = 50  # of one package or namespace that are returned
_SCRIPT_ENDINGS = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mts", ".mjs", ".cts", ".cjs", ".json")
_WRITTEN_AS = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
_SOURCE_ROOTS = ("src", "lib", "python", "source", "lua", "app")


class Resolver:
    """Resolves imports against one state of a workspace. Any one thread; files are not re-read.

    `files` are relative paths with `/`, of all languages. `read` gives the text of one of them, or
    None. Building takes about two microseconds a file, resolving a few microseconds.
    """

    def __init__(self, files: Iterable[str], read: Read) -> None:
        self._read = read
        self._files: dict[str, None] = dict.fromkeys(files)
        self._by_name: dict[str, list[str]] = {}  # a file's name -> paths
        self._in_folder: dict[str, list[str]] = {}  # a folder -> files right in it
        self._roots: dict[str, list[tuple[str, bool]]] = {}  # kept answers of _roots_above
        for path in self._files:
            folder, _, name = path.rpartition("/")
            self._by_name.setdefault(name, []).append(path)
            self._in_folder.setdefault(folder, []).append(path)

    def resolve(
        self, language_id: str, module: str, names: Names, importing: str
    ) -> tuple[str, ...]:
        """Files that the import in the file `importing` means, the most likely one first.

        `module` and `names` are those of `syntax.symbols.Import`. Several files where the import
        brings in several modules or a package of many files; none where it is external or unknown.
        """
        row = language(language_id)
        if row is None:
            return ()
        how = _HOW.get(row.language_id)
        found = how(self, module, names, importing) if how else self._named(row, module)
        return tuple(dict.fromkeys(path for path in found if path != importing))

    def package(self, path: str) -> tuple[str, ...]:
        """All files in the folder of `path` with its extension: a Go or Java package. Sorted."""
        folder, _, name = path.rpartition("/")
        return self._folder_files(folder, (_extension(name),))

    # Python

    def _python(self, module: str, names: Names, importing: str) -> list[str]:
        folder = _folder(importing)
        dotted = module.lstrip(".")
        parts = dotted.split(".") if dotted else []
        dots = len(module) - len(dotted)
        if dots:
            base = _up(folder, dots - 1)
            return [] if base is None else self._python_in([_join(base, *parts)], names)
        if not parts:
            return []
        stem, known = parts[-1], False
        for name in (stem, *(there for there, _ in names)):
            known = known or f"{name}.py" in self._by_name or f"{name}.pyi" in self._by_name
        if not known and stem not in self._packages:
            return []
        return self._python_in(self._python_places(parts, names, folder), names)

    def _python_in(self, places: Iterable[str], names: Names) -> list[str]:
        """Modules named by `names` in a package, then the package itself, for the first place."""
        for place in places:
            found = [self._python_file(_join(place, there)) for there, _ in names]
            found.append(self._python_file(place))
            if not all(path is None for path in found):
                return [path for path in found if path is not None]
        return []

    def _python_file(self, place: str) -> str | None:
        for ending in (".py", "/__init__.py", ".pyi", "/__init__.pyi"):
            if place + ending in self._files:
                return place + ending
        return None

    def _python_places(self, parts: list[str], names: Names, folder: str) -> Iterator[str]:
        """Places at which an absolute import may be found, the likeliest first.

        First in the folders above the importing file and their source roots, then anywhere. What
        is above a place may be no package itself; and the name of a module of the standard library
        is looked for right beside the importing file and in source roots alone.
        """
        tail, top = "/".join(parts), parts[0]
        standard = top in sys.stdlib_module_names
        for root, for_standard in self._roots_above(folder):
            if standard and not for_standard:
                continue
            place = f"{root}/{top}" if root else top
            if place in self._all_folders or self._python_file(place) is not None:
                yield _join(root, tail)
        if standard:
            return
        ends = [_folder(path) for path in self._paths(f"{parts[-1]}.py")]
        ends += [_folder(path) for path in self._paths(f"{parts[-1]}.pyi")]
        places = [_join(end, parts[-1]) for end in ends]
        places += self._packages.get(parts[-1], [])
        for there, _ in names[:1]:  # of a package without __init__.py
            places += [_folder(path) for path in self._paths(f"{there}.py")]
        roots = {
            place[: -len(tail)].rstrip("/")
            for place in places
            if place == tail or place.endswith("/" + tail)
        }
        for root in sorted(roots, key=lambda root: (-_shared(folder, root), len(root), root)):
            if not self._is_package(root):
                yield _join(root, tail)

    def _roots_above(self, folder: str) -> list[tuple[str, bool]]:
        """Roots of imports at and above a folder, and whether they may hide standard modules."""
        roots = self._roots.get(folder)
        if roots is None:
            roots = self._roots[folder] = []
            at: str | None = folder
            while at is not None:
                if not self._is_package(at):
                    roots.append((at, at in ("", folder)))
                below = (_join(at, name) for name in _SOURCE_ROOTS)
                roots += [
                    (root, True)
                    for root in below
                    if root in self._all_folders and not self._is_package(root)
                ]
                at = _up(at, 1)
        return roots

    def _is_package(self, folder: str) -> bool:
        return _join(folder, "__init__.py") in self._files

    @cached_property
    def _packages(self) -> dict[str, list[str]]:
        """Folders with an `__init__.py` or `__init__.pyi` by their last name."""
        found: dict[str, list[str]] = {}
        for path in (*self._paths("__init__.py"), *self._paths("__init__.pyi")):
            folder = _folder(path)
            found.setdefault(folder.rpartition("/")[2], []).append(folder)
        return found

    # JavaScript and TypeScript

    def _script(self, module: str, names: Names, importing: str) -> list[str]:
        folder = _folder(importing)
        module = module.partition("?")[0]
        if module.startswith("."):
            place = _normal(_join(folder, module))
            found = None if place is None else self._script_file(place)
            return [found] if found else []
        for place in self._script_places(module, folder):
            found = self._script_file(place)
            if found:
                return [found]
        return []

    def _script_file(self, place: str) -> str | None:
        stem, dot, ending = place.rpartition(".")
        candidates = [stem + e for e in _WRITTEN_AS.get(dot + ending, ())]
        candidates.append(place)
        candidates += [place + e for e in _SCRIPT_ENDINGS]
        candidates += [_join(place, "index" + e) for e in _SCRIPT_ENDINGS]
        return next((path for path in candidates if path in self._files), None)

    def _script_places(self, module: str, folder: str) -> Iterable[str]:
        """Places of an import that is not relative: by tsconfig.json, by the name of a package."""
        for base, paths in self._tsconfigs:
            if not _inside(folder, base):
                continue
            for pattern, targets in paths:
                head, star, tail = pattern.partition("*")
                if module.startswith(head) and module.endswith(tail) and (star or module == head):
                    middle = module[len(head) : len(module) - len(tail)] if star else ""
                    for target in targets:
                        yield target.replace("*", middle)
        scope = 2 if module.startswith("@") else 1
        parts = module.split("/")
        package = self._script_packages.get("/".join(parts[:scope]))
        if package is not None:
            root, entries = package
            rest = "/".join(parts[scope:])
            if rest:
                yield _join(root, rest)
                yield _join(root, "src", rest)
            else:
                yield from entries
                yield from (_join(root, "src"), root)

    @cached_property
    def _tsconfigs(self) -> list[tuple[str, list[tuple[str, list[str]]]]]:
        """(folder, [(pattern, places)]) of each tsconfig.json with paths, innermost first."""
        found = []
        for path in (*self._paths("tsconfig.json"), *self._paths("jsconfig.json")):
            options = _table(_table(self._json(path)).get("compilerOptions"))
            folder = _folder(path)
            base_url = options.get("baseUrl")
            base = _normal(_join(folder, base_url)) if isinstance(base_url, str) else folder
            if base is None:
                continue
            paths = []
            for pattern, targets in _table(options.get("paths")).items():
                places = [
                    place
                    for target in (targets if isinstance(targets, list) else ())
                    if isinstance(target, str)
                    and (place := _normal(_join(base, target))) is not None
                ]
                paths.append((pattern, places))
            if isinstance(base_url, str):
                paths.append(("*", [_join(base, "*")]))
            if paths:
                found.append((folder, paths))
        return sorted(found, key=lambda config: -len(config[0]))

    @cached_property
    def _script_packages(self) -> dict[str, tuple[str, list[str]]]:
        """(folder, entry files) of each package of the workspace by its name."""
        found: dict[str, tuple[str, list[str]]] = {}
        for path in self._paths("package.json"):
            if "node_modules/" in path:
                continue
            content = _table(self._json(path))
            name, folder = content.get("name"), _folder(path)
            if isinstance(name, str) and name not in found:
                entries = [content.get(key) for key in ("source", "types", "module", "main")]
                places = [_normal(_join(folder, e)) for e in entries if isinstance(e, str)]
                found[name] = folder, [place for place in places if place]
        return found

    def _json(self, path: str) -> object:
        """A JSON file, also one with comments and trailing commas; None if it is not readable."""
        text = self._read(path) or ""
        try:
            return json.loads(text)
        except ValueError:
            text = _JSON_COMMENT.sub(lambda m: m[1] or "", text)
        try:
            return json.loads(_JSON_COMMA.sub(r"\1", text))
        except ValueError:
            return None

    # Java and Kotlin

    def _jvm(self, module: str, names: Names, importing: str) -> list[str]:
        parts = module.split(".")
        found: list[str] = []
        for there, _ in names or (("", ""),):
            # A class of a package; or a member of a class, or of a class in a class.
            path = [*parts, there] if there not in ("", "*") else parts
            while path and path[-1][:1].isupper() and path[-2:-1] and path[-2][:1].isupper():
                path = path[:-1]
            if there and there[:1].islower() and parts[-1][:1].isupper():
                path = parts
            for ending in (".java", ".kt"):
                found += self._nearest("/".join(path) + ending, importing, exact=True)[:1]
            if not found and (there == "*" or not there[:1].isupper() or importing[-3:] == ".kt"):
                found += self._folder_like(parts, (".java", ".kt"), importing)
        return found

    # Go

    def _go(self, module: str, names: Names, importing: str) -> list[str]:
        for name, folder in self._go_modules:
            if module == name or module.startswith(name + "/"):
                place = _join(folder, module[len(name) :].strip("/"))
                files = [f for f in self._folder_files(place, (".go",)) if not _is_test(f)]
                package = _MAJOR_VERSION.sub("", module).rpartition("/")[2]
                own = _join(place, f"{package}.go")
                return sorted(files, key=lambda path: path != own)
        return []

    @cached_property
    def _go_modules(self) -> list[tuple[str, str]]:
        """(module path, folder) of each go.mod, the longest module path first."""
        found = []
        for path in self._paths("go.mod"):
            name = _GO_MODULE.search(self._read(path) or "")
            if name is not None:
                found.append((name[1].strip('"'), _folder(path)))
        return sorted(found, key=lambda module: -len(module[0]))

    # Rust

    def _rust(self, module: str, names: Names, importing: str) -> list[str]:
        parts = module.split("::")
        folder, _, name = importing.rpartition("/")
        stem = name.removesuffix(".rs")
        own = folder if stem in ("mod", "lib", "main") else _join(folder, stem)
        places: list[str | None]
        if parts[0] == "crate":
            places, parts = [self._crate_root(folder)], parts[1:]
        elif parts[0] in ("self", "super"):
            base: str | None = own
            while parts and parts[0] in ("self", "super"):
                base = _up(base, 1) if parts[0] == "super" and base is not None else base
                parts = parts[1:]
            places = [base]
        else:
            crate = self._crates.get(parts[0])
            if crate is not None:
                return self._rust_in([crate], parts[1:], names)
            places = [own, folder]
            if not any(self._rust_file(_join(place, parts[0])) for place in places if place):
                places = [self._crate_root(folder)]
                if places[0] is None or not self._rust_file(_join(places[0], parts[0])):
                    return []
        return self._rust_in(places, parts, names)

    def _rust_in(self, places: Sequence[str | None], parts: list[str], names: Names) -> list[str]:
        """The file of the longest part of a path that is a module, those of named modules first."""
        for place in places:
            if place is None:
                continue
            at, file = place, None
            for part in parts:
                inner = self._rust_file(_join(at, part))
                if inner is None:
                    break
                at, file = _join(at, part), inner
            else:
                found = [self._rust_file(_join(at, there)) for there, _ in names]
                found.append(file or self._rust_module_file(place))
                if any(found):
                    return [path for path in found if path]
                continue
            file = file or self._rust_module_file(place)
            if file is not None:
                return [file]
        return []

    def _rust_file(self, place: str) -> str | None:
        for ending in (".rs", "/mod.rs"):
            if place + ending in self._files:
                return place + ending
        return None

    def _rust_module_file(self, folder: str) -> str | None:
        """The file whose modules lie in `folder`."""
        for name in ("lib.rs", "main.rs", "mod.rs"):
            if _join(folder, name) in self._files:
                return _join(folder, name)
        return folder + ".rs" if folder + ".rs" in self._files else None

    def _crate_root(self, folder: str) -> str | None:
        """The folder of the crate's lib.rs or main.rs, at or above `folder`."""
        at: str | None = folder
        while at is not None:
            for root in (at, _join(at, "src")):
                if _join(root, "lib.rs") in self._files or _join(root, "main.rs") in self._files:
                    return root
            at = _up(at, 1)
        return None

    @cached_property
    def _crates(self) -> dict[str, str]:
        """The source folder of each crate of the workspace by the name it is used by."""
        found: dict[str, str] = {}
        for path in self._paths("Cargo.toml"):
            name = _CRATE_NAME.search(self._read(path) or "")
            if name is not None:
                found[name[1].replace("-", "_")] = _join(_folder(path), "src")
        return found

    # C, C++ and what else names files

    def _include(self, module: str, names: Names, importing: str) -> list[str]:
        place = _normal(_join(_folder(importing), module))
        if place is not None and place in self._files:
            return [place]
        return self._nearest(module.replace("\\", "/"), importing, exact=True)[:1]

    def _ruby(self, module: str, names: Names, importing: str) -> list[str]:
        name = module if module.endswith(".rb") else module + ".rb"
        place = _normal(_join(_folder(importing), name))
        if place is not None and place in self._files:
            return [place]
        if name.startswith("."):
            return []
        found = self._nearest(name, importing, exact=True)
        roots = [path for path in found if _root(path, name) in _RUBY_ROOTS]
        return (roots or (found if "/" in name else []))[:1]

    def _lua(self, module: str, names: Names, importing: str) -> list[str]:
        path = module.replace(".", "/")
        for ending in (".lua", "/init.lua"):
            found = self._nearest(path + ending, importing, exact=True)
            if found:
                return found[:1]
        return []

    def _shell(self, module: str, names: Names, importing: str) -> list[str]:
        place = _normal(_join(_folder(importing), module))
        if place is not None and place in self._files:
            return [place]
        known = _SHELL_VARIABLE.sub("", module).strip("\"'/ ")
        return self._include(known, names, importing) if known else []

    def _php(self, module: str, names: Names, importing: str) -> list[str]:
        if "\\" not in module and module.endswith((".php", ".inc")):
            return self._include(module.lstrip("/"), names, importing)
        parts = module.split("\\")
        found: list[str] = []
        for there, _ in names:
            found += self._nearest("/".join([*parts, there]) + ".php", importing)[:1]
        return found

    def _csharp(self, module: str, names: Names, importing: str) -> list[str]:
        parts = module.split(".")
        folder = self._folder_like(parts, (".cs",), importing)
        return list(folder) or self._nearest("/".join(parts) + ".cs", importing)[:1]

    def _named(self, row: Language, module: str) -> list[str]:
        """A file named as the module, in languages that are not known better: if it is the one."""
        parts = [part for part in re.split(r"::|[./\\]", module) if part]
        if not parts:
            return []
        found = []
        for stem in dict.fromkeys((parts[-1], parts[-1].lower(), parts[-1].upper())):
            for ending in row.extensions:
                found += self._nearest("/".join([*parts[:-1], stem]) + ending, "")
        return found if len(found) == 1 else []

    # What they share

    def _paths(self, name: str) -> list[str]:
        """All files of a name."""
        return self._by_name.get(name, [])

    def _folder_files(self, folder: str, endings: tuple[str, ...]) -> tuple[str, ...]:
        files = self._in_folder.get(folder, ())
        return tuple(sorted(path for path in files if path.endswith(endings))[:_PACKAGE_FILES])

    def _nearest(self, path: str, importing: str, exact: bool = False) -> list[str]:
        """Files whose path ends with `path`, those nearest to the importing file first.

        Not `exact`: where none does, those of its name with the most folders in common at the end,
        if that is one file.
        """
        parts = path.split("/")
        same = self._paths(parts[-1])
        if not same:
            return []
        whole = [p for p in same if p == path or p.endswith("/" + path)]
        if whole:
            return sorted(whole, key=lambda p: (-_shared(p, importing), p.count("/"), p))
        if exact:
            return []
        depth = {p: _tail_shared(p.split("/"), parts) for p in same}
        best = max(depth.values())
        found = [p for p in same if depth[p] == best]
        return found if len(found) == 1 else []

    def _folder_like(
        self, parts: list[str], endings: tuple[str, ...], importing: str
    ) -> tuple[str, ...]:
        """Files of the folder that ends with all of `parts`, or with the last one if one does."""
        folders = [f for f in self._folders.get(parts[-1], ()) if self._folder_files(f, endings)]
        tail = "/".join(parts)
        whole = [f for f in folders if f == tail or f.endswith("/" + tail)]
        if not whole and len(folders) > 1:
            depth = {f: _tail_shared(f.split("/"), parts) for f in folders}
            best = max(depth.values())
            folders = [f for f in folders if depth[f] == best]
        if not whole and len(folders) != 1:
            return ()
        nearest = max(whole or folders, key=lambda f: (_shared(f, importing), -f.count("/"), f))
        return self._folder_files(nearest, endings)

    @cached_property
    def _all_folders(self) -> set[str]:
        """Folders that hold files or folders."""
        found: set[str] = set()
        for folder in self._in_folder:
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return found

    @cached_property
    def _folders(self) -> dict[str, list[str]]:
        """Folders that hold files by their last name."""
        found: dict[str, list[str]] = {}
        for folder in self._in_folder:
            found.setdefault(folder.rpartition("/")[2], []).append(folder)
        return found


_HOW: dict[str, Callable[[Resolver, str, Names, str], Iterable[str]]] = {
    "python": Resolver._python,
    "typescript": Resolver._script,
    "typescriptreact": Resolver._script,
    "javascript": Resolver._script,
    "javascriptreact": Resolver._script,
    "java": Resolver._jvm,
    "kotlin": Resolver._jvm,
    "go": Resolver._go,
    "rust": Resolver._rust,
    "c": Resolver._include,
    "cpp": Resolver._include,
    "csharp": Resolver._csharp,
    "php": Resolver._php,
    "ruby": Resolver._ruby,
    "lua": Resolver._lua,
    "shellscript": Resolver._shell,
}
_RUBY_ROOTS = ("", "lib", "app", "spec", "test", "src")
_JSON_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_JSON_COMMA = re.compile(r",(\s*[}\]])")
_MAJOR_VERSION = re.compile(r"/v\d+$")
_GO_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_CRATE_NAME = re.compile(r'^\[package\][^\[]*?^name\s*=\s*"([^"]+)"', re.MULTILINE | re.DOTALL)
_SHELL_VARIABLE = re.compile(r"""^.*[$`)}"'][^/]*/""")  # up to the part of a path that is known


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _extension(name: str) -> str:
    return "." + name.rpartition(".")[2]


def _up(folder: str, levels: int) -> str | None:
    """The folder so many levels above; None above the workspace."""
    parts = folder.split("/") if folder else []
    return "/".join(parts[: len(parts) - levels]) if levels <= len(parts) else None


def _normal(path: str) -> str | None:
    """A path without `.` and `..`; None where it leaves the workspace."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _inside(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(folder + "/")


def _shared(a: str, b: str) -> int:
    """How many folders two paths have in common at their beginning."""
    count = 0
    for left, right in zip(a.split("/"), b.split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count


def _tail_shared(a: list[str], b: list[str]) -> int:
    """How many names two paths have in common at their end."""
    count = 0
    for left, right in zip(reversed(a), reversed(b), strict=False):
        if left != right:
            break
        count += 1
    return count


def _root(path: str, tail: str) -> str:
    """The last folder of what stands before `tail` in a path that ends with it."""
    return path[: -len(tail)].rstrip("/").rpartition("/")[2]


def _is_test(path: str) -> bool:
    return path.endswith("_test.go")
