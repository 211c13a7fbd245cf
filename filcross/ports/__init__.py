"""What packages need to build with Fil-C, as data: `data/ports.toml`, and what users add to it."""
