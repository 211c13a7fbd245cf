"""Hashes in the spellings that Nix uses: base 16, Nix's base 32, base 64, SRI.

Source: the Nix manual, `nix-hash` and `nix hash to-sri`. Nix's base 32 reads the digest as one little-endian
number, five bits at a time, most significant digit first, in an alphabet without e, o, u and t.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from filcross.errors import UnsupportedInputError

DIGEST_BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
_BASE32 = "0123456789abcdfghijklmnpqrsvwxyz"
_BASE32_VALUE = {character: value for value, character in enumerate(_BASE32)}


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """One hash: the algorithm (`md5`, `sha1`, `sha256`, `sha512`) and the digest in lower-case base 16."""

    algorithm: str
    hex: str

    @property
    def base32(self) -> str:
        """The digest in Nix's base 32, as older Nix files write it."""
        number = int.from_bytes(bytes.fromhex(self.hex), "little")
        length = _base32_length(DIGEST_BYTES[self.algorithm])
        return "".join(_BASE32[(number >> (5 * place)) & 31] for place in reversed(range(length)))

    @property
    def sri(self) -> str:
        """The digest as `algorithm-base64`, as newer Nix files write it."""
        return f"{self.algorithm}-{base64.b64encode(bytes.fromhex(self.hex)).decode()}"

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def parse_digest(text: str, algorithm: str | None = None) -> Digest:
    """Read a hash in any spelling of Nix; `algorithm` is needed where the text does not name it.

    Accepts `ALGO-BASE64` (SRI), `ALGO:DIGEST` and a bare digest in base 16, base 32 or base 64 (told apart by
    their length). Raises `UnsupportedInputError` for anything else.
    """
    named = re.fullmatch(r"(md5|sha1|sha256|sha512)([:-])(.+)", text)
    body, sri = text, False
    if named:
        if algorithm not in (None, named[1]):
            raise UnsupportedInputError(f"the hash `{text}` is not {algorithm}")
        algorithm, body, sri = named[1], named[3], named[2] == "-"
    size = DIGEST_BYTES.get(algorithm or "")
    if algorithm is None or size is None:
        raise UnsupportedInputError(
            f"the hash `{text}` is of an unknown kind", hint="known: md5, sha1, sha256, sha512"
        )
    digest = _decode(body, size, sri=sri)
    if digest is None:
        raise UnsupportedInputError(f"`{text}` is not a {algorithm} hash")
    return Digest(algorithm, digest.hex())


def _decode(body: str, size: int, *, sri: bool) -> bytes | None:
    if not sri and re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", body):
        return bytes.fromhex(body)
    if not sri and len(body) == _base32_length(size):
        return _from_base32(body, size)
    try:
        digest = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == size else None


def _from_base32(body: str, size: int) -> bytes | None:
    number = 0
    for character in body:
        value = _BASE32_VALUE.get(character)
        if value is None:
            return None
        number = (number << 5) | value
    return number.to_bytes(size, "little") if number < 1 << (8 * size) else None


def _base32_length(size: int) -> int:
    return (8 * size + 4) // 5
