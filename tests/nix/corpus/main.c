int puts(const char *);
int main(void) { return puts("corpus") < 0; }
