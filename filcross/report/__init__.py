"""Renderings of a verification report."""
