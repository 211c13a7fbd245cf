"filc"
