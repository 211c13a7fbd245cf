/* Functions that take as many arguments as they are given, of several types. */
#include <stdarg.h>
#include <stdio.h>

static double sum(const char *types, ...) {
  double result = 0;
  va_list rest;
  va_start(rest, types);
  for (; *types; types++) result += *types == 'i' ? va_arg(rest, int) : va_arg(rest, double);
  va_end(rest);
  return result;
}

static int show(const char *format, ...) {
  va_list rest;
  va_start(rest, format);
  int count = vprintf(format, rest);
  va_end(rest);
  return count;
}

int main(void) { return show("%.1f %s\n", sum("idii", 1, 2.5, 3, 4), "ten") == 9 ? 0 : 1; }
