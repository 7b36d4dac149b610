"""Forms of an organisation code.

Two are in real traffic: the old one, written from right to left (`000.00.15.H24`, ending in the province or ministry),
and the present one, from left to right (`H24.15`). The registry decides whether a code exists: many real codes follow
neither form. Only the pure level-1 codes are mapped here, since for them the two forms say the same.

Norm: QCVN 102:2016/BTTTT (old form); QĐ 20/2020/QĐ-TTg Art. 4 (present form).
"""

from axis.text import comparison_form

_OLD_LEVEL_ONE = "000.00.00."


def canonical_form(code: str) -> str:
    """The comparison form of a code; `000.00.00.H24` becomes `H24`."""
    form = comparison_form(code)
    rest = form.removeprefix(_OLD_LEVEL_ONE)
    return rest if rest and "." not in rest else form


def is_within(code: str, prefix: str) -> bool:
    """Whether a code in canonical form names the organisation `prefix` or one below it, in either form."""
    return code == prefix or code.startswith(prefix + ".") or code.endswith("." + prefix)
