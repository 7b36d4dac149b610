"""`axis documents`: what happened to a document, and what is done with it from here."""

import sys
from typing import Annotated

import typer

from axis.cli import forwarding
from axis.cli.options import ConfigOption, JsonOption, print_json

app = typer.Typer()
documents_app = typer.Typer(help="Văn bản. Documents: what happened to them.", no_args_is_help=True)
app.add_typer(documents_app, name="documents")
documents_app.registered_commands += forwarding.app.registered_commands


@documents_app.command()
def show(
    document: Annotated[str, typer.Argument(help="DocumentId, or the node's id of the document or of its package.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show a document: its receivers, recalls, updates and replacements, each answer, what changed, what is linked."""
    from axis.cli.document_view import document_json, read_documents, show_document

    found = read_documents(config, document)
    if json:
        print_json({"documents": [document_json(detail) for detail in found]})
        return
    for detail in found:
        show_document(detail)


@documents_app.command()
def original(
    document: Annotated[str, typer.Argument(help="DocumentId, or the node's id of the document or of a package.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write out what a package was made from, as it was received: for what came by eDoc SOAP, in edXML 1.0.

    With --json: what it is, from whom it came, what made a package of it, and what had no place in that.
    """
    from axis.cli.original import original_json, read_original, write_original

    if json:
        print_json(original_json(read_original(config, document)))
    else:
        write_original(config, document, sys.stdout.buffer)
