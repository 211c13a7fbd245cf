"""Fil-C toolchains: releases, folders on disk, and the ABI simulator."""
