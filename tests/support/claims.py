"""Which tests of a file assert something, as its syntax shows.

An assertion counts if it is always executed and can fail. What is done for each of several things counts only
if there surely are some.
"""

import ast
from typing import NamedTuple

CLAIMS = frozenset({"pytest.raises", "pytest.warns", "pytest.fail"})
"""What fails, besides `assert`."""
CATCH = {"AssertionError", "Exception", "BaseException"}
"""What also catches the error of an assertion."""
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSION = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class Known(NamedTuple):
    """Names of functions that claim something, of all functions and classes, and of what is not empty."""

    claiming: frozenset = CLAIMS
    defined: frozenset = frozenset()
    filled: frozenset = frozenset()


def silent(tree, modules=None):
    """The tests of a file that neither assert anything nor call what does."""
    known = Known()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in (modules or {}):
            theirs = names_of(modules[node.module], Known()).claiming
            named = {alias.asname or alias.name for alias in node.names if alias.name in theirs}
            known = known._replace(claiming=known.claiming | named)
    known = names_of(tree, known)
    return [test.name for test in each_test(tree) if not claims_when_called(test, known)]


def names_of(tree, known):
    """What is known of a file. A name claims if all functions of that name do, or call one that does."""
    every = functions(tree)
    defined = {node.name for node in ast.walk(tree) if isinstance(node, FUNCTION | ast.ClassDef)}
    known = known._replace(defined=frozenset(defined), filled=filled(tree, known))
    while True:
        quiet = {function.name for function in every if not claims_when_called(function, known)}
        more = {function.name for function in every} - quiet - known.claiming
        if not more:
            return known
        known = known._replace(claiming=known.claiming | more)


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTION)]


def each_test(tree):
    return [function for function in functions(tree) if function.name.startswith("test")]


def own(scope):
    """What belongs to a function itself, without the functions in it: they may never be called."""
    todo = list(ast.iter_child_nodes(scope))
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, FUNCTION | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(node)


def dotted(node):
    """`pytest.raises` as text, and None for what is no name."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else None


# ---- What is always executed ----------------------------------------------------------------------------


def claims_when_called(function, known):
    """Whether a call of a function claims something. One that awaits or yields does not start when called."""
    yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own(function))
    if isinstance(function, ast.AsyncFunctionDef) or (yields and not function.decorator_list):
        return False
    return claims(function.body, known._replace(filled=filled(function, known)))


def claims(parts, known):
    return any(claims_itself(part, known) for part in parts)


def claims_itself(node, known):
    """Whether a statement or an expression claims something whenever it is executed."""
    if isinstance(node, ast.Assert):
        return not always_true(node.test, known)
    if isinstance(node, ast.If | ast.IfExp):
        ways = [way if isinstance(way, list) else [way] for way in (node.body, node.orelse)]
        return claims_itself(node.test, known) or all(claims(way, known) for way in ways)
    if isinstance(node, ast.Call) and fails(node, known):
        return True
    return claims(executed(node, known), known)


def fails(call, known):
    """Whether a call, or a call of what it is given, claims something."""
    given = [*call.args, *[keyword.value for keyword in call.keywords]]
    checked = any(word.arg == "check" and ast.unparse(word.value) == "True" for word in call.keywords)
    if dotted(call.func) == "subprocess.run" and checked:
        return True
    return any(dotted(called) in known.claiming for called in (call.func, *given))


def executed(node, known):
    """The parts of a statement or an expression that are always executed."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
            return []
        case ast.For():
            return [node.iter, *(node.body if some(node.iter, known) else []), *node.orelse]
        case ast.While():
            return [node.test, *(node.body if always_true(node.test, known) else [])]
        case ast.BoolOp():
            return node.values[:1]
        case ast.Match():
            return [node.subject]
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return [node.generators[0].iter, *([node.elt] if some(node, known) else [])]
        case ast.Try():
            caught = any(swallows(handler, known) for handler in node.handlers)
            return [*([] if caught else [*node.body, *node.orelse]), *node.finalbody]
        case ast.With():
            return executed_with(node)
        case ast.Expr(ast.Call(func, [] | [_])) if dotted(func) in ("pytest.raises", "pytest.warns"):
            return []  # it waits for a `with`
    return list(ast.iter_child_nodes(node))


def executed_with(node):
    """What a `with` enters, and its body. Neither counts if the body is only what `pytest.raises` expects."""
    entered = [item.context_expr for item in node.items]
    if any("suppress" in ast.unparse(one) and catches(one) for one in entered):
        return entered
    sure = len(entered) == 1 and all(isinstance(statement, ast.Raise) for statement in node.body)
    return [] if sure else [*entered, *node.body]


