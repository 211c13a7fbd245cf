int extra_words(void) { return 7; }
int not_this_one(void) { return 8; }
