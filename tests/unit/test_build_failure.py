"""What the end of a build's log tells of its failure."""

from __future__ import annotations

import pytest

from filcross.nix.build import Failure


@pytest.mark.parametrize(
    ("tail", "told"),
    [
        (("checking for error... no", "x.c:3:1: error: boom", "y.c: error: later", "make: *** Error 1"), 1),
        (("ok", "make[2]: *** No rule to make target 'a', needed by 'b'.  Stop."), 1),
        (("ok", "cp: cannot stat 'liblua.so': No such file or directory", "make: *** Error 1"), 1),
        (("x.o: undefined reference to `pizlonated_f'", "clang: error: linker command failed"), 0),
        (("      |         error (0, 0);", "make: *** [Makefile:3: all] Error 2"), None),
        ((), None),
    ],
)
def test_the_first_line_that_tells_of_an_error(tail: tuple[str, ...], told: int | None) -> None:
    failure = Failure(
        "/nix/store/x.drv", "x", "builder failed", tail, "nix-store --read-log", fixed_output=False
    )
    assert failure.told == ("builder failed" if told is None else tail[told])
