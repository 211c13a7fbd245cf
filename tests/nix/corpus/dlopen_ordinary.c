void *dlopen(const char *, int);
void *corpus_load(void) { return dlopen("libm.so.6", 2); }
