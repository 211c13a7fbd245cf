"""Reading ELF files and judging whether they are Fil-C code."""
