const int corpus_table[64] = {1, 2, 3, 5, 8, 13, 21, 34};
