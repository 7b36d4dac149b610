"""A stock SOAP client, which knows nothing but our WSDL, calls every operation."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import zeep
from zeep.wsdl.attachments import MessagePack

from tests.edoc.city import ORGAN, XD, YTE, SoapCity, token_of

T = TypeVar("T")
PDF = b"%PDF-1.7 cong van"
DOCUMENT_ID = "H24.11,2026/11/24,101/SYT-VP"


@pytest.fixture(params=["EdocSoap11", "EdocSoap12"])
async def service(city: SoapCity, request: pytest.FixtureRequest) -> Any:
    """The service of one version of SOAP, as zeep makes it of the WSDL."""
    client = await asyncio.to_thread(zeep.Client, f"{city.url}/edoc?wsdl")
    yield client.bind("EdocService", request.param)
    await asyncio.to_thread(client.transport.session.close)


async def call(operation: Callable[..., T], *values: object, **named: object) -> T:
    """zeep blocks: it works beside the front."""
    return await asyncio.to_thread(operation, *values, **named)


def who(system_id: str) -> dict[str, str]:
    """OrganId and Token."""
    return {"OrganId": ORGAN[system_id], "Token": token_of(system_id)}


def header() -> dict[str, object]:
    """The header of a document from Sở Y tế to Sở Xây dựng."""
    return {
        "MessageHeader": {
            "From": {"OrganId": "H24.11", "OrganName": "Sở Y tế"},
            "To": [{"OrganId": "H24.15", "OrganName": "Sở Xây dựng"}],
            "DocumentId": DOCUMENT_ID,
            "Code": {"CodeNumber": "101", "CodeNotation": "SYT-VP"},
            "PromulgationInfo": {"Place": "Hải Phòng", "PromulgationDate": "2026/11/24"},
            "Subject": "V/v họp giao ban",
            "OtherInfo": {"Priority": "1", "Appendixes": {"Appendix": ["Phụ lục I", "Phụ lục II"]}},
        },
        "TraceHeaderList": {
            "TraceHeader": [{"OrganId": "H24.11", "Timestamp": "2026/11/24 08:00:00"}],
            "Business": {"BusinessDocType": "0", "Paper": "0"},
        },
        "Signature": {"KeyInfo": who(YTE)},
    }


async def test_every_operation_is_called_from_the_wsdl(city: SoapCity, service: Any) -> None:
    assert (await call(service.CheckPermission, _soapheaders={"CheckPermission": who(YTE)})).IsSuccess
    listed = await call(service.GetOrganizations, **who(YTE))
    assert "H24.15" in [one.OrganId for one in listed.Organizations.Organization]

    reference = {"href": "cid:1@dms", "AttachmentName": "Công văn.pdf", "Content": PDF}
    sent = await call(service.SendDocument, Reference=[reference], _soapheaders=header())
    document_id = sent.DocumentId
    assert document_id
    stored = await city.stored(document_id)
    assert [(file.name, file.content) for file in stored.attachments] == [("Công văn.pdf", PDF)]
    assert stored.header.other.appendixes == ("Phụ lục I", "Phụ lục II")

    pending = await call(service.GetPendingDocumentIds, **who(XD))
    assert pending.DocumentIds.DocumentId == [document_id]

    got = await call(service.GetDocument, DocumentId=document_id, **who(XD))
    assert isinstance(got, MessagePack)
    assert got.root.header.MessageHeader.Subject == "V/v họp giao ban"
    assert got.root.body.Reference[0].AttachmentName == "Công văn.pdf"
    assert [part.content for part in got.attachments] == [PDF]

    assert (await call(service.ConfirmReceived, DocumentId=document_id, **who(XD))).IsSuccess
    status = {
        "From": {"OrganId": "H24.15"},
        "ResponseFor": {"OrganId": "H24.11", "DocumentId": DOCUMENT_ID, "Code": "101/SYT-VP"},
        "StatusCode": "03",
        "Description": "đã vào sổ",
        "Timestamp": "2026/11/24 09:00:00",
    }
    assert (await call(service.UpdateTraces, _soapheaders={"Signature": {"KeyInfo": who(XD)}}, **status)).IsSuccess
    traces = await call(service.GetTraces, **who(YTE))
    assert [one.StatusCode for one in traces.Traces.Status] == ["01", "03"]
    assert traces.Traces.Status[1].Description == "đã vào sổ"


async def test_a_refusal_is_read_too(service: Any) -> None:
    refused = await call(service.GetPendingDocumentIds, OrganId="H24.15", Token="wrong")
    assert not refused.Report.IsSuccess
    assert refused.Report.ErrorList.Error[0].Code == "CheckPermission"
