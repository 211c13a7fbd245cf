if crossSystem.isFilC or false then buildPackages.filcc else null
