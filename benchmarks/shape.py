"""The shape of the code: sizes of files and functions, parameters, comments, and what should not be there at all.

    python benchmarks/shape.py [--root CHECKOUT]

Lines include blanks and comments; a function counts from `def` to its last line, with the functions inside of it.
`tests/test_shape.py` holds the limits.
"""

import argparse
import ast
import io
import re
import statistics
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGES = ("harness", "tasks", "reports", "dashboard")
ROOMS = ("harness/engine", "harness/store", "harness/metrics", "harness/kinds", "harness/cli", "dashboard", "tasks")
NESTING = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.AsyncFor, ast.AsyncWith)
SQL = re.compile(r"\b(SELECT\b.+\bFROM|INSERT\b.+\bINTO|UPDATE\b.+\bSET|DELETE FROM|CREATE TABLE|PRAGMA)\b", re.DOTALL)

Def = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """One function or method; ``parameters`` without self and cls."""

    where: str
    lines: int
    nesting: int
    parameters: int
    typed: bool
    loose: bool
    public: bool
    documented: bool


@dataclass(frozen=True)
class Module:
    """One file of Python."""

    path: Path
    name: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.source)

    @property
    def lines(self) -> int:
        """Lines of the file, blanks and comments included."""
        return self.source.count("\n")

    @property
    def classes(self) -> list[str]:
        """Names of the classes at the top of the module."""
        return [node.name for node in self.tree.body if isinstance(node, ast.ClassDef)]

    @cached_property
    def functions(self) -> list[Function]:
        """Every function, methods and inner ones included."""
        return [self._function(node) for node in ast.walk(self.tree) if isinstance(node, Def)]

    def _function(self, node: Def) -> Function:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        extra = [one for one in (node.args.vararg, node.args.kwarg) if one]
        own = [one for one in arguments if one.arg not in ("self", "cls")] + extra
        notes = [ast.unparse(one.annotation) for one in own if one.annotation]
        if node.returns:
            notes.append(ast.unparse(node.returns))
        return Function(
            where=f"{self.name}.{node.name}",
            lines=(node.end_lineno or node.lineno) - node.lineno + 1,
            nesting=deepest(node.body),
            parameters=len(own),
            typed=all(one.annotation for one in own) and node.returns is not None,
            loose=any(re.search(r"\bAny\b", note) for note in notes),
            public=not node.name.startswith("_") and node in self._public,
            documented=ast.get_docstring(node) is not None,
        )

    @cached_property
    def _public(self) -> set[ast.AST]:
        bodies = [self.tree.body]
        bodies += [node.body for node in self.tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
        return {node for body in bodies for node in body}

    @cached_property
    def comments(self) -> int:
        """Comments inside of functions and classes, without instructions to tools."""
        tokens = tokenize.generate_tokens(io.StringIO(self.source).readline)
        return sum(
            token.type == tokenize.COMMENT
            and (token.start[1] > 0 or not token.line.startswith("#"))
            and not re.match(r"# (fmt|type|noqa)", token.string)
            for token in tokens
        )

    def imports(self, names: set[str]) -> Iterator[tuple[str, bool]]:
        """Modules among ``names`` that are imported, and whether inside of a function."""
        inner = {child for node in ast.walk(self.tree) if isinstance(node, Def) for child in ast.walk(node)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                wanted = [f"{node.module}.{alias.name}" for alias in node.names]
                wanted = [name if name in names else node.module for name in wanted]
            else:
                continue
            yield from ((name, node in inner) for name in wanted if name in names and name != self.name)


def deepest(body: Sequence[ast.stmt], depth: int = 0) -> int:
    """How deep blocks stand inside of each other; an `elif` is no deeper than its `if`."""
    levels = [depth]
    for node in body:
        inner = depth + isinstance(node, NESTING)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, [])
            chained = field == "orelse" and len(block) == 1 and isinstance(block[0], ast.If)
            if isinstance(node, NESTING) and block:
                levels.append(deepest(block, depth if chained else inner))
        for part in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
            levels.append(deepest(part.body, inner))
    return max(levels)


def read(root: Path, folders: Sequence[str] = PACKAGES) -> list[Module]:
    """The modules of some folders, by the names that they are imported by."""
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            if folder != "harness" and not folder.startswith("harness/"):
                name = f"harness_{name}"
            found.append(Module(path, name, path.read_text(encoding="utf-8")))
    return found


def cycles(modules: Sequence[Module]) -> list[set[str]]:
    """Groups of modules that import each other, imports inside of functions included; those for types alone are not."""
    names = {module.name for module in modules}
    edges = {m.name: {name for name, _ in Module(m.path, m.name, without_typing(m)).imports(names)} for m in modules}
    reach = {name: reached(name, edges) for name in names}
    groups = {frozenset({other for other in reach[name] if name in reach[other]}) for name in names}
    return [set(group) for group in groups if len(group) > 1]


def without_typing(module: Module) -> str:
    """The module's code without `if TYPE_CHECKING:` blocks."""
    tree = ast.parse(module.source)
    tree.body = [n for n in tree.body if not (isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")]
    return ast.unparse(tree)


def reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    """Every module that can be reached from ``start``, itself included where a way leads back."""
    seen: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += edges[name]
    return seen


def sql(source: str) -> list[str]:
    """Texts of a source that are statements of SQL."""
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [text for text in texts if isinstance(text, str) and SQL.search(text)]


def speaks_sql(module: Module) -> bool:
    """Whether a module imports SQLAlchemy or holds a statement of SQL."""
    imported = re.search(r"^\s*(from|import) sqlalchemy\b", module.source, re.MULTILINE)
    return imported is not None or bool(sql(module.source))


def twice(modules: Sequence[Module]) -> dict[str, list[str]]:
    """Class names that stand at the top of more than one module."""
    homes: dict[str, list[str]] = {}
    for module in modules:
        for name in module.classes:
            homes.setdefault(name, []).append(module.name)
    return {name: places for name, places in sorted(homes.items()) if len(places) > 1}


def spread(numbers: Sequence[int]) -> str:
    """Median / 90th percentile / largest."""
    ordered = sorted(numbers)
    return f"{statistics.median(ordered):.0f} / {ordered[int(0.9 * (len(ordered) - 1))]} / {ordered[-1]}"


def row(name: str, modules: Sequence[Module]) -> str:
    """One line of the table of sizes."""
    functions = [f for module in modules for f in module.functions]
    public = [f for f in functions if f.public]
    lines = sum(module.lines for module in modules)
    return (
        f"| {name} | {len(modules)} | {lines:,} | {spread([m.lines for m in modules])} | "
        f"{sum(m.lines > 400 for m in modules)} | {spread([f.lines for f in functions])} | "
        f"{sum(f.lines > 40 for f in functions)} ({100 * sum(f.lines > 60 for f in functions) / len(functions):.1f}) | "
        f"{max(f.nesting for f in functions)} ({sum(f.nesting > 3 for f in functions)}) | "
        f"{max(f.parameters for f in functions)} ({sum(f.parameters > 6 for f in functions)}) | "
        f"{100 * sum(f.typed for f in functions) / len(functions):.1f} | "
        f"{100 * sum(f.documented for f in public) / max(1, len(public)):.0f} | "
        f"{1000 * sum(m.comments for m in modules) / lines:.0f} |"
    )


def shapes(modules: Sequence[Module]) -> Iterator[tuple[str, object]]:
    """What should be rare, and how often it is there."""
    source = "\n".join(module.source for module in modules)
    names = {module.name for module in modules}
    functions = [f for module in modules for f in module.functions]
    with_found = [sum(1 for line in m.source.splitlines() if re.search(r"\bfound\b", line)) for m in modules]
    yield "import cycles, those inside of functions included", len(cycles(modules))
    yield "own imports inside of functions", sum(inner for m in modules for _, inner in m.imports(names))
    yield "`except Exception` or BaseException", len(re.findall(r"except \(?(?:Base)?Exception\b", source))
    yield "getattr and hasattr", len(re.findall(r"\b(?:getattr|hasattr)\(", source))
    yield "`zip` without strict", len(re.findall(r"\bzip\((?!.*strict=)[^\n]*\)", source))
    yield "`# fmt: skip`", source.count("# fmt: skip")
    yield "functions with Any in the signature", f"{sum(f.loose for f in functions)} of {len(functions)}"
    yield "lines with the word `found` / files", f"{sum(with_found)} / {sum(map(bool, with_found))}"
    yield "class names in two or more modules", f"{len(twice(modules))}: {', '.join(twice(modules))}"
    own = [m.name for m in modules if speaks_sql(m) and not m.name.startswith("harness.store")]
    yield "modules with SQL outside of harness/store", f"{len(own)}: {', '.join(own)}"
    public = Counter({m.name: sum(getattr(n, "name", "_")[0] != "_" for n in m.tree.body) for m in modules})
    yield "public functions and classes of a module, the most", public.most_common(1)[0]
    longest = sorted(functions, key=lambda f: -f.lines)[:6]
    yield "longest functions", ", ".join(f"{f.where} {f.lines}" for f in longest)
    widest = sorted(functions, key=lambda f: -f.parameters)[:6]
    yield "most parameters", ", ".join(f"{f.where} {f.parameters}" for f in widest)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    root = parser.parse_args().root
    modules = read(root)
    print(
        "| code | files | lines | file med / p90 / max | >400 | fn med / p90 / max | fn >40 (>60 %) | nest max (>3) |"
        " args max (>6) | typed % | public doc % | comments in bodies per 1,000 lines |\n|" + "---|" * 12
    )
    print(row("4 packages", modules))
    for room in ROOMS:
        if part := read(root, [room]):
            print(row(f"- {room}", part))
    print(row("tests", read(root, ["tests"])))
    print("\n| shape | here |\n|---|---|")
    for name, value in shapes(modules):
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
