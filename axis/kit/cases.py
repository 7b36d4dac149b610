"""All cases, in the order in which they are shown."""

from axis.kit.case import Case
from axis.kit.receiving import RECEIVING
from axis.kit.sending import SENDING

CASES: tuple[Case, ...] = (*SENDING, *RECEIVING)
