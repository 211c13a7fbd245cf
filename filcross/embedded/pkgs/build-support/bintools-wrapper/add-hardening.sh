# Sourced by the linker's wrapper: hardening that the linker does.
hardeningLDFlags=()
for name in ${NIX_HARDENING_ENABLE_@suffixSalt@-}; do
    case " @hardening_unsupported_flags@ " in
        *" $name "*) continue ;;
    esac
    case "$name" in
        relro) hardeningLDFlags+=(-z relro) ;;
        bindnow) hardeningLDFlags+=(-z now) ;;
    esac
done
