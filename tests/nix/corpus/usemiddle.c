int corpus_middle(void);
int main(void) { return corpus_middle() != 43; }
