/* One plugin: WORD is what it says to the program that loads it. */
void answer(const char *word);

void start(void) { answer(WORD); }
