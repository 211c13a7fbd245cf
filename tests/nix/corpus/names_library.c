const char *corpus_name(void) { return "libcorpusplugin.so"; }
