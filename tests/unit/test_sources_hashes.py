"""Every spelling of a hash means the same bytes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filcross.errors import UnsupportedInputError
from filcross.sources.hashes import DIGEST_BYTES, Digest, parse_digest

# One tarball (GNU hello 2.10) in three spellings, as `nix-hash --type sha256 --to-base32` converts them.
HEX = "31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b"
BASE32 = "0ssi1wpaf7plaswqqjwigppsg5fyh99vdlb9kzl7c9lng89ndq1i"
SRI = "sha256-MeBmE3qWJnbon2nRtlOC3pWn732RS4y5VvQepy4PUWs="


@pytest.mark.parametrize("text", [HEX, HEX.upper(), BASE32, SRI, f"sha256:{BASE32}", SRI.split("-")[1]])
def test_one_hash_in_every_spelling(text: str) -> None:
    digest = parse_digest(text, "sha256")
    assert digest == Digest("sha256", HEX)
    assert (digest.base32, digest.sri) == (BASE32, SRI)


@given(st.sampled_from(sorted(DIGEST_BYTES)), st.binary(max_size=40))
def test_spellings_go_there_and_back(algorithm: str, content: bytes) -> None:
    digest = Digest(algorithm, hashlib.new(algorithm, content).hexdigest())
    for text in (digest.hex, digest.base32, digest.sri, str(digest)):
        assert parse_digest(text, algorithm) == digest
    assert parse_digest(digest.sri) == digest


@given(st.sampled_from(sorted(DIGEST_BYTES)), st.text(max_size=140))
def test_other_text_is_refused_not_misread(algorithm: str, text: str) -> None:
    try:
        digest = parse_digest(text, algorithm)
    except UnsupportedInputError:
        return
    assert digest.algorithm == algorithm
    assert len(bytes.fromhex(digest.hex)) == DIGEST_BYTES[algorithm]


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        (HEX, None),
        (HEX, "sha512"),
        (SRI, "sha1"),
        ("e" * 52, "sha256"),  # not a letter of Nix's base 32
        ("z" * 52, "sha256"),  # more than 256 bits
        ("sha256-AAAA", None),
        ("blake3-AAAA", None),
    ],
)
def test_wrong_hashes_are_refused(text: str, algorithm: str | None) -> None:
    with pytest.raises(UnsupportedInputError):
        parse_digest(text, algorithm)
