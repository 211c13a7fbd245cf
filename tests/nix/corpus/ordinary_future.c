/* What a later runtime has. */
void filc_check_of_the_future(void) {}
