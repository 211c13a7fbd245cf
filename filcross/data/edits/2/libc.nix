if final.isFilC then "filc" else null
