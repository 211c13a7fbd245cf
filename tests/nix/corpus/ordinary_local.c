static int __attribute__((used, noinline)) quiet_helper(int x) { return x * 5; }
