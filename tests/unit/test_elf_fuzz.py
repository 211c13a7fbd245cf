"""Garbled files never crash the inspector and never come out as Fil-C code."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from elf_fuzz_target import Target
from elf_seeds import archive, seeds
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filcross.elf.archive import is_archive
from filcross.elf.inspect import inspect
from filcross.elf.policy import Runtime, RuntimeFile, policy_for

# A toolchain that none of the files was made with.
LOADER = RuntimeFile("ld-fil1-x86_64.so", "loader", "0" * 64, 32, None, noted=True)
POLICY = policy_for([Runtime("other", True, "musl", Path("/nowhere"), (LOADER,))])
SEEDS = list(seeds().values())


def judge(data: bytes) -> str | None:
    """Return the verdict for a file with these contents, `None` if it is none of the inspector's business."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(data)
        report = inspect([path], POLICY)
        assert report.exit_code in (0, 1, 4)
        return report.files[0].verdict if report.files else None


@st.composite
def garbled(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 12))):
        place = draw(st.integers(0, len(data) - 1) | st.integers(0, 400)) % len(data)
        value = draw(
            st.binary(min_size=1, max_size=8)
            | st.sampled_from([b"\xff" * 8, b"\xff" * 4, b"\0" * 8, b"\x7f" + b"\xff" * 7])
        )
        data[place : place + len(value)] = value
    end = draw(st.none() | st.integers(0, len(data)))
    return bytes(data[:end])


@settings(max_examples=600)
@given(garbled())
def test_no_garbled_file_crashes_or_is_filc(data: bytes) -> None:
    # The loader and the libraries do not exist, so that no program is Fil-C code, whatever it says of itself;
    # an object file with the simulator's note (or an archive of such) can be, if only bytes without meaning
    # were changed.
    verdict = judge(data)
    if data[16:18] == b"\x01\0" or is_archive(data):
        assert verdict in {None, "filc", "foreign", "mixed", "no-evidence", "unreadable"}
    else:
        assert verdict in {None, "foreign", "mixed", "no-evidence", "unreadable"}


@settings(max_examples=150)
@given(garbled(), st.none() | st.integers(0, 10**10 - 1), st.integers(0, 8))
@example(b"", None, 0)
def test_no_garbled_archive_crashes(data: bytes, claimed: int | None, cut: int) -> None:
    raw = archive(data, claimed)
    assert judge(raw[: len(raw) - cut]) in {None, "filc", "foreign", "mixed", "no-evidence", "unreadable"}


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_after_the_magic_number(data: bytes) -> None:
    assert judge(b"\x7fELF" + data) in {"foreign", "mixed", "no-evidence", "unreadable", None}


def test_a_sample_of_the_campaign_finds_nothing() -> None:
    chance = random.Random(5)
    pool = list(seeds().values())
    target = Target()
    found: set[str | None] = set()
    for _ in range(6000):
        data = bytearray(chance.choice(pool))
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(data))
            if chance.random() < 0.2:
                other = chance.choice(pool)
                start = chance.randrange(len(other))
                data[place : place + 64] = other[start : start + 64]
            else:
                data[place : place + 4] = chance.choice(
                    [b"\xff" * 4, b"\0" * 4, chance.randbytes(4), chance.randbytes(1)]
                )
        found.add(target(bytes(data)))
    target.close()
    assert found >= {"filc", "foreign", "no-evidence", "unreadable", None}
