{
  # Fil-C, the memory-safe C and C++: the same CPU and kernel, another ABI.
  filc-x86_64 = { config = "x86_64-unknown-linux-filc"; };
  filc = { config = "x86_64-unknown-linux-filc"; };
}
