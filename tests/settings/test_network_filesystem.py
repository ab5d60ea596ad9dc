"""A ledger is refused where locks do not hold: the mount that really holds it decides."""

from pathlib import Path
from typing import Any

import pytest

from omni_bulk.errors import SettingsError
from omni_bulk.lock import network_filesystem, refuse_network_filesystem

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
nas:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/local xfs rw 0 0
//nas/share /mnt/my\\040share cifs rw 0 0
me@host:/ /mnt/ssh fuse.sshfs rw 0 0
/dev/sdc1 /mnt/ssh ext4 rw 0 0
C:\\134 /mnt/c 9p rw 0 0
a:/ /mnt/ceph ceph rw 0 0
overlay /var/lib/x overlay rw 0 0

odd line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/ledger.db", None),
        ("/home/me/ledger.db", "nfs4"),
        ("/home", "nfs4"),
        ("/homes/ledger.db", None),
        ("/home/local/ledger.db", None),
        ("/mnt/my share/ledger.db", "cifs"),
        ("/mnt/ssh/ledger.db", None),  # what was mounted there last is seen
        ("/mnt/c/ledger.db", "9p"),
        ("/mnt/ceph/a/b/c", "ceph"),
        ("/var/lib/x/ledger.db", None),
    ],
)
def test_the_innermost_mount_decides(path: str, kind: str | None) -> None:
    assert network_filesystem(MOUNTS, path) == kind


@pytest.mark.parametrize(
    ("kind", "network"),
    [(kind, True) for kind in ("nfs", "nfs3", "smbfs", "smb3", "afs", "lustre", "glusterfs", "fuse.glusterfs")]
    + [(kind, True) for kind in ("fuse.rclone", "fuse.s3fs", "fuse.ceph-fuse", "beegfs", "gpfs", "davfs", "ncpfs")]
    + [(kind, False) for kind in ("ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "fuse.lxcfs", "apfs")],
)
def test_types(kind: str, network: bool) -> None:
    assert network_filesystem(f"x / {kind} rw 0 0", "/ledger.db") == (kind if network else None)


def test_the_root_of_a_virtual_machine_is_no_share() -> None:
    assert network_filesystem("root / 9p rw 0 0", "/ledger.db") is None
    assert network_filesystem("", "/ledger.db") is None


def pretend(monkeypatch: pytest.MonkeyPatch, mounts: str | OSError) -> None:
    def read_text(path: Path, *args: Any, **kwargs: Any) -> str:
        assert path == Path("/proc/self/mounts")
        if isinstance(mounts, OSError):
            raise mounts
        return mounts

    monkeypatch.setattr(Path, "read_text", read_text)


def test_a_ledger_on_a_network_filesystem_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (tmp_path / "link").symlink_to(share)
    pretend(monkeypatch, f"/dev/sda / ext4 rw 0 0\nnas:/ {share} nfs rw 0 0\n")
    with pytest.raises(SettingsError) as caught:
        refuse_network_filesystem(tmp_path / "link" / "new" / "ledger.db")
    assert str(caught.value) == (
        f"The ledger {tmp_path}/link/new/ledger.db (OMNI_LEDGER, --ledger) lies on a network filesystem (nfs), where "
        "its locks do not hold: name one on a local disk."
    )
    refuse_network_filesystem(tmp_path / "ledger.db")


def test_where_mounts_are_not_known_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, FileNotFoundError("no /proc"))
    refuse_network_filesystem(Path("ledger.db"))
