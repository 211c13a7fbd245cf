_Thread_local int corpus_tls = 3;
int corpus_count(void) { return corpus_tls++; }
