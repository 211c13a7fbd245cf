"""Driving Nix: finding it, evaluating, building, and reading its log."""
