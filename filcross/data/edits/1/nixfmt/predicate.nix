{
  isFilC = {
    abi = abis.filc;
  };
}
