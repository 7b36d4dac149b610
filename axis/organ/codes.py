"""Forms of an organisation code.

Two are in real traffic. The present one is written from left to right, level 1 first: `H24.11.3`. The old one is
written from right to left, always in four groups: `000.03.11.H24`. The registry decides whether a code exists: many
real codes follow neither form.

Which codes say the same in the two forms, and so map onto each other without loss:

| present form | old form | |
|---|---|---|
| `H24` | `000.00.00.H24` | level 1 |
| `H24.11` | `000.00.11.H24` | level 2 |
| `H24.11.3` | `000.03.11.H24` | level 3 |
| `H24.11.3.5` | `005.03.11.H24` | level 4 |
| `H24.114`, `H24.1.2.3.4` | none | more characters in a group, or more groups, than the old form has room for |
| `H24.03`, `H24.0` | none | a group that begins with 0 would come back as another |
| `H24.1.2.ABC` | none | `ABC.02.01.H24` would read from left to right as well |
| none | `005.00.11.H24`, `777.00.00.G22` | a gap: below which unit is it? |
| `0100109106`, `ZA1` | none | enterprises and other bodies have no old form |

That the shapes map does not prove that an agency kept its numbers when it went from one form to the other: the
registry maps a code only onto an organisation for which nothing else is registered (`axis.organ.registry`). For level 1
alone the two forms always say the same.

Norm: QCVN 102:2016/BTTTT (old form); QĐ 20/2020/QĐ-TTg Art. 4 (present form).
"""

import re

from axis.text import comparison_form

_OLD_LEVEL_ONE = "000.00.00."
_LEVEL_ONE = r"[A-Y][0-9A-Z]{2}"
# The first group begins with a digit: a letter there would make it read from left to right as well.
_OLD_FORM = re.compile(rf"([0-9][0-9A-Z]{{2}})\.([0-9A-Z]{{2}})\.([0-9A-Z]{{2}})\.({_LEVEL_ONE})")
_PRESENT_FORM = re.compile(rf"{_LEVEL_ONE}(?:\.[0-9A-Z]+)*")
_MAX_PRESENT = 35  # characters
_OLD_WIDTHS = (2, 2, 3)  # of the groups for levels 2, 3 and 4


def canonical_form(code: str) -> str:
    """The comparison form of a code; `000.00.00.H24` becomes `H24`."""
    form = comparison_form(code)
    rest = form.removeprefix(_OLD_LEVEL_ONE)
    return rest if rest and "." not in rest else form


def is_old_form(code: str) -> bool:
    """Whether a code is written from right to left, in four groups."""
    return _OLD_FORM.fullmatch(code) is not None


def is_present_form(code: str) -> bool:
    """Whether a code is written from left to right, level 1 first."""
    return len(code) <= _MAX_PRESENT and _PRESENT_FORM.fullmatch(code) is not None


def to_present_form(code: str) -> str | None:
    """`000.03.11.H24` as `H24.11.3`; None when the code is not in the old form, or has a gap."""
    match = _OLD_FORM.fullmatch(code)
    if match is None:
        return None
    level_4, level_3, level_2, level_1 = match.groups()
    groups = [group.lstrip("0") for group in (level_2, level_3, level_4)]
    while groups and not groups[-1]:
        groups.pop()
    return ".".join((level_1, *groups)) if all(groups) else None


def to_old_form(code: str) -> str | None:
    """`H24.11.3` as `000.03.11.H24`; None when that would lose something, or the code is not in the present form."""
    return None if re.search(r"\.0", code) else old_form_meant(code)


def old_form_meant(code: str) -> str | None:
    """As `to_old_form`, but also for a code whose groups begin with 0: `H24.03` means `000.00.03.H24` too."""
    if not is_present_form(code):
        return None
    level_1, *groups = code.split(".")
    groups = [group.lstrip("0") for group in groups]
    if not all(groups) or len(groups) > len(_OLD_WIDTHS):
        return None
    if any(len(group) > width for group, width in zip(groups, _OLD_WIDTHS, strict=False)):
        return None
    padded = [group.zfill(width) for group, width in zip(groups, _OLD_WIDTHS, strict=False)]
    padded += ["0" * width for width in _OLD_WIDTHS[len(groups) :]]
    old = ".".join((*reversed(padded), level_1))
    return old if is_old_form(old) else None


def sort_key(code: str) -> tuple[tuple[int, str], ...]:
    """Puts codes in the order in which people look for them: H24.2 before H24.10."""
    return tuple((len(group) if group.isdigit() else 0, group) for group in code.split("."))


def is_within(code: str, prefix: str) -> bool:
    """Whether a code in canonical form names the organisation `prefix` or one below it, in either form."""
    if code == prefix or code.startswith(prefix + ".") or code.endswith("." + prefix):
        return True
    present = to_present_form(code)
    return present is not None and (present == prefix or present.startswith(prefix + "."))


def codes_above(code: str) -> tuple[str, ...]:
    """The codes above an organisation's, as its own tells them, level 1 first; not all of them need exist."""
    groups = (to_present_form(code) or code).split(".")
    return tuple(".".join(groups[:count]) for count in range(1, len(groups)))
