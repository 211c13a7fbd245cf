#include "counting.h"

#include <ctype.h>

int is_inside(char character) { return character && !isspace((unsigned char)character); }

int count_words(const char *text)
{
    int words = 0;
    for (; *text; text++)
        words += is_inside(text[0]) && !is_inside(text[1]);
    return words;
}
