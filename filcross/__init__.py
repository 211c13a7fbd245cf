"""filcross: Fil-C as an ordinary cross target of nixpkgs."""

__version__ = "0.1.0"
