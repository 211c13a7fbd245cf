"/nowhere"
