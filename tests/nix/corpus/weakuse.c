__attribute__((weak)) int corpus_optional(void);
int main(void) { return corpus_optional ? corpus_optional() : 0; }
