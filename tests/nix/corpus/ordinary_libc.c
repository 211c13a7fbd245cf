int printf(const char *, ...);
int ordinary_report(int x) { return printf("%d\n", x); }
