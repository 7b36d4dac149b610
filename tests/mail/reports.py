"""Reports of mail servers, in the forms that real ones have; the texts are made up."""


def a_report(mark: str, action: str = "failed", status: str = "5.1.1", said: str = "550 5.1.1 no such user") -> bytes:
    """As Postfix writes it: text, delivery status, the returned mail's headers."""
    return f"""Return-Path: <>
From: MAILER-DAEMON@mail.invalid (Mail Delivery System)
To: truc@truc.invalid
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="B1/mail.invalid"
Message-Id: <20261124.B1@mail.invalid>

This is a MIME-encapsulated message.

--B1/mail.invalid
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

The mail system could not deliver your message.

--B1/mail.invalid
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.invalid
X-Postfix-Queue-ID: B1
Arrival-Date: Tue, 24 Nov 2026 09:00:00 +0700 (ICT)

Final-Recipient: rfc822; vanthu@binhan.invalid
Original-Recipient: rfc822;vanthu@binhan.invalid
Action: {action}
Status: {status}
Remote-MTA: dns; mx.binhan.invalid
Diagnostic-Code: smtp; {said}

--B1/mail.invalid
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

From: truc@truc.invalid
To: vanthu@binhan.invalid
Message-ID: <{mark}@truc.invalid>
X-Axis-Mark: {mark}

--B1/mail.invalid--
""".replace("\n", "\r\n").encode()


def a_whole_return(mark: str) -> bytes:
    """As Exim writes it: the whole mail comes back, and the receiver's block has few fields."""
    return f"""Return-path: <>
X-Failed-Recipients: vanthu@binhan.invalid
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mail.invalid>
To: truc@truc.invalid
Content-Type: multipart/report; report-type=delivery-status; boundary=x-eximdsn-1
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender

--x-eximdsn-1
Content-type: text/plain; charset=us-ascii

A message that you sent could not be delivered.

--x-eximdsn-1
Content-type: message/delivery-status

Reporting-MTA: dns; mail.invalid

Action: failed
Final-Recipient: rfc822;vanthu@binhan.invalid
Status: 5.0.0
Remote-MTA: dns; mx.binhan.invalid
Diagnostic-Code: smtp; 552 mailbox full

--x-eximdsn-1
Content-type: message/rfc822

Message-ID: <{mark}@truc.invalid>
Subject: x
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_m_1"

--=_m_1
Content-Type: application/pdf

AAAA
--=_m_1--

--x-eximdsn-1--
""".encode()


def an_absence(mark: str) -> bytes:
    """An automatic answer: no report."""
    return f"""From: vanthu@binhan.invalid
To: truc@truc.invalid
Subject: Re: 101/SYT-VP
In-Reply-To: <{mark}@truc.invalid>
Auto-Submitted: auto-replied
Content-Type: text/plain; charset=utf-8

I am away. Action: failed Status: 5.1.1
""".encode()
