/* A library whose version script shows two of its three functions. */
int shown(int number) { return number + 1; }
int also_shown(int number) { return number + 2; }
int hidden(int number) { return number + 3; }
