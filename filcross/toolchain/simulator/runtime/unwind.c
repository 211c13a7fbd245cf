/* Nothing unwinds in C. What `-fexceptions` and cleanup attributes refer to ends the program. In a simulator with C++
   the runtime unwinds, and the C++ library's sources bring the personality. */
void _Unwind_Resume(void *exception) { (void)exception; __builtin_trap(); }
#ifndef CXX
int __gcc_personality_v0(void) { __builtin_trap(); }
#endif
