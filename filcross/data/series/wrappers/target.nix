if targetPlatform.isFilC then "${targetPlatform.parsed.cpu.name}-unknown-linux-gnu" else null
