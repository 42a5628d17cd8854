"""Scales as formulas of sizes and exponents, "fan_in**-gamma" say. No torch here."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Formula"]

_BINARY: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}

_UNARY: Mapping[type, Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}

EXAMPLE = "such as fan_in**-gamma, 0.1*m**-0.5 or sqrt(2/fan_in)"


@dataclass(frozen=True)
class Formula:
    """A formula of named numbers with + - * / ** ( ) and sqrt.

    >>> Formula.parse("sqrt(2 / fan_in)")(fan_in=8.0)
    0.5
    >>> sorted(Formula.parse("fan_in**-gamma").names)
    ['fan_in', 'gamma']
    """

    text: str

    @classmethod
    def parse(cls, text: object) -> Formula:
        """Read a formula, or a number.

        Raises:
            ValueError: it is neither.
        """
        formula = cls(str(text).replace("^", "**"))
        try:
            formula._check(formula._tree)
        except (SyntaxError, ValueError) as error:
            raise ValueError(f"{text!r} is not a formula, {EXAMPLE}") from error
        return formula

    @property
    def names(self) -> set[str]:
        """The numbers that it depends on."""
        return {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)} - {"sqrt"}

    def __call__(self, **numbers: float) -> float:
        """Return its value.

        Raises:
            ValueError: it has none that is a finite real number.
        """
        try:
            value = self._value(self._tree, numbers)
        except (ArithmeticError, ValueError) as error:
            raise ValueError(f"{self.text} has no value at {_told(numbers)}: {error}") from error
        if isinstance(value, complex) or not math.isfinite(value):
            raise ValueError(f"{self.text} = {value} at {_told(numbers)}, which is not a finite number")
        return float(value)

    @property
    def _tree(self) -> ast.expr:
        return ast.parse(self.text.strip(), mode="eval").body

    def _check(self, node: ast.AST) -> None:
        match node:
            case ast.BinOp(left, op, right) if type(op) in _BINARY:
                self._check(left)
                self._check(right)
            case ast.UnaryOp(op, operand) if type(op) in _UNARY:
                self._check(operand)
            case ast.Call(ast.Name("sqrt"), [argument], []):
                self._check(argument)
            case ast.Constant(int() | float()) if not isinstance(node.value, bool):
                pass
            case ast.Name(_):
                pass
            case _:
                raise ValueError(ast.dump(node))

    def _value(self, node: ast.AST, numbers: Mapping[str, float]) -> Any:
        match node:
            case ast.BinOp(left, op, right):
                return _BINARY[type(op)](self._value(left, numbers), self._value(right, numbers))
            case ast.UnaryOp(op, operand):
                return _UNARY[type(op)](self._value(operand, numbers))
            case ast.Call(_, [argument]):
                return math.sqrt(self._value(argument, numbers))
            case ast.Constant(value):
                return float(value)  # type: ignore[arg-type]  # `_check` has seen to it
            case ast.Name(name):
                return numbers[name]
        raise AssertionError(node)


def _told(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.12g}" for name, value in numbers.items())
