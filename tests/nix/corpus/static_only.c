static int quiet(int x) { return x * 7 + 1; }
int (*const corpus_pointer)(int) = quiet;
