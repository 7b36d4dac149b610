"""edXML files for tests: written out, so that nothing but the bytes is shared with the code under test."""

_QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"


def envelope(
    subject: str = "V/v kiểm tra chữ ký số", content: str = "VGjhu60gbmdoaeG7h20=", signature: str = ""
) -> bytes:
    """A small document package."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="{_QCVN}">
 <edXML:edXMLEnvelope xmlns:edXML="{_QCVN}">
  <edXML:edXMLHeader>
   <edXML:MessageHeader>
    <edXML:From><edXML:OrganId>H24.11</edXML:OrganId><edXML:OrganName>Sở Y tế</edXML:OrganName></edXML:From>
    <edXML:To><edXML:OrganId>H24.15</edXML:OrganId></edXML:To>
    <edXML:DocumentId>H24.11,2026/11/24,12/SYT-VP</edXML:DocumentId>
    <edXML:Subject>{subject}</edXML:Subject>
   </edXML:MessageHeader>
   <edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>H24.11</edXML:OrganId></edXML:TraceHeader></edXML:TraceHeaderList>
   {signature}</edXML:edXMLHeader>
  <edXML:edXMLBody><edXML:edXMLManifest version="1.0"/></edXML:edXMLBody>
 </edXML:edXMLEnvelope>
 <AttachmentEncoded><Attachment><ContentId>cid:1</ContentId><AttachmentName>a&amp;b.pdf</AttachmentName>
  <edXML:ContentTransferEncoded xmlns:edXML="{_QCVN}">{content}</edXML:ContentTransferEncoded>
 </Attachment></AttachmentEncoded>
</edXML>
""".encode()
