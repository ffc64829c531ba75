"""Mistakes in expressions. An operator takes a node and yields (what it did, the node in its place).

An operator leaves the node that it is given as it is; parts of it may be used in the new one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise

from autograder.audit.automatic.scope import Scope

Change = tuple[str, ast.AST]
Operator = Callable[[ast.AST, Scope], Iterator[Change]]

ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div,), ast.Mod: (ast.FloorDiv,), ast.Pow: (ast.Mult,), ast.MatMult: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,), ast.BitXor: (ast.BitOr,),
    ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.And: "and", ast.Or: "or",
}  # fmt: skip
NOT_COMMUTATIVE = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)
# Functions whose first two arguments may stand in either order, and those that do not see a sign
SYMMETRIC = frozenset(
    [
        "max",
        "min",
        "maximum",
        "minimum",
        "hypot",
        "isclose",
        "allclose",
        "array_equal",
        "logical_and",
        "logical_or",
    ]
)
EVEN = frozenset(["abs", "absolute", "fabs", "norm", "square"])

# Functions that are taken for one another, both ways
_TWINS = (
    ("max", "min"), ("argmax", "argmin"), ("maximum", "minimum"), ("amax", "amin"), ("sum", "mean"),
    ("any", "all"), ("cos", "sin"), ("arccos", "arcsin"), ("ceil", "floor"), ("zeros", "ones"),
    ("zeros_like", "ones_like"), ("repeat", "tile"), ("mod", "fmod"), ("std", "var"), ("cumsum", "cumprod"),
    ("stack", "concatenate"), ("vstack", "hstack"), ("softmax", "log_softmax"), ("exp", "log"),
    ("logical_and", "logical_or"), ("append", "extend"), ("inner", "outer"), ("square", "sqrt"),
    ("triu", "tril"), ("mse_loss", "l1_loss"), ("randn", "rand"),
)  # fmt: skip
TWINS = {one: other for pair in _TWINS for one, other in (pair, pair[::-1])}

# Functions and methods without which a value is still a value of the same kind. Python's float, int and bool
# are left out: which type of number comes back is nothing that a fair test asks for.
_UNWRAPPED = """
    abs absolute fabs clip clamp ceil floor round rint sqrt square exp exp2 log log1p expm1 tanh sigmoid
    softmax relu mod fmod sign where maximum minimum max min sum mean std var norm normalize cumsum any all
    argmax argmin sort sorted reversed flip roll transpose swapaxes ravel flatten squeeze reshape view
    nan_to_num diff unique copy deepcopy clone detach array asarray astype contiguous numpy item list tuple
    real conj inv pinv matrix_power deg2rad rad2deg wrap_angle
"""
UNWRAPPED = frozenset(_UNWRAPPED.split())
# Words that are taken for one another, as values of arguments
WORDS = {
    "left": "right", "right": "left", "ij": "xy", "xy": "ij", "C": "F", "F": "C", "mean": "sum",
    "sum": "mean", "edge": "wrap", "wrap": "edge", "max": "min", "min": "max",
}  # fmt: skip
# Names that are taken for one another; both must be known in the function
PAIRS = (
    ("terminated", "truncated"), ("states", "next_states"), ("state", "next_state"), ("obs", "next_obs"),
    ("observation", "next_observation"), ("observations", "next_observations"), ("action", "next_action"),
    ("actions", "next_actions"), ("values", "next_values"), ("value", "next_value"), ("old", "new"),
    ("low", "high"), ("left", "right"), ("mean", "std"), ("online", "target"), ("row", "column"),
)  # fmt: skip


def arithmetic(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """Another operator: ``a + b`` to ``a - b``."""
    if isinstance(node, ast.BinOp):
        for other in ARITHMETIC[type(node.op)]:
            yield _between(node.op, other), ast.BinOp(node.left, other(), node.right)
    elif isinstance(node, ast.AugAssign):
        for other in ARITHMETIC[type(node.op)]:
            what = f"{SIGNS[type(node.op)]}= to {SIGNS[other]}="
            yield what, ast.AugAssign(node.target, other(), node.value)
        yield f"{SIGNS[type(node.op)]}= to =", ast.Assign([node.target], node.value)


def term(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A term or a factor forgotten: ``a + gamma * b`` to ``a + b``."""
    if isinstance(node, ast.BinOp):
        yield _to(node, node.left)
        if not isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod | ast.Pow):
            yield _to(node, node.right)


