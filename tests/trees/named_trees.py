"""The real trees that the environment names (docs/testing.md), and the states of the library's history."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# History of https://github.com/nix-community/nixpkgs.lib, the states at which releases branched off.
LIB_STATES = {
    "20.09": "46e3af8bf9b2f4a606c752dc4fb2f1a8adc2283b",
    "21.05": "51b823cf06612ae565cc5bd9c094436950150bbc",
    "21.11": "34a320123c50210c1b99cdd4862d02a526d0ea0b",
    "22.05": "d7ba7d6c7973cd30012cdca0ef56276ea53b9427",
    "22.11": "d780e9290b44a7008b80f7cda5966633273a9002",
    "23.05": "ba57ed4a02fe0d0e3982c6e3af23b0d894880556",
    "23.11": "8aeda7c5cff94473041ef2b053290e62407a477d",
    "24.05": "ba5a5019a742a11af751d1a477f707284957e49b",
    "24.11": "6f759df58b94dceb4972af3e1d8df0e728a06ab3",
    "25.05": "7417743ecb4c7d865e8c9ecf530853ea6ce50a71",
    "25.11": "b95dc8857c22303438ab5556bffe52819af30110",
    "26.05": "a55bb7dacba9f552f84d3416d2aede132b168c9d",
    "26.11": "de42d44212d207476489bce163375d8306a26d59",
}


def named(variable: str) -> Path:
    """Return the folder that `variable` names; without it the test is skipped, and says so."""
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} names no folder, so THIS TEST DID NOT RUN")
    return Path(value)
