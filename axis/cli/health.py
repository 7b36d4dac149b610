"""`axis health`: how the node stands, as the operators' page tells it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from axis.cli.options import (
    ConfigOption,
    JsonOption,
    print_fields,
    print_json,
    print_table,
    say,
    show_moment,
    with_access,
)
from axis.clock import SystemClock

if TYPE_CHECKING:
    from axis.ops.access import Access
    from axis.ops.certificates import Ending
    from axis.ops.disk import DiskState
    from axis.ops.standing import NodeStanding

app = typer.Typer()

_WORDS = {
    "push": "gói tin chờ chuyển cho đối tác",
    "mark": "thay đổi chờ tính thời hạn, chỉ số",
    "figure": "ngày chờ tính lại chỉ số",
    "check": "gói tin chờ kiểm tra chữ ký",
    "evidence": "chứng cứ chờ CRL, OCSP, dấu thời gian",
    "reminder": "thời hạn chờ nhắc",
    "event": "sự kiện chờ đánh số",
    "bulk": "thao tác hàng loạt chưa xong",
    "leaf": "mục chứng cứ chờ đánh số",
}


@app.command("health")
def health(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Tell what waits within the node and for how long, how full it is, and which certificates end soon."""
    from axis.ops.disk import DiskState, DiskWatch, Watermark, probe_of
    from axis.ops.signing import node_signer
    from axis.ops.standing import node_standing

    now = SystemClock().now()

    async def read(access: "Access") -> "tuple[NodeStanding, DiskState]":
        settings = access.settings
        mark = Watermark(**settings.disk.model_dump())
        disk: DiskState = DiskWatch(probe_of(settings.store.data_dir), mark).state
        with node_signer(settings.signing) as signer:
            own = signer.chain[0] if signer else None
        return await node_standing(access, own, now), disk

    found, disk = with_access(config, read)
    if json:
        print_json(_plain(found, disk, now))
    else:
        _show(found, disk, now)


def _plain(found: "NodeStanding", disk: "DiskState", now: datetime) -> dict[str, Any]:
    from axis.ops.standing import is_late, waited

    return {
        "dead": found.stand.dead,
        "retrying": found.stand.retrying,
        "late": found.stand.late,
        "waiting": {
            one.kind: {
                "count": one.count,
                "oldest_at": one.oldest_at.isoformat() if one.oldest_at else None,
                "oldest_age_s": round(waited(one, now).total_seconds()) if one.oldest_at else None,
                "worked_at": one.worked_at.isoformat() if one.worked_at else None,
                "begun": one.begun,
                "late": is_late(one, now),
            }
            for one in found.waiting
        },
        "storage": {
            "database_bytes": found.stand.database_bytes,
            "disk_free_bytes": disk.space.free_bytes if disk.space else None,
            "disk_mark_bytes": disk.mark_bytes,
            "content": {
                place: {"blobs": one.blobs, "size_bytes": one.size_bytes, "counted_at": one.counted_at.isoformat()}
                for place, one in found.content.items()
            },
        },
        "certificates": [_certificate(one) for one in found.endings.certificates],
        "certificate_problems": list(found.endings.problems),
    }


def _certificate(one: "Ending") -> dict[str, Any]:
    known = one.known
    return {
        "subject": known.certificate.line.subject,
        "sha256": known.certificate.sha256,
        "role": known.role,
        "days_left": one.days,
        "not_after": known.certificate.not_after.isoformat(),
        "organ": known.organ_code or None,
        "partner": known.partner_id or None,
    }


def _show(found: "NodeStanding", disk: "DiskState", now: datetime) -> None:
    from axis.ops.standing import is_late, waited

    print_table(
        "Đang chờ trong nút",
        ("loại", "số lượng", "cũ nhất", "đã chờ", "trễ"),
        (
            (
                _WORDS[one.kind],
                str(one.count),
                show_moment(one.oldest_at),
                str(waited(one, now)).partition(".")[0] if one.oldest_at else "",
                "trễ" if is_late(one, now) else "" if one.begun else "chưa có bộ đánh số",
            )
            for one in found.waiting
        ),
    )
    print_fields(
        {
            "Cơ sở dữ liệu": f"{found.stand.database_bytes} byte",
            **{
                f"Nội dung ({place})": f"{one.blobs} mục, {one.size_bytes} byte, đếm lúc {show_moment(one.counted_at)}"
                for place, one in found.content.items()
            },
            "Ổ đĩa còn trống": f"{disk.space.free_bytes} byte" if disk.space else "không hỏi được",
        }
    )
    print_table(
        f"Chứng thư hết hạn trong {found.endings.warn_days} ngày",
        ("còn lại", "chủ thể", "vai trò", "cơ quan", "đối tác"),
        (
            (f"{one.days} ngày", one.known.certificate.name, one.known.role, one.known.organ_code, one.known.partner_id)
            for one in found.endings.certificates
        ),
    )
    for problem in found.endings.problems:
        say(f"Không đọc được chứng thư: {problem}", f"Certificates cannot be read: {problem}")