def sign(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A sign forgotten: ``-a`` to ``a``; also ``~a``, and ``.T`` of a matrix."""
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        yield _to(node, node.operand)
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT", "H") and isinstance(node.ctx, ast.Load):
        yield _to(node, node.value)


def compare(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """The neighbour of a comparison, and its opposite: ``<`` to ``<=`` and ``>=``."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for other in COMPARISONS[type(op)]:
                ops = [*node.ops[:i], other(), *node.ops[i + 1 :]]
                yield _between(op, other), ast.Compare(node.left, ops, node.comparators)


def boolean(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """Logic: ``and`` to ``or``, a part or a ``not`` forgotten, one side of an ``if`` in an expression."""
    if isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield _between(node.op, other), ast.BoolOp(other(), node.values)
        for i in range(len(node.values)):
            rest = [*node.values[:i], *node.values[i + 1 :]]
            yield _to(node, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _to(node, node.operand)
    elif isinstance(node, ast.IfExp):
        yield _to(node, node.body)
        yield _to(node, node.orelse)
        yield _to(node, ast.IfExp(node.test, node.orelse, node.body))


def constant(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A number one off, doubled or nought; ``True`` for ``False``; a word for its twin."""
    if not isinstance(node, ast.Constant):
        return
    value: object = node.value
    if isinstance(value, bool):
        yield _to(node, ast.Constant(not value))
    elif isinstance(value, int):
        for other in (value + 1, value - 1):
            nought = other == 0 and _is_summand(node, scope)  # the same as without it, see `term`
            if not nought and not _is_left_open(node, scope):
                yield _to(node, _number(other))
    elif isinstance(value, float):
        for other_value in (2 * value, 0.0) if value else (1.0,):
            yield _to(node, _number(other_value))
    elif isinstance(value, str) and value in WORDS:
        yield _to(node, ast.Constant(WORDS[value]))


def index(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """An index one off, indices exchanged, a slice without its bound, a new axis forgotten."""
    if isinstance(node, ast.Slice):
        yield from _slices(node)
    if not isinstance(node, ast.Subscript):
        return
    inner = node.slice
    if isinstance(inner, ast.Name):
        for op in (ast.Add, ast.Sub):
            one_off = ast.BinOp(inner, op(), ast.Constant(1))
            yield _to(node, ast.Subscript(node.value, one_off, node.ctx))
    elif isinstance(inner, ast.Tuple):
        for elements in _exchanged(inner.elts):
            yield _to(node, ast.Subscript(node.value, ast.Tuple(elements, ast.Load()), node.ctx))
        for i, element in enumerate(inner.elts):
            if isinstance(element, ast.Constant) and element.value is None:
                rest = [*inner.elts[:i], *inner.elts[i + 1 :]]
                kept = rest[0] if len(rest) == 1 else ast.Tuple(rest, ast.Load())
                yield _to(node, ast.Subscript(node.value, kept, node.ctx))


def _slices(node: ast.Slice) -> Iterator[Change]:
    bounds = [node.lower, node.upper, node.step]
    for side, bound in enumerate(bounds):
        if bound is None:
            continue
        others: list[ast.expr | None] = [None]
        if side < 2 and not isinstance(bound, ast.Constant | ast.UnaryOp):
            others += [ast.BinOp(bound, op(), ast.Constant(1)) for op in (ast.Add, ast.Sub)]
        for other in others:
            yield _to(node, ast.Slice(*(other if i == side else b for i, b in enumerate(bounds))))


def reach(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A range that is one too short or too long, or starts one late."""
    if isinstance(node, ast.Call) and scope.called(node.func) == "range" and node.args and not node.keywords:
        last = 0 if len(node.args) == 1 else 1
        for op in (ast.Sub, ast.Add):
            args = list(node.args)
            args[last] = ast.BinOp(args[last], op(), ast.Constant(1))
            yield _to(node, ast.Call(node.func, args, []))
        late = [ast.Constant(1), *node.args] if last == 0 else [
            ast.BinOp(node.args[0], ast.Add(), ast.Constant(1)), *node.args[1:]
        ]  # fmt: skip
        yield _to(node, ast.Call(node.func, late, []))


def order(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """Two neighbours exchanged: operands, arguments, what is returned or unpacked."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, NOT_COMMUTATIVE):
        above = scope.parents[node]
        unseen = isinstance(above, ast.Call) and scope.called(above.func) in EVEN and node is above.args[0]
        if not (unseen and isinstance(node.op, ast.Sub)):
            yield _to(node, ast.BinOp(node.right, node.op, node.left))
    elif isinstance(node, ast.Call) and scope.called(node.func) not in SYMMETRIC:
        for args in _exchanged(node.args):
            if not _same_terms(node, args):
                yield _to(node, ast.Call(node.func, args, node.keywords))
    elif isinstance(node, ast.List) or (isinstance(node, ast.Tuple) and not _has_slice(node)):
        for elements in _exchanged(node.elts):
            yield _to(node, type(node)(elements, node.ctx))


def keyword(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A named argument forgotten: ``x.max(axis=1)`` to ``x.max()``."""
    if isinstance(node, ast.Call):
        for i, given in enumerate(node.keywords):
            if given.arg is not None:
                yield _to(node, ast.Call(node.func, node.args, [*node.keywords[:i], *node.keywords[i + 1 :]]))


def twin(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A function for its twin: ``argmax`` to ``argmin``, ``np.any`` to ``np.all``."""
    if isinstance(node, ast.Call):
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else scope.called(func)
        if name in TWINS:
            other = (
                ast.Attribute(func.value, TWINS[name], ast.Load()) if isinstance(func, ast.Attribute)
                else ast.Name(TWINS[name], ast.Load())
            )  # fmt: skip
            yield f"{name} to {TWINS[name]}", ast.Call(other, node.args, node.keywords)


def unwrap(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A call forgotten: ``np.abs(x)`` to ``x``, ``x.copy()`` to ``x``."""
    if not isinstance(node, ast.Call):
        return
    func, args = node.func, [a for a in node.args if not isinstance(a, ast.Starred)]
    if (name := scope.called(func)) in UNWRAPPED:
        kept = args[1:3] if name == "where" else args[:2] if name in ("maximum", "minimum") else args[:1]
        for arg in kept:
            yield _to(node, arg)
    elif not name and isinstance(func, ast.Attribute) and func.attr in UNWRAPPED:
        yield _to(node, func.value)


def name(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A parameter for another of the same shape and type; ``terminated`` for ``truncated``."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        twins = [b if a == node.id else a for a, b in PAIRS if node.id in (a, b)]
        known = [t for t in twins if t in scope.bindings and node.id in scope.bindings]
        for other in dict.fromkeys([*scope.alike(node.id), *known]):
            yield _to(node, ast.Name(other, node.ctx))


def einsum(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """Letters of an einsum exchanged: ``"sa,sat->st"`` to ``"sa,sat->ts"``."""
    if not (isinstance(node, ast.Call) and scope.called(node.func) == "einsum" and node.args):
        return
    formula = node.args[0]
    if not (isinstance(formula, ast.Constant) and isinstance(formula.value, str)):
        return
    for other in _formulas(formula.value):
        what = f'"{formula.value}" to "{other}"'
        yield what, ast.Call(node.func, [ast.Constant(other), *node.args[1:]], node.keywords)


def _formulas(text: str) -> Iterator[str]:
    sources, arrow, target = text.replace(" ", "").partition("->")
    terms = sources.split(",")
    for i, letters in enumerate(terms):
        if len(letters) > 1:
            exchanged = [*terms[:i], letters[:-2] + letters[:-3:-1], *terms[i + 1 :]]
            yield ",".join(exchanged) + arrow + target
    if len(target) > 1:
        yield sources + arrow + target[:-2] + target[:-3:-1]
    summed = [c for c in dict.fromkeys(sources) if c.isalpha() and c not in target]
    if arrow and target and summed:
        yield sources + arrow + target[:-1] + summed[0]


def detach(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A gradient cut where it should flow, ``x = net(y)`` to ``x = net(y).detach()``, or not cut."""
    if "torch" not in scope.modules:
        return
    if isinstance(node, ast.Assign | ast.Return) and isinstance(node.value, ast.Call | ast.BinOp):
        cut = ast.Call(ast.Attribute(node.value, "detach", ast.Load()), [], [])
        new = ast.Return(cut) if isinstance(node, ast.Return) else ast.Assign(node.targets, cut)
        yield "added", new
    elif isinstance(node, ast.With) and "no_grad" in ast.unparse(node.items[0].context_expr):
        yield "no_grad forgotten", ast.If(ast.Constant(True), node.body, [])


def _to(old: ast.AST, new: ast.AST) -> Change:
    return f"{short(old)} to {short(new)}", new


def short(node: ast.AST) -> str:
    """Return a node's text in one line of at most 60 characters."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _between(old: ast.AST, new: type[ast.AST]) -> str:
    return f"{SIGNS[type(old)]} to {SIGNS[new]}"  # type: ignore[index]


def _number(value: float) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _is_summand(node: ast.AST, scope: Scope) -> bool:
    above = scope.parents[node]
    return isinstance(above, ast.BinOp) and isinstance(above.op, ast.Add | ast.Sub) and node is above.right


def _is_left_open(node: ast.AST, scope: Scope) -> bool:
    """Tell whether a number is the 1 of ``reshape(-1)``: any negative length stands for what is left."""
    sign = scope.parents[node]
    if not (isinstance(sign, ast.UnaryOp) and isinstance(sign.op, ast.USub)):
        return False
    above = scope.parents[sign]
    return (
        isinstance(above, ast.Call) and isinstance(above.func, ast.Attribute) and above.func.attr == "reshape"
    )


def _exchanged(elements: list[ast.expr]) -> Iterator[list[ast.expr]]:
    """Yield the list with two neighbours exchanged, each pair in turn."""
    for i, (one, other) in enumerate(pairwise(elements)):
        if not isinstance(one, ast.Starred) and not isinstance(other, ast.Starred):
            yield [*elements[:i], other, one, *elements[i + 2 :]]


def _same_terms(node: ast.Call, args: list[ast.expr]) -> bool:
    """Tell whether only operands of an einsum are exchanged that the formula treats alike: ``"sa,sa->s"``."""
    formula = node.args[0]
    if args[0] is not formula or not isinstance(formula, ast.Constant) or not isinstance(formula.value, str):
        return False
    terms = formula.value.partition("->")[0].split(",")
    moved = [i for i, (old, new) in enumerate(zip(node.args[1:], args[1:], strict=True)) if old is not new]
    return len(terms) == len(args) - 1 and len({terms[i].strip() for i in moved}) == 1


def _has_slice(node: ast.Tuple) -> bool:
    return any(isinstance(e, ast.Slice) or _is_none(e) for e in node.elts)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


OPERATORS: dict[str, Operator] = {
    "arithmetic": arithmetic, "term": term, "sign": sign, "compare": compare, "boolean": boolean,
    "constant": constant, "index": index, "range": reach, "order": order, "keyword": keyword, "twin": twin,
    "unwrap": unwrap, "name": name, "einsum": einsum, "detach": detach,
}  # fmt: skip
