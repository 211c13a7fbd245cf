int corpus_answer(void);
int corpus_middle(void) { return corpus_answer() + 1; }