def swallows(handler, known):
    """Whether the error of an assertion ends in an `except`."""
    raises = any(isinstance(statement, ast.Raise) for statement in handler.body)
    caught = handler.type is None or catches(handler.type)
    return caught and not raises and not claims(handler.body, known)


def catches(node):
    """Whether the error of an assertion is among these classes."""
    return any(dotted(one) in CATCH for one in ast.walk(node))


# ---- What is not empty ----------------------------------------------------------------------------------

KEEPS = {"enumerate", "sorted", "list", "tuple", "set", "dict", "reversed", "zip"}
"""Functions whose result is empty only if something is that they are given."""


def filled(scope, known):
    """The names that are given only to what is not empty, in a file or in a function."""
    given = {}
    for node in own(scope):
        for name, value in assigned(node):
            given.setdefault(name, []).append(value)
    known = known._replace(filled=known.filled - given.keys())
    while True:
        more = {name for name, values in given.items() if all(some(value, known) for value in values)}
        if more <= known.filled:
            return known.filled
        known = known._replace(filled=known.filled | more)


def assigned(node):
    """The names that a statement gives, and to what; to None if that is not known."""
    if isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
        yield from ((target.id, node.value) for target in node.targets)
    elif isinstance(node, ast.arg):
        yield node.arg, None
    elif not isinstance(node, ast.AugAssign):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id, None


def some(value, known):
    """Whether there surely is something in a value."""
    match value:
        case ast.Constant(str() | bytes() as text):
            return bool(text)
        case ast.Name(name):
            return name in known.filled
        case ast.List(items) | ast.Tuple(items) | ast.Set(items):
            return any(not isinstance(item, ast.Starred) or some(item.value, known) for item in items)
        case ast.Dict(keys, values):
            return any(key or some(value, known) for key, value in zip(keys, values, strict=True))
        case ast.BinOp(left, ast.Add() | ast.BitOr(), right):
            return some(left, known) or some(right, known)
        case ast.Call(ast.Name("range"), ends) if all(isinstance(end, ast.Constant) for end in ends):
            return len(range(*[end.value for end in ends])) > 0
        case ast.Call(ast.Name(name), given) if name in KEEPS and given:
            return all(some(one, known) for one in given)
        case ast.Call(ast.Attribute(of, "items" | "keys" | "values" | "splitlines"), []):
            return some(of, known)
    if isinstance(value, COMPREHENSION):
        return all(some(part.iter, known) and not part.ifs for part in value.generators)
    return False


# ---- What is always true --------------------------------------------------------------------------------


def always_true(test, known):
    """Whether a condition cannot fail, or cannot where there is nothing to look at."""
    if not any(isinstance(node, ast.Name | ast.Call | ast.Lambda) for node in ast.walk(test)):
        return bool(eval(compile(ast.Expression(test), "a test", "eval")))
    match test:
        case ast.BoolOp(op, values):
            return (any if isinstance(op, ast.Or) else all)(always_true(value, known) for value in values)
        case ast.Lambda() | ast.GeneratorExp():
            return True
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
            return some(test, known)
        case ast.JoinedStr(parts):
            return any(isinstance(part, ast.Constant) for part in parts)
        case ast.Name(name):
            return name in known.defined
        case ast.Call(func) if dotted(func) == "pytest.approx":
            return True
        case ast.Call(ast.Name("all"), [each]):
            return isinstance(each, COMPREHENSION) and not some(each, known)
        case ast.UnaryOp(ast.Not(), ast.Call(ast.Name("any"), [each])):
            return looks_at_nothing(each, known)
        case ast.UnaryOp(ast.Not(), each) | ast.Compare(each, [ast.Eq()], [ast.List([]) | ast.Dict([])]):
            return looks_at_nothing(each, known)
        case ast.Compare(left, [ast.Lt() | ast.LtE() as op], [right]):
            return compares_nothing(right, ast.Gt() if isinstance(op, ast.Lt) else ast.GtE(), left)
        case ast.Compare(left, [op], [right]):
            return compares_nothing(left, op, right)
    return False


def looks_at_nothing(each, known):
    """Whether what is found may be nothing because there is nothing to look at."""
    if not isinstance(each, COMPREHENSION):
        return False
    return not all(some(part.iter, known) for part in each.generators)


def compares_nothing(left, op, right):
    """`x == x`, `len(x) >= 0`, `(x == 1) is not None`"""
    same = ast.dump(left) == ast.dump(right) and not any(
        isinstance(node, ast.Call) for node in ast.walk(left)
    )
    if same and isinstance(op, ast.Eq | ast.GtE | ast.Is):
        return True
    if isinstance(op, ast.IsNot):
        return isinstance(left, ast.Compare) and ast.unparse(right) == "None"
    length = isinstance(left, ast.Call) and dotted(left.func) == "len"
    return length and (ast.unparse(right), type(op)) in (("0", ast.GtE), ("-1", ast.Gt))
