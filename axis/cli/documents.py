"""`axis documents`: what happened to a document, and what is done with it from here."""

from typing import Annotated

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json

app = typer.Typer()
documents_app = typer.Typer(help="Văn bản. Documents: what happened to them.", no_args_is_help=True)
app.add_typer(documents_app, name="documents")


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
