int execv(const char *, char *const *);
const char *DOCSTRING = "# made by the following command:\n\nmakeCWrapper '" TARGET "' \\\n    --inherit-argv0\n";
int main(int argc, char **argv) { return execv(TARGET, argv) + argc + DOCSTRING[0]; }
