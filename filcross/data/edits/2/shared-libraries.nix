isFilC
