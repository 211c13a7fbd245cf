# The embedded tree with a compiler and a linker for pkgsCross.musl64 that write down how they are called (to the file
# named by $RECORD) and make an empty output. What is tested is the wrappers around them.
{ tree }:
import tree {
  overlays = [
    (
      final: prev:
      prev.lib.optionalAttrs (prev.stdenv.targetPlatform.isMusl && !prev.stdenv.hostPlatform.isMusl) (
        let
          recorder = final.writeShellScript "recorder" ''
            printf '%s\n' "$@" > "$RECORD"
            while (($#)); do
              if [ "$1" = -o ]; then : > "$2"; fi
              shift
            done
          '';
        in
        {
          recorderLibc = final.runCommand "recorder-libc" { passthru.version = "1"; } ''
            mkdir -p $out/include $out/lib
            touch $out/lib/ld-musl-x86_64.so.1 $out/lib/libc.so
          '';
          gcc = final.wrapCCWith {
            cc = final.runCommand "recorder-cc-1" {
              passthru = {
                isClang = true;
                hardeningUnsupportedFlags = [ "stackprotector" ];
              };
            } ''
              mkdir -p $out/bin $out/lib
              ln -s ${recorder} $out/bin/clang
              ln -s ${recorder} $out/bin/clang++
            '';
            libc = final.recorderLibc;
            gccForLibs = null;
            useCcForLibs = false;
            nixSupport.cc-ldflags = "-z from-nix-support";
            extraBuildCommands = ''
              echo " -DEXTRA" >> $out/nix-support/cc-cflags
            '';
            bintools = final.wrapBintoolsWith {
              libc = final.recorderLibc;
              bintools = final.runCommand "recorder-bintools-1" { } ''
                mkdir -p $out/bin
                ln -s ${recorder} $out/bin/x86_64-unknown-linux-musl-ld
                for tool in ar strip; do
                  ln -s ${recorder} $out/bin/x86_64-unknown-linux-musl-$tool
                done
              '';
            };
          };
        }
      )
    )
  ];
}
