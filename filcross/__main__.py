"""`python -m filcross`: the command line, where the script of that name cannot be started."""

from __future__ import annotations

from filcross.cli import main

if __name__ == "__main__":
    main()
