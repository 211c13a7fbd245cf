{
  llvm-exception = { };
}
