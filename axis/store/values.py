"""Some texts as one parameter of a query.

`IN` with a parameter for each of 50 ids is written out and read again at every execution, which took a quarter of the
time of a page's questions.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Dialect, String, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class Texts(TypeDecorator[Sequence[str]]):
    """An array in PostgreSQL, JSON in SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the parameter."""
        return dialect.type_descriptor(ARRAY(String) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:  # noqa: ANN401 - the driver's
        """The parameter as the driver takes it."""
        return value if value is None or dialect.name == "postgresql" else json.dumps(value)


class OneOf(FunctionElement[bool]):
    """Whether a column's value is one of a parameter of type `Texts`.

    Not of type Boolean: SQLAlchemy would write `= 1` behind it for SQLite, which then reads the whole table.
    """

    inherit_cache = True


def among(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether it is one of the texts that a parameter of this name has: for statements that are made once and kept."""
    return OneOf(column, bindparam(name, type_=Texts()))


@compiles(OneOf)
def _each(element: OneOf, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    column, values = (compiler.process(clause, **more) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - a column and a place for a parameter


@compiles(OneOf, "postgresql")
def _any(element: OneOf, compiler: SQLCompiler, **more: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    column, values = (compiler.process(clause, **more) for clause in element.clauses)
    return f"{column} = ANY ({values})"
