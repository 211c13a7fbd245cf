{
  isFilC = { abi = abis.filc; };
}
