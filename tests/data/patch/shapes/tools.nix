# The choice of the compiler, one stage later. Written for the tests.
{
  buildPackages,
  hostPlatform,
  llvmPackages,
  tools,
}:

let
  toolchain =
    let
      # One wrapped compiler, and nothing below it.
      only = cc: {
        inherit cc;
        ccNoLibc = cc;
      };
    in
    if hostPlatform.usePrebuilt or false then
      only buildPackages.prebuilt.clang
    # A throw and not null.
    else if hostPlatform.isGhcjs or false then
      only (throw "no C compiler provided for this platform")
    else if hostPlatform.useLLVM or false then
      llvmPackages._tools
    else
      gccToolchain;

  gccToolchain = {
    cc = tools.wrapCC buildPackages.gcc-unwrapped;
    ccNoLibc = buildPackages.gccWithoutTargetLibc;
  };
in

{
  inherit (toolchain) cc ccNoLibc;
}
