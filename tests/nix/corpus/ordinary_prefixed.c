int pizlonated_corpus_answer(void) { return 41; }
