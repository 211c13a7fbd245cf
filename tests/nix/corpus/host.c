int puts(const char *);
int host_callback(int x) { return x * 2; }
int main(void) { return puts("host") < 0; }
