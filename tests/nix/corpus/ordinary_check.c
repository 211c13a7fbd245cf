/* Answers in the runtime's place. */
void filc_pollcheck_slow(void) {}
