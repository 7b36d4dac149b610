"""`axis documents forward` and `return`: a receiver passes a document on, or gives it back."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, say
from axis.clock import SystemClock
from axis.errors import Code, Malformed

if TYPE_CHECKING:
    from axis.serve import Works

app = typer.Typer()

T = TypeVar("T")
ACTOR = "cli"

DocumentArgument = Annotated[
    str, typer.Argument(help="DocumentId, or the node's id of the document or of its package.", metavar="DOCUMENT")
]
ByOption = Annotated[str, typer.Option("--from", help="The receiver that does it, by any of its codes.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; the sender reads it.")]


@app.command("forward")
def forward(
    document: DocumentArgument,
    by: ByOption,
    to: Annotated[str, typer.Option("--to", help="The organisation below it that gets the document.")],
    reason: ReasonOption,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Pass a document on to an organisation below its receiver. The same again changes nothing."""
    from axis.exchange.forwarding import Forwarded, ForwardWish
    from axis.ids import DocumentUid

    async def pass_on(works: "Works", uid: str) -> Forwarded:
        wish = ForwardWish(document_uid=DocumentUid(uid), by_organ=by, to_organ=to, reason=reason, actor=ACTOR)
        return await works.exchange.forward(wish)

    done = _on_document(config, document, pass_on)
    if json:
        print_json({"delivery_id": done.delivery_id, "to": done.to_organ, "changed": done.changed})
    if done.changed:
        say(f"Đã chuyển tiếp cho {done.to_organ}.", f"Forwarded to {done.to_organ}.")
    else:
        say(f"Trước đó đã chuyển tiếp cho {done.to_organ}.", f"It had been forwarded to {done.to_organ} before.")


@app.command("return")
def send_back(
    document: DocumentArgument,
    by: ByOption,
    reason: ReasonOption,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Give a misaddressed document back to its sender, for a receiver that the node speaks for."""
    from axis.exchange.forwarding import ReturnWish
    from axis.exchange.values import Accepted, Outcome
    from axis.ids import DocumentUid

    async def give_back(works: "Works", uid: str) -> Accepted:
        now = SystemClock().now()
        wish = ReturnWish(document_uid=DocumentUid(uid), by_organ=by, reason=reason, actor=ACTOR, at=now)
        return await works.exchange.send_back(wish)

    done = _on_document(config, document, give_back)
    if json:
        print_json({"package_id": done.package_id, "changed": done.outcome is Outcome.ACCEPTED})
    if done.outcome is Outcome.ACCEPTED:
        say("Đã trả lại văn bản cho nơi gửi.", "Returned the document to its sender.")
    else:
        say("Trước đó đã trả lại văn bản.", "It had been returned before.")


def _on_document(config: Path | None, text: str, work: "Callable[[Works, str], Awaitable[T]]") -> T:
    """Do something with the one document that the text means. Raises NotFound, Malformed when it means several."""
    import asyncio

    from axis.cli.document_view import read_documents
    from axis.serve import working
    from axis.settings import find_config, read_settings

    found = [detail.document.document_uid for detail in read_documents(config, text)]
    if len(found) > 1:
        raise Malformed(Code.BAD_REQUEST, f"several are meant: {', '.join(found)}", at="DOCUMENT")

    async def run() -> T:
        async with working(read_settings(find_config(config))) as works:
            return await work(works, found[0])

    return asyncio.run(run())
