"""Find files by hash in a distribution's index of source packages.

An index (`Sources`) is a list of paragraphs, one for a source package, with `Package`, `Version`, `Directory`
and lists of ` HASH SIZE NAME` lines under `Files` (md5), `Checksums-Sha1`, `Checksums-Sha256` and
`Checksums-Sha512`; today's have the first and the third. Source: deb-src-control(5), dsc(5).
The length of a hash says which list it is from, so that one pass over the bytes finds any number of files.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filcross.sources.hashes import DIGEST_BYTES, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LINE = re.compile(rb"\n[ \t]+([0-9a-f]{32,128})[ \t]+(\d+)[ \t]+(\S+)")
_ALGORITHM = {2 * size: name for name, size in DIGEST_BYTES.items()}


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file of a source package: where it is, its size in bytes, and the package that has it."""

    digest: Digest
    url: str
    size: int
    package: str
    version: str
    suite: str


def find_files(index: Path, base_url: str, suite: str, wanted: Iterable[Digest]) -> dict[Digest, IndexedFile]:
    """Return where the files with the hashes `wanted` are, as far as this index has them.

    `index` is an unpacked `Sources` file, `base_url` what its directories are relative to, `suite` its name.
    """
    by_hex = {digest.hex.encode(): digest for digest in wanted}
    if not by_hex or index.stat().st_size == 0:
        return {}
    found: dict[Digest, IndexedFile] = {}
    with index.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for match in _LINE.finditer(data):
            digest = by_hex.get(match[1])
            if digest is None or digest in found or _ALGORITHM.get(len(match[1])) != digest.algorithm:
                continue
            fields = _paragraph(data, match.start() + 1)
            folder = fields.get("Directory", ".")
            where = "" if folder == "." else f"{folder.strip('/')}/"
            found[digest] = IndexedFile(
                digest,
                f"{base_url.rstrip('/')}/{where}{match[3].decode()}",
                int(match[2]),
                fields.get("Package", "?"),
                fields.get("Version", "?"),
                suite,
            )
    return found


def _paragraph(data: mmap.mmap, position: int) -> dict[str, str]:
    """Return the one-line fields of the paragraph around `position`."""
    start = data.rfind(b"\n\n", 0, position) + 1
    end = data.find(b"\n\n", position)
    text = data[start : end if end >= 0 else len(data)].decode("utf-8", "replace")
    fields = (line.partition(":") for line in text.splitlines() if line[:1].strip())
    return {name: value.strip() for name, colon, value in fields if colon}
