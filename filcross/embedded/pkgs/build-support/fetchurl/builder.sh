source "$stdenv/setup"

downloadedFile="$out"
if [ -n "$downloadToTemp" ]; then
    downloadedFile="$TMPDIR/file"
fi

# shellcheck disable=SC2206  # lists of words
options=(
    --location --fail --disable --retry 3 --connect-timeout 15 --max-redirs 20 --speed-limit 100 --speed-time 60
    --proto-redir =https,http,ftp --silent --show-error
    $curlOptsList $curlOpts ${NIX_CURL_FLAGS-}
)

for address in $urls; do
    echo "trying $address"
    if curl "${options[@]}" --output "$downloadedFile" -- "$address"; then
        if [ -n "$executable" ]; then
            chmod +x "$downloadedFile"
        fi
        if [ -n "$postFetch" ]; then
            eval "$postFetch"
        fi
        exit 0
    fi
done

echo "error: cannot download $name from any of: $urls" >&2
exit 1
