if targetPlatform.isFilC then "${targetPlatform.parsed.cpu.name}-unknown-linux-gnu" else targetPlatform.config
