# Sourced by the compiler's wrapper: from the names in NIX_HARDENING_ENABLE to flags, without those that the compiler
# does not support.
hardeningCFlagsAfter=()
hardeningCFlagsBefore=()

declare -A hardening=()
for name in ${NIX_HARDENING_ENABLE_@suffixSalt@-}; do
    hardening[$name]=1
done
for name in @hardening_unsupported_flags@; do
    unset "hardening[$name]"
done
# Level 3 includes the lower one.
if [ -n "${hardening[fortify3]-}" ]; then
    unset "hardening[fortify]"
fi

for name in "${!hardening[@]}"; do
    case "$name" in
        fortify) hardeningCFlagsBefore+=(-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) ;;
        fortify3) hardeningCFlagsBefore+=(-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3) ;;
        stackprotector) hardeningCFlagsBefore+=(-fstack-protector-strong --param ssp-buffer-size=4) ;;
        pie)
            hardeningCFlagsBefore+=(-fPIE)
            # A shared or relocatable object is none.
            if [[ "$dontLink" != 1 && " ${params[*]} " != *" -shared "* && " ${params[*]} " != *" -r "* &&
                " ${params[*]} " != *" -static "* ]]; then
                hardeningCFlagsBefore+=(-pie)
            fi
            ;;
        pic) hardeningCFlagsBefore+=(-fPIC) ;;
        strictoverflow) hardeningCFlagsBefore+=(-fno-strict-overflow) ;;
        format) hardeningCFlagsBefore+=(-Wformat -Wformat-security -Werror=format-security) ;;
        # The others are for the linker.
    esac
done
