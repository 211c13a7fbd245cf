int corpus_answer(void);
int main(void) { return corpus_answer() != 42; }
