/* The end of the unwinding tables: without it, an unwinder that looks for a function that has none reads on. */
__attribute__((section(".eh_frame"), used, aligned(4))) static const int end_of_tables = 0;
