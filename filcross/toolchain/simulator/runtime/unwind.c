/* Nothing unwinds in C. What `-fexceptions` and cleanup attributes refer to ends the program. */
void _Unwind_Resume(void *exception) { (void)exception; __builtin_trap(); }
int __gcc_personality_v0(void) { __builtin_trap(); }
