if hostPlatform.isFilC or false then only buildPackages.filcc else null
