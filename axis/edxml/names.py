"""How the model's fields are called on the wire, in the order in which they are written.

The reader and the writer share these tables, so that what one writes the other reads.

Norm: QCVN 102:2016/BTTTT.   Peer: vendor samples, for the order and for what may repeat.
"""

from axis.edxml.model import NAMESPACE

XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"

# Elements that hold nothing but text: the model's field -> the element.
PARTY = {
    "organ_id": "OrganId",
    "organization_in_charge": "OrganizationInCharge",
    "organ_name": "OrganName",
    "organ_add": "OrganAdd",
    "email": "Email",
    "telephone": "Telephone",
    "fax": "Fax",
    "website": "Website",
}
CODE = {"code_number": "CodeNumber", "code_notation": "CodeNotation"}
PROMULGATION = {"place": "Place", "promulgation_date": "PromulgationDate"}
DOCUMENT_TYPE = {"type": "Type", "type_detail": "TypeDetail", "type_name": "TypeName"}
SIGNER = {"competence": "Competence", "position": "Position", "full_name": "FullName"}
RESPONSE_FOR = {
    "organ_id": "OrganId",
    "code": "Code",
    "document_id": "DocumentId",
    "promulgation_date": "PromulgationDate",
}
STAFF = {
    "department": "Department",
    "department_id": "DepartmentId",
    "staff": "Staff",
    "staff_id": "StaffId",
    "email": "Email",
    "mobile": "Mobile",
}
TRACE = {"organ_id": "OrganId", "timestamp": "Timestamp"}
RECEIVER = {"organ_id": "OrganId", "receiver_type": "ReceiverType"}

# Text elements of those that also hold others.
OTHER = {
    "priority": "Priority",
    "sphere_of_promulgation": "SphereOfPromulgation",
    "typer_notation": "TyperNotation",
    "promulgation_amount": "PromulgationAmount",
    "page_amount": "PageAmount",
    "direction": "Direction",
}
OTHER_LOOSE = {"reply_fors": "ReplyFors", "reference_codes": "ReferenceCodes"}  # their inner form is not known
BUSINESS = {
    "document_id": "DocumentId",
    "business_doc_type": "BussinessDocType",
    "business_doc_reason": "BussinessDocReason",
    "paper": "Paper",
}
DOCUMENT_INFO = {"document_info": "DocumentInfo", "document_receiver": "DocumentReceiver"}
REPLACEMENT = {"document_id": "DocumentId"}
MESSAGE = {
    "document_id": "DocumentId",
    "subject": "Subject",
    "content": "Content",
    "due_date": "DueDate",
    "steering_type": "SteeringType",
    "application_type": "ApplicationType",
}
STATUS = {"status_code": "StatusCode", "description": "Description", "timestamp": "Timestamp"}
REFERENCE = {
    "content_id": "ContentId",
    "content_type": "ContentType",
    "description": "Description",
    "name": "AttachmentName",
}
ATTACHMENT = {
    "content_id": "ContentId",
    "name": "AttachmentName",
    "description": "Description",
    "content_type": "ContentType",
}

MESSAGE_ORDER = (
    "From",
    "To",
    "DocumentId",
    "Code",
    "PromulgationInfo",
    "DocumentType",
    "Subject",
    "Content",
    "SignerInfo",
    "DueDate",
    "OtherInfo",
    "ResponseFor",
    "ResponseForTask",
    "SteeringType",
    "ApplicationType",
    "ToPlaces",
)
STATUS_ORDER = ("From", "ResponseFor", "StaffInfo", "StatusCode", "Description", "Timestamp")

_CONTAINERS = (
    *MESSAGE_ORDER,
    *STATUS_ORDER,
    *("edXML", "edXMLEnvelope", "edXMLHeader", "edXMLBody", "edXMLManifest", "MessageHeader", "Status", "Reference"),
    *("AttachmentEncoded", "Attachment", "ContentTransferEncoded", "Signature", "TraceHeaderList", "TraceHeader"),
    *("Appendixes", "Appendix", "TaskCode", "Place", "Bussiness", "BussinessDocumentInfo", "ReceiverList", "Receiver"),
    *("ReplacementInfoList", "ReplacementInfo", "OrganIdList", "OrganId"),
)
_TABLES = (
    *(PARTY, CODE, PROMULGATION, DOCUMENT_TYPE, SIGNER, RESPONSE_FOR, STAFF, TRACE, RECEIVER, OTHER, OTHER_LOOSE),
    *(BUSINESS, DOCUMENT_INFO, REPLACEMENT, MESSAGE, STATUS, REFERENCE),
)
NAMES = frozenset(_CONTAINERS) | frozenset(name for table in _TABLES for name in table.values())
"""Every element that the format knows."""

TAGS = {f"{{{NAMESPACE}}}{name}": name for name in NAMES} | {f"{{{XMLDSIG}}}Signature": "Signature"}
"""lxml's tag -> our name, for the elements that need no thought."""

OLD_SPELLINGS = {
    "Business": "Bussiness",
    "BusinessDocType": "BussinessDocType",
    "BusinessDocReason": "BussinessDocReason",
    "BusinessDocumentInfo": "BussinessDocumentInfo",
}
"""The older format's spelling -> the norm's."""
