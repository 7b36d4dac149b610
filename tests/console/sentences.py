"""Collects what the console says from its code and templates, and finds what is said past `language.py`."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes
from jinja2.ext import extract_from_ast

import axis.web.console

FOLDER = Path(axis.web.console.__file__).parent
SAYERS = ("_", "N_", "n_")
VIETNAMESE = re.compile("[àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ]", re.IGNORECASE)
_SEEN = ("title", "aria-label", "placeholder", "alt", "value")  # attributes that people read or hear
_PARSER = Environment(autoescape=True)
_NO_WORDS = {"CSV", "Enter", "XLSX", "SHA-256"}


@dataclass(frozen=True)
class Said:
    """A sentence in the code."""

    sentence: str
    counted: bool  # it changes with a number
    where: str


def of_python(text: str, where: str) -> Iterator[Said]:
    """The sentences that a module says or marks."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYERS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Said(first.value, node.func.id == "n_", f"{where}:{node.lineno}")


def bare_in_python(text: str) -> list[str]:
    """Vietnamese constants that no sayer is given."""
    tree = ast.parse(text)
    fine: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYERS:
            fine |= {id(one) for one in node.args[:1]}
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Expr):
            body = getattr(node, "body", [node])
            fine |= {id(one.value) for one in body if isinstance(one, ast.Expr)}
        if isinstance(node, ast.Expr):
            fine.add(id(node.value))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in fine
        and VIETNAMESE.search(node.value)
    ]


def of_template(text: str, where: str) -> Iterator[Said]:
    """The sentences that a template says."""
    for line, function, given in extract_from_ast(_PARSER.parse(text), gettext_functions=SAYERS):
        first = given if isinstance(given, str) else given[0]
        if first is not None:
            yield Said(first, function == "n_", f"{where}:{line}")


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in _SEEN]


def bare_in_template(text: str) -> list[str]:
    """Words between the tags of a template, or in attributes that people read, that no sayer is given."""
    tree = _PARSER.parse(text)
    of_body = {id(output) for block in tree.find_all(nodes.Block) if block.name == "body" for output in block.body}
    data = "".join(
        part.data if isinstance(part, nodes.TemplateData) else "\x00"
        for output in tree.find_all(nodes.Output)
        if id(output) not in of_body  # attributes of the tag, no text
        for part in output.nodes
    )
    seen = _Texts()
    seen.feed(data)
    words = (word.strip(" ·:…\x00\n") for piece in seen.found for word in piece.split())
    return [word for word in words if re.search(r"[^\W\d_]{2}", word) and word not in _NO_WORDS]


def everything() -> list[Said]:
    """Every sentence of the console."""
    found: list[Said] = []
    for module in sorted(FOLDER.glob("*.py")):
        found += of_python(module.read_text(encoding="utf-8"), module.name)
    for template in sorted(FOLDER.glob("templates/*.html")):
        found += of_template(template.read_text(encoding="utf-8"), template.name)
    return found
