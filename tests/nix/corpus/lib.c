int corpus_answer(void) { return 42; }
