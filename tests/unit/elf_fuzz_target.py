"""What the fuzzers run: the whole way of one file's contents through the inspector, in memory."""

from __future__ import annotations

import os
from pathlib import Path

from filcross.elf import abi, inspect
from filcross.elf import image as elf
from filcross.elf.codemap import startup_code
from filcross.elf.policy import Runtime, RuntimeFile, policy_for

# Toolchains that no input was made with. Their code has the size that many inputs have, so that it is hashed.
LOADER = RuntimeFile("ld-fil1-x86_64.so", abi.LOADER, "0" * 64, 32, None, noted=True)
NOWHERE = Path("/nowhere")
POLICIES = (
    policy_for([Runtime("simulator", simulated=True, flavour="musl", folder=NOWHERE, files=(LOADER,))]),
    policy_for([Runtime("release", simulated=False, flavour="glibc", folder=NOWHERE, files=(LOADER,))]),
    policy_for([]),
)


class Target:
    """Judges one input after the other in one file of memory; an exception is a bug."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("input")

    def __call__(self, data: bytes) -> str | None:
        """Return the verdict, `None` for what is refused."""
        os.pwrite(self.descriptor, data, 0)
        os.ftruncate(self.descriptor, len(data))
        window = elf.Window(self.descriptor, 0, len(data))
        choice = len(data) % 4
        try:
            if choice < len(POLICIES):
                return inspect.judge_window("libc.a", window, POLICIES[choice]).verdict
            image = elf.read_image(window).complete()
            startup_code(image)
            image.code_hash()
        except (elf.ImageError, inspect.Unjudged):
            pass
        return None

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.descriptor)
