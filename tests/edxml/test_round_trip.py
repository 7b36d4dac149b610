"""What is written is read again, field by field, for both kinds and all four business types."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from axis.edxml.attachments import Declared, attach
from axis.edxml.model import (
    Business,
    BusinessDocumentInfo,
    Code,
    DocumentHeader,
    DocumentPackage,
    DocumentType,
    OtherInfo,
    Package,
    Party,
    PromulgationInfo,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusHeader,
    StatusPackage,
    TraceHeader,
)
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes, write
from axis.terms import BusinessType, StatusCode

# Every character that XML carries; text is trimmed when it is read.
LETTERS = st.characters(min_codepoint=0x20, exclude_categories=("Cs",), exclude_characters="\ufffe\uffff")
TEXT = st.text(st.sampled_from("\t\n\r <>&'\"]") | LETTERS, max_size=8).map(str.strip)
OPTIONAL = st.none() | TEXT
FILLED = TEXT.filter(bool)


def filled(cls: type, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a dataclass whose other fields are optional texts."""
    names = cls.__dataclass_fields__
    return st.builds(cls, **{name: fields.get(name, OPTIONAL) for name in names})


def several(strategy: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=most).map(tuple)


PARTY = filled(Party, organ_id=FILLED)
STAFF = filled(StaffInfo)
BUSINESS = {
    kind: filled(
        Business,
        business_doc_type=st.just(str(int(kind))),
        document_info=st.none() | filled(BusinessDocumentInfo, receivers=several(filled(Receiver))),
        replacements=several(filled(ReplacementInfo, organ_ids=several(TEXT))),
        staff=st.none() | STAFF,
    )
    for kind in BusinessType
}
HEADER = filled(
    DocumentHeader,
    sender=PARTY,
    receivers=st.lists(PARTY, min_size=1, max_size=3).map(tuple),
    document_id=FILLED,
    code=filled(Code),
    promulgation=filled(PromulgationInfo),
    document_type=filled(DocumentType),
    signer=filled(SignerInfo),
    other=filled(OtherInfo, appendixes=several(TEXT), reply_fors=OPTIONAL, reference_codes=OPTIONAL),
    response_for=several(filled(ResponseFor)),
    tasks=several(TEXT),
    to_places=several(TEXT),
    traces=several(filled(TraceHeader)),
    business=st.none() | st.one_of(*BUSINESS.values()),
)
DECLARED = filled(Declared, content_id=st.none(), name=TEXT)
ATTACHMENTS = several(st.tuples(DECLARED, st.binary(max_size=200))).map(
    lambda files: tuple(
        attach(replace(declared, content_id=f"cid:{position}"), content)
        for position, (declared, content) in enumerate(files)
    )
)
DOCUMENT = st.builds(DocumentPackage, header=HEADER, attachments=ATTACHMENTS)
STATUS = st.builds(
    StatusPackage,
    header=filled(
        StatusHeader,
        sender=PARTY,
        response_for=filled(ResponseFor, organ_id=FILLED, document_id=FILLED),
        staff=st.none() | STAFF,
        status_code=st.sampled_from([*StatusCode, "1", "6"]).map(str),
    ),
)


def silent(package: Package) -> Package:
    """The package without what the reader found odd."""
    return replace(package, findings=())


@settings(max_examples=60)
@given(package=DOCUMENT)
def test_a_written_document_is_read_again(package: DocumentPackage) -> None:
    raw = to_bytes(package)
    again = read(raw)
    assert silent(again) == package
    assert to_bytes(again) == raw


@given(package=STATUS)
def test_a_written_status_is_read_again(package: StatusPackage) -> None:
    assert silent(read(to_bytes(package))) == package


@settings(max_examples=10)
@given(package=DOCUMENT)
def test_a_document_written_from_files_is_read_again_into_files(package: DocumentPackage) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "package"
        with path.open("wb") as out:
            write(package, out)
        again = read(path, spool_dir=Path(folder))
        assert isinstance(again, DocumentPackage)
        assert again.header == package.header
        assert to_bytes(again) == to_bytes(package)


def full(business: Business) -> DocumentPackage:
    """A document package in which no field is empty."""
    party = Party(**{name: f"party {name}" for name in Party.__dataclass_fields__})
    response_for = ResponseFor(**{name: f"response {name}" for name in ResponseFor.__dataclass_fields__})
    other = {name: f"other {name}" for name in OtherInfo.__dataclass_fields__}
    header = DocumentHeader(
        sender=party,
        receivers=(party, replace(party, organ_id="second")),
        document_id="id",
        code=Code(code_number="1", code_notation="A"),
        promulgation=PromulgationInfo(place="p", promulgation_date="2026/11/24"),
        document_type=DocumentType(type="2", type_detail="0", type_name="Công văn"),
        subject="s",
        content="c",
        signer=SignerInfo(competence="TL.", position="p", full_name="f"),
        due_date="2026/12/01",
        other=OtherInfo(**{**other, "appendixes": ("one", "two")}),
        response_for=(response_for, response_for),
        tasks=("t1", "t2"),
        steering_type="1",
        application_type="0",
        to_places=("a", "b"),
        traces=(TraceHeader(organ_id="o", timestamp="2026/11/24 00:00:00"),) * 2,
        business=business,
    )
    return DocumentPackage(
        header=header,
        attachments=(attach(Declared(content_id="cid:1", name="n", description="d", content_type="t"), b"x"),),
    )


def full_business(kind: BusinessType) -> Business:
    return Business(
        document_id="target",
        business_doc_type=str(int(kind)),
        business_doc_reason="r",
        paper="1",
        document_info=BusinessDocumentInfo(
            document_info="1",
            document_receiver="1",
            receivers=(Receiver(organ_id="o", receiver_type="0"), Receiver(organ_id="p", receiver_type="1")),
        ),
        replacements=(ReplacementInfo(document_id="x", organ_ids=("o", "p")),) * 2,
        staff=StaffInfo(**{name: f"staff {name}" for name in StaffInfo.__dataclass_fields__}),
    )


def assert_nothing_is_empty(value: object) -> None:
    for name in getattr(value, "__dataclass_fields__", {}):
        part = getattr(value, name)
        if name in ("findings", "has_signature", "zipped_by_client"):
            continue
        assert part not in (None, "", ()), f"{type(value).__name__}.{name}"
        for one in part if isinstance(part, tuple) else (part,):
            assert_nothing_is_empty(one)


def test_every_field_of_every_business_type_makes_the_round_trip() -> None:
    for kind in BusinessType:
        package = full(full_business(kind))
        assert_nothing_is_empty(package)
        assert silent(read(to_bytes(package))) == package
