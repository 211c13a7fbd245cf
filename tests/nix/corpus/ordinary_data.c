int ordinary_table[16] = {1, 2, 3};
