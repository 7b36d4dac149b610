"""`axis adapter`: which adapters there are, what they take, and whether a partner can be reached by its own."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axis.cli.options import NO, ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.cli.systems import peer_parts
from axis.errors import Code, Malformed, NotFound

if TYPE_CHECKING:
    from adapters.base import Installed
    from axis.delivery.partner import Partner
    from axis.ops.access import Access

app = typer.Typer()
adapter_app = typer.Typer(no_args_is_help=True, help="Adapters: list them with their options, check a partner.")
app.add_typer(adapter_app, name="adapter")

_MARKS = {True: "✓", False: "✗", None: "–"}


@adapter_app.command("list")
def list_adapters(
    name: Annotated[str | None, typer.Argument(help="One adapter; left out: all.")] = None, json: JsonOption = False
) -> None:
    """List the installed adapters: what each is for, its options with meaning, unit and default, which are secrets."""
    from adapters.base import installed_adapters

    found = [one for one in installed_adapters() if name in {None, one.name}]
    if not found:
        raise NotFound(Code.NOT_FOUND, f"no adapter {name!r}")
    if json:
        print_json([_described(one) for one in found])
        return
    print_table(
        "Adapter",
        ("adapter", "dùng để / what it is for", "gói cài đặt / package"),
        ((one.name, _purpose(one), one.distribution) for one in found),
    )
    rows = []
    for one in found:
        for option in _described(one)["options"]:
            need = "bắt buộc / required" if option["required"] else option["default"]
            kind = "bí mật / secret" if option["secret"] else option["type"]
            rows.append((one.name, option["name"], kind, option["unit"], need, option["meaning"]))
    print_table(
        "Tùy chọn (--option NAME=VALUE; bí mật: --secret-file NAME=FILE)",
        ("adapter", "tùy chọn / option", "kiểu / type", "đơn vị / unit", "mặc định / default", "ý nghĩa / meaning"),
        rows,
    )


def _purpose(one: "Installed") -> str:
    if one.adapter is None:
        return f"✗ {one.problem}"
    return f"{one.about.vi}\n{one.about.en}" if one.about else ""


def _described(one: "Installed") -> dict[str, Any]:
    from adapters.about import options_of

    about = one.about
    return {
        "adapter": one.name,
        "distribution": one.distribution,
        "usable": one.adapter is not None,
        "problem": one.problem,
        "purpose": {"vi": about.vi, "en": about.en} if about else None,
        "options": [asdict(option) for option in options_of(about.options)] if about else [],
    }


@adapter_app.command("check")
def check(
    partner_id: Annotated[str, typer.Argument(help="A system that is pushed to, or an uplink.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Try a partner out: connect, log in, ask; say what is wrong. Exit code 0: all is well, 1: something is not."""
    from adapters.base import load_adapter
    from adapters.checking import TITLES, advice_of, check_partner

    partner = with_access(config, lambda access: _partner(access, partner_id))
    adapter, parts = load_adapter(partner.adapter), peer_parts(config)
    findings = asyncio.run(check_partner(adapter, partner, parts))
    if json:
        steps = [asdict(one) for one in findings.found]
        print_json({"partner": partner_id, "adapter": partner.adapter, "good": findings.good, "steps": steps})
    else:
        print_table(
            f"{partner_id} ({partner.adapter})",
            ("", "bước / step", "chi tiết / detail"),
            ((_MARKS[one.good], " / ".join(TITLES[one.step]), one.words) for one in findings.found),
        )
    for fault in dict.fromkeys(one.fault for one in findings.found if one.fault is not None):
        say(*advice_of(fault, findings.about))
    if not findings.good:
        raise typer.Exit(NO)


async def _partner(access: "Access", partner_id: str) -> "Partner":
    """Whom the id names, an uplink of the settings or a connected system, disabled ones too."""
    from axis.delivery.directory import read_partner
    from axis.serve import uplink_partner

    for uplink in access.settings.uplink:
        if uplink.id == partner_id:
            return uplink_partner(uplink)
    system = (await access.directory()).system(partner_id)
    if system is None:
        raise NotFound(Code.NOT_FOUND, partner_id)
    if system.adapter is None:
        raise Malformed(Code.BAD_REQUEST, "it fetches its packages itself: nothing calls it", at=partner_id)
    return read_partner(system, access.key)
