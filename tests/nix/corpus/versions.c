int corpus_answer(void) { return 42; }
int corpus_older(void) { return 41; }
