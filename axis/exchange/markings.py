"""Which phrases mark a document as a state secret. Such documents travel on a separate system, never here.

Norm: Luật Bảo vệ bí mật nhà nước 117/2025 (second-hand: the phrases are configuration).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Markings:
    """The configured phrases."""

    phrases: tuple[str, ...] = ("tuyệt mật", "tối mật", "mật")
    exceptions: tuple[str, ...] = ("mật độ", "mật ong", "mật mã", "mật khẩu")  # how innocent subjects begin
