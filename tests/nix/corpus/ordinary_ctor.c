static int seen;
static void __attribute__((constructor)) before_main(void) { seen = 1; }
