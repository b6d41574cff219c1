"""Rules on source text: each takes a parsed file and yields what breaks it as `(line, text)`."""

import ast
from collections.abc import Callable, Iterator
from typing import TypeAlias

Finding: TypeAlias = tuple[int, str]
Rule: TypeAlias = Callable[[ast.Module], Iterator[Finding]]

OWN = "tinygrad_nn"
DYNAMIC = frozenset({"eval", "exec", "__import__"})
# Formats whose reader runs whatever the file says.
CODE_CARRYING = frozenset({"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"})
CATCH_ALL = frozenset({"BaseException", "Exception"})


def late_imports(tree: ast.Module) -> Iterator[Finding]:
    """An import of our own package inside a function: it hides a cycle from every other check."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    seen: set[ast.AST] = set()
    for function in (node for node in ast.walk(tree) if isinstance(node, functions)):
        for node in ast.walk(function):
            if node not in seen and _imports_own(node):
                seen.add(node)
                yield node.lineno, "imports our own package inside a function"


def _imports_own(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(_is_own(alias.name) for alias in names)
        case ast.ImportFrom(module=module, level=level):
            return level > 0 or _is_own(module or "")
        case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]):
            dynamic = _last_name(func) in {"import_module", "__import__"}
            return dynamic and (name.startswith(".") or _is_own(name))
    return False


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == OWN


def silent_handlers(tree: ast.Module) -> Iterator[Finding]:
    """An error caught and dropped; `contextlib.suppress(ThatError)` says so, and is narrow."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and all(map(_does_nothing, node.body)):
            yield node.lineno, "drops an error in silence"
        elif isinstance(node, ast.Call) and _last_name(node.func) == "suppress":
            if any(_last_name(argument) in CATCH_ALL for argument in node.args):
                yield node.lineno, "suppresses every error"


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass | ast.Continue)


def dynamic_code(tree: ast.Module) -> Iterator[Finding]:
    """Text or data run as code: `eval`, `exec`, pickles. A method of that name is none."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name in DYNAMIC:
                yield node.lineno, f"uses {name}"
            case ast.Attribute(value=ast.Name(id="builtins"), attr=name) if name in DYNAMIC:
                yield node.lineno, f"uses {name}"
            case ast.Import(names=names):
                for alias in names:
                    if alias.name.partition(".")[0] in CODE_CARRYING:
                        yield node.lineno, f"imports {alias.name}"
            case ast.ImportFrom(module=str(module), names=names):
                if module.partition(".")[0] in CODE_CARRYING:
                    yield node.lineno, f"imports {module}"
                elif module == "builtins" and DYNAMIC & {alias.name for alias in names}:
                    yield node.lineno, "uses eval, exec or __import__"
            case ast.keyword(arg="allow_pickle", value=value) if not _is_false(value):
                yield node.value.lineno, "allows pickles"


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
