# shellcheck shell=bash
# To be sourced: workplace CHECKOUT prints the folder for what the two commands make (virtual environments, links to
# results, caches of the checkers): the checkout, or a folder in the user's cache when that cannot be written.
workplace() {
  local folder
  if [ -w "$1" ]; then
    printf '%s' "$1"
    return
  fi
  folder=${XDG_CACHE_HOME:-${HOME:-$(echo ~)}/.cache}/filcross/checkouts/$(printf '%s' "$1" | sha256sum | cut -c1-16)
  if ! mkdir -p "$folder" 2>/dev/null; then
    printf '%s\n' "error: neither $1 nor $folder can be written" \
      "help: set HOME (or XDG_CACHE_HOME) to a folder of yours" >&2
    return 3
  fi
  printf '%s\n' "note: $1 cannot be written; what is made goes to $folder" >&2
  printf '%s' "$folder"
}
