"""What the first bytes of a file say that it is. Imports nothing heavy: `recording` asks before it imports a reader."""

from __future__ import annotations


def is_edf(head: bytes) -> bool:
    return head[:8] in (b"0       ", b"\xffBIOSEMI")


def is_dicom(head: bytes) -> bool:
    return head[128:132] == b"DICM"


def is_npz(head: bytes) -> bool:
    return head[:4] == b"PK\x03\x04" and b".npy" in head[:300]


def is_npy(head: bytes) -> bool:
    return head[:6] == b"\x93NUMPY"


def is_hdf5(head: bytes) -> bool:
    """At its very beginning: a MAT file of version 7.3 has 512 bytes before."""
    return head[:8] == b"\x89HDF\r\n\x1a\n"


def is_gdf(head: bytes) -> bool:
    return head[:4] == b"GDF "


def is_brainvision(head: bytes) -> bool:
    return b"Brain Vision Data Exchange Header File" in head[:80]


def is_aecg(head: bytes) -> bool:
    return _is_xml(head, "AnnotatedECG")


def is_sierra(head: bytes) -> bool:
    return _is_xml(head, "restingecgdata")


def is_scp(head: bytes) -> bool:
    """Section 0 comes after 6 bytes: it says its own length twice, in its header and in its list of sections, and most
    devices write SCPECG into it."""
    return head[16:22] == b"SCPECG" or (len(head) > 32 and head[8:10] == b"\0\0" and head[10:14] == head[24:28]
                                        and head[14:16] != b"\0\0")


def _is_xml(head: bytes, root: str) -> bool:
    """XML whose first element is `root`, in UTF-8 or UTF-16."""
    codec = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = head.decode(codec, "ignore").lstrip("\ufeff \t\r\n")
    while text.startswith(("<?", "<!--")):
        text = text.partition("-->" if text.startswith("<!--") else "?>")[2].lstrip()
    return text.startswith(f"<{root}") and not text[len(root) + 1:len(root) + 2].isalnum()
