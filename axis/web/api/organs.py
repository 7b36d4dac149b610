"""Organisations, and what the node takes."""

from typing import Annotated, Final

from pydantic import Field

from axis.delivery.directory import Directory
from axis.errors import Code, NotFound
from axis.organ.model import Organ
from axis.terms import Scope
from axis.text import comparison_form
from axis.web.api.call import Call, Operation, Reply
from axis.web.api.models import LimitsOut, Model, OrganList, OrganOut
from axis.web.api.paging import Limit, page_limit


class OrgansQuery(Model):
    """Which organisations."""

    q: Annotated[str, Field(description="Words that code, other codes or name must hold.")] = ""
    after: Annotated[str | None, Field(description="`next` of the page before.")] = None
    limit: Limit = 50


async def limits(call: Call) -> Reply:
    """What this node takes."""
    settings = call.parts.settings
    numbers: dict[str, float] = {
        **settings.limits.model_dump(),
        "request_timeout_s": settings.server.request_timeout_s,
        "requests_per_minute": settings.api.requests_per_minute,
        "page_items": settings.api.page_items,
        "uploads": settings.api.uploads,
        "upload_bytes": settings.api.upload_bytes,
        "upload_hours": settings.api.upload_hours,
        "webhooks": settings.webhook.most_per_system,
    }
    return Reply(body=LimitsOut(limits=numbers))


async def list_organs(call: Call) -> Reply:
    """A page of organisations by code."""
    asked = call.asked(OrgansQuery)
    directory, limit = call.parts.exchange.directory.current, page_limit(call, asked.limit)
    words = [comparison_form(word).casefold() for word in asked.q.split()]
    found = sorted(
        (organ for organ in directory.organs() if asked.after is None or organ.organ_id > asked.after),
        key=lambda organ: organ.organ_id,
    )
    page: list[Organ] = []
    for organ in found:
        if words and not _holds(directory, organ, words):
            continue
        page.append(organ)
        if len(page) > limit:
            break
    items = tuple(_out(directory, organ, call.system_id) for organ in page[:limit])
    return Reply(body=OrganList(items=items, next=items[-1].organ_id if len(page) > limit else None))


async def show_organ(call: Call) -> Reply:
    """One organisation, by any of its codes."""
    directory, code = call.parts.exchange.directory.current, call.path("organ_id")
    organ = directory.registry.find(code)
    if organ is None:
        raise NotFound(Code.NOT_FOUND, code[:128])
    return Reply(body=_out(directory, organ, call.system_id))


def _holds(directory: Directory, organ: Organ, words: list[str]) -> bool:
    text = comparison_form(" ".join((organ.organ_id, organ.name, *directory.aliases_of(organ.organ_id)))).casefold()
    return all(word in text for word in words)


def _out(directory: Directory, organ: Organ, system_id: str) -> OrganOut:
    return OrganOut(
        organ_id=organ.organ_id,
        name=organ.name,
        parent_id=organ.parent_id,
        level=organ.level,
        email=organ.email,
        status=organ.status,
        successor_id=organ.successor_id,
        other_codes=directory.aliases_of(organ.organ_id),
        connected=directory.route(organ.organ_id) is not None,
        served_by_you=directory.serves(system_id, organ.organ_id),
    )


OPERATIONS: Final = (
    Operation(
        name="getLimits",
        method="GET",
        path="/limits",
        handler=limits,
        vi="Các giới hạn mà trục chấp nhận, bằng số.",
        en="What the node takes, in numbers.",
        replies={200: LimitsOut},
    ),
    Operation(
        name="listOrgans",
        method="GET",
        path="/organs",
        handler=list_organs,
        vi="Tra cứu danh mục cơ quan, đơn vị.",
        en="Look up organisations.",
        scopes=(Scope.ORGANS,),
        query=OrgansQuery,
        replies={200: OrganList},
    ),
    Operation(
        name="getOrgan",
        method="GET",
        path="/organs/{organ_id}",
        handler=show_organ,
        vi="Một cơ quan, theo mã hiện hành hoặc mã cũ.",
        en="One organisation, by any of its codes.",
        scopes=(Scope.ORGANS,),
        replies={200: OrganOut},
    ),
)
