"""Put the sources that derivations want into the Nix store, from the distribution's source mirror.

Where upstream's sites cannot be reached, the distribution's mirror often can, and it keeps many upstream
tarballs unchanged. Nix asks for a file by its hash, and the mirror's index lists the hash of every file: so a
source is found by what it contains, never by its name.

`instantiate` turns attributes of a tree into derivations, `wanted_sources` says which files those still need,
`seed` fetches them and adds them to the store.
"""

from __future__ import annotations

from filcross.sources.derivation import FixedSource, instantiate, wanted_sources
from filcross.sources.hashes import Digest
from filcross.sources.index import IndexedFile
from filcross.sources.seed import MissingSource, SeededSource, SeedReport, seed

__all__ = [
    "Digest",
    "FixedSource",
    "IndexedFile",
    "MissingSource",
    "SeedReport",
    "SeededSource",
    "instantiate",
    "seed",
    "wanted_sources",
]
