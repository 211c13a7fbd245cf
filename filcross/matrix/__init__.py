"""Surveys, plans and comparisons over many packages."""
