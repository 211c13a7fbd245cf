/* What nixpkgs' makeBinaryWrapper generates, in short: a command as text, and a start of another program. */
int execv(const char *, char *const *);
const char docstring[] = "# To see how it was made: makeCWrapper '" TARGET "' --set CORPUS 1\n";
int main(int argc, char **argv) { return execv(TARGET, argv) + (argc && docstring[0]); }
