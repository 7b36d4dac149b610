"""How a package from one organisation to another goes, and why."""

from typing import Annotated, Final

from pydantic import Field

from axis.delivery.route_words import sentence
from axis.terms import Scope
from axis.web.api.call import Call, Operation, Reply
from axis.web.api.models import Model, RouteOut, RouteStepOut

_Organ = Annotated[str, Field(min_length=1, max_length=128)]


class RouteQuery(Model):
    """From whom, to whom."""

    from_organ: Annotated[_Organ, Field(description="The sender, by any of its codes.")]
    to_organ: Annotated[_Organ, Field(description="The receiver, by any of its codes.")]


async def explain(call: Call) -> Reply:
    """Each step of the router's decision, with the routes and rules of this moment."""
    asked = call.asked(RouteQuery)
    found = call.parts.exchange.explain(asked.from_organ, asked.to_organ)
    to = found.destination
    body = RouteOut(
        from_organ=found.sender,
        to_organ=found.receiver,
        decided_by=found.decided_by,
        organ_id=to.organ if to else None,
        place=to.place if to else None,
        system_id=found.system_id,
        uplink_id=to.uplink_id if to else None,
        error=found.error,
        leads_somewhere=found.leads_somewhere,
        steps=tuple(
            RouteStepOut(step=one.said, facts=dict(one.facts), vi=sentence(one, "vi"), en=sentence(one, "en"))
            for one in found.steps
        ),
    )
    return Reply(body=body)


OPERATIONS: Final = (
    Operation(
        name="explainRoute",
        method="GET",
        path="/routes/explain",
        handler=explain,
        vi="Văn bản từ cơ quan này đến cơ quan kia đi đường nào, quy tắc nào quyết định và vì sao.",
        en="How a package from one organisation to another goes, which rule decides and why.",
        scopes=(Scope.ORGANS,),
        query=RouteQuery,
        replies={200: RouteOut},
    ),
)
