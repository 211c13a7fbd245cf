/* A stand-in for libpizlo: ordinary code that exports the names of Fil-C's runtime. It does nothing. */
#define CHECK(name) void name(void) { for (;;); }
CHECK(filc_stack_overflow_failure)
CHECK(filc_pollcheck_slow)
CHECK(filc_optimized_access_check_fail)
CHECK(filc_check_function_call_fail)
CHECK(filc_cc_args_check_failure)
CHECK(filc_cc_rets_check_failure)
CHECK(filc_allocate)
CHECK(filc_global_initialization_start)
CHECK(filc_global_initialization_end)
CHECK(filc_defer_or_run_global_ctor)
CHECK(filc_start_program)
CHECK(pizlonated_zsys_write)
int filc_current_marking_state;
int version_of_this_runtime(void) { return VERSION; }
