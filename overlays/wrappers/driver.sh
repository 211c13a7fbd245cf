#! @shell@
# Runs Fil-C's driver @prog@ with a command line that it understands. The tree's cc-wrapper calls this in the driver's
# place, with every flag of the build, of its inputs and of the wrapper: here they are all seen, whatever the tree.
#
# - Version scripts, in every spelling, become the driver's own --version-script=, which gives the names in them their
#   prefix. What it cannot take is explained, with the script's name and line.
# - Other lists of symbols for the linker, which the driver passes on as they are, get the prefix here.
# - Flags for what Fil-C does not have are left out, with a warning.
# - Debug sections are never compressed.
set -u -o pipefail +o posix

warn() { printf 'filcc: warning: %s\n' "$1" >&2; }
refuse() {
  printf 'filcc: error: %s\n' "$1" >&2
  if [[ -n ${2-} ]]; then printf 'filcc: help: %s\n' "$2" >&2; fi
  exit 1
}

if [[ ${1-} == -cc1* ]]; then exec @prog@ "$@"; fi

temporary=()
cleanUp() { if ((${#temporary[@]})); then @coreutils@/bin/rm -f -- "${temporary[@]}"; fi; }
trap cleanUp EXIT

# makeFile SUFFIX: the name of a new empty file, in `made`.
makeFile() {
  local attempt
  for ((attempt = 0; attempt < 100; attempt++)); do
    made=${TMPDIR:-/tmp}/filcc-$$-$RANDOM$RANDOM$1
    if (set -C && : > "$made") 2> /dev/null; then
      temporary+=("$made")
      return
    fi
  done
  refuse "cannot write a file in ${TMPDIR:-/tmp}"
}

# ---- response files ------------------------------------------------------------------------------------------------

# What this program must see or take out. A response file without any of it is passed on as it is.
interesting='version-s|dynamic-list|dynamic-symbol|-undefined|require-defined|(^|[[:space:],"])-u|-flto|-fat-lto|-fprofile|-fcs-profile|coverage|-fsanitize|-pg|-gz|compress-debug|-lgcc|export-dynamic|--wrap|-wrap|(^|[[:space:]])@'

# readWords FILE: the words of a response file, quoted as GCC and clang do, in `words`.
readWords() {
  local line word="" started="" quote="" piece
  words=()
  while IFS= read -r line || [[ -n $line ]]; do
    while [[ -n $line ]]; do
      if [[ $line == \\* ]]; then
        word+=${line:1:1} started=1 line=${line:2}
      elif [[ -n $quote ]]; then
        piece=${line%%["$quote"\\]*}
        word+=$piece line=${line#"$piece"}
        if [[ $line == "$quote"* ]]; then quote="" line=${line:1}; fi
      elif [[ $line == [\"\']* ]]; then
        quote=${line:0:1} started=1 line=${line:1}
      elif [[ $line == [[:space:]]* ]]; then
        if [[ -n $started ]]; then words+=("$word"); fi
        word="" started="" line=${line:1}
      else
        piece=${line%%[[:space:]\"\'\\]*}
        word+=$piece started=1 line=${line#"$piece"}
      fi
    done
    if [[ -n $quote ]]; then
      word+=$'\n'
    elif [[ -n $started ]]; then
      words+=("$word")
      word="" started=""
    fi
  done < "$1"
  if [[ -n $started ]]; then words+=("$word"); fi
}

# expand DEPTH WORD...: add the words to `given`, those of response files in their place.
given=()
expanded=""
expand() {
  local depth=$1 word content
  local -a words
  shift
  for word; do
    if [[ $word == @?* && -f ${word:1} && -r ${word:1} ]] && ((depth < 20)); then
      content=$(< "${word:1}")
      if [[ $content =~ $interesting ]]; then
        expanded=1
        readWords "${word:1}"
        expand $((depth + 1)) ${words[@]+"${words[@]}"}
        continue
      fi
    fi
    given+=("$word")
  done
}

# ---- version scripts -----------------------------------------------------------------------------------------------

# normalise SCRIPT: what the driver takes of it, in `text`; `changed` says whether that is another text. The driver
# (PizlonateVersionScript in its Gnu.cpp) knows names, which may have `*` in them, and comments like /* */. Names in
# quotes, comments with # and blocks of extern "C" say the same as what every version of it knows, and are put in its
# words. Patterns with ? and [ are left out where they only hide names.
# With a PREFIX, the text is for the linker: names get the prefix, and patterns may stay.
normalise() {
  local script=$1 prefix=${2-} line number=0 comment="" depth=0 block=0 expected="" swallow="" last="" section="" rest
  local plain='^[A-Za-z0-9_.$@*]+$' word='^([^][:space:];{}"#:/]|]|::|/[^*])+'
  text="" changed=""
  cannot() {
    if [[ -n $prefix ]]; then refuse "$script:$number: Fil-C's symbols cannot be listed with $1" "name them one by one"; fi
    refuse "$script:$number: Fil-C's driver cannot take $1 in a version script: it knows names, with \`*\` in them" \
      "name the symbols one by one, or build the package without its version script"
  }
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    while [[ -n $line ]]; do
      if [[ -n $comment ]]; then
        if [[ $line == *'*/'* ]]; then
          line=${line#*'*/'} comment=""
        else
          line=""
        fi
      elif [[ $line == [[:space:]]* ]]; then
        line=${line:1} text+=" "
      elif [[ $line == '/*'* ]]; then
        comment=1 line=${line:2}
      elif [[ $line == '#'* ]]; then
        line="" changed=1
      elif [[ $line == \"* ]]; then
        rest=${line:1}
        if [[ $rest != *\"* ]]; then cannot "an open quote"; fi
        rest=${rest%%\"*}
        line=${line:$((${#rest} + 2))} changed=1
        if [[ $expected == language ]]; then
          if [[ $rest != C ]]; then cannot "\`extern \"$rest\"\`"; fi
          expected=block
        elif [[ $rest =~ $plain ]]; then
          text+=$prefix$rest last=name
        else
          cannot "\`\"$rest\"\`"
        fi
      elif [[ $line == '{'* ]]; then
        line=${line:1}
        if [[ $expected == block ]]; then
          block=1 expected="" swallow=""
        else
          depth=$((depth + 1)) text+="{" last="{" section=""
        fi
      elif [[ $line == '}'* ]]; then
        line=${line:1}
        if ((block)); then
          # The names of the block and the block end with a semicolon each.
          block=0
          if [[ $last == ";" || $last == ":" || $last == "{" ]]; then swallow=1; fi
        else
          # A label whose patterns were all left out is no longer right.
          if [[ $text =~ (global|local)[[:space:]]*:[[:space:]]*$ ]]; then text=${text%"${BASH_REMATCH[0]}"}; fi
          depth=$((depth - 1)) text+="}" last="}"
        fi
      elif [[ $line == ';'* ]]; then
        line=${line:1}
        if [[ -z $swallow ]]; then text+=";" last=";"; fi
        swallow=""
      elif [[ $line == ':'* && $line != '::'* ]]; then
        if [[ $text =~ (global|local)[[:space:]]*$ ]]; then section=${BASH_REMATCH[1]}; fi
        line=${line:1} text+=":" last=":"
      elif [[ $line =~ $word ]]; then
        rest=${BASH_REMATCH[0]}
        line=${line:${#rest}} swallow=""
        if ((depth)) && [[ $rest == extern ]]; then
          expected=language changed=1
          continue
        fi
        if [[ -n $prefix && $rest != '*' && $rest != *[!A-Za-z0-9_.$@*?]* ]]; then
          rest=$prefix$rest
        elif ((depth)) && [[ $rest != '*' && ! $rest =~ $plain ]]; then
          if [[ $rest == *['?[']* && $section == local ]]; then
            # It hides names that nobody asks for.
            warn "$script:$number: the names like \`$rest\` stay visible: Fil-C's driver knows names, with \`*\` in them"
            changed=1 swallow=1
            continue
          fi
          if [[ $rest == *['?[']* ]]; then cannot "the pattern \`$rest\`"; fi
          cannot "\`$rest\`"
        fi
        text+=$rest last=name
      else
        cannot "\`${line:0:1}\`"
      fi
    done
    text+=$'\n'
  done < "$script"
}

scripts=()
addScript() {
  local known
  for known in ${scripts[@]+"${scripts[@]}"}; do
    if [[ $known == "$1" ]]; then return; fi
  done
  scripts+=("$1")
}

# ---- the command line ----------------------------------------------------------------------------------------------

declare -A told=()
leaveOut() {
  if [[ -z ${told[$1]-} ]]; then warn "$1 is left out: Fil-C has no $2"; fi
  told[$1]=1
}

# symbolFor NAME: how the linker knows a C name, in `symbol`.
symbolFor() {
  case $1 in
    pizlonated* | filc_* | '') symbol=$1 ;;
    *) symbol=pizlonated_$1 ;;
  esac
}

# listFor FILE: a copy of a list of symbols, with prefixes, in `made`.
listFor() {
  if ! [[ -f $1 && -r $1 ]]; then refuse "cannot read the list of symbols $1"; fi
  normalise "$1" pizlonated_
  makeFile .list
  printf '%s' "$text" > "$made"
}

links=1
kept=()
awaits="" wraps=""
# linkerWord WORD: decide about a word for the linker; true when it stays, as what `stands` says.
linkerWord() {
  local word=$1 option=$awaits
  stands=$word
  if [[ -n $option ]]; then
    awaits=""
    case $option in
      *version-s*)
        addScript "$word"
        return 1
        ;;
      *list)
        listFor "$word"
        stands=$made
        ;;
      *)
        symbolFor "$word"
        stands=$symbol
        ;;
    esac
    return 0
  fi
  case $word in
    --version-s*=* | -version-script=*) addScript "${word#*=}" ;;
    --version-s* | -version-script) awaits=$word ;;
    --dynamic-list=* | -dynamic-list=* | --export-dynamic-symbol-list=*)
      if [[ -n $links ]]; then
        listFor "${word#*=}"
        stands=${word%%=*}=$made
      fi
      return 0
      ;;
    --export-dynamic-symbol=* | --undefined=* | --require-defined=*)
      symbolFor "${word#*=}"
      stands=${word%%=*}=$symbol
      return 0
      ;;
    --dynamic-list | -dynamic-list | --export-dynamic-symbol-list | --export-dynamic-symbol | --undefined | \
      --require-defined | -u)
      if [[ -n $links ]]; then awaits=$word; fi
      return 0
      ;;
    -undefined* | -unresolved* | -unique* | -ur) return 0 ;;
    -u?*)
      symbolFor "${word#-u}"
      stands=-u$symbol
      return 0
      ;;
    --compress-debug-sections* | -compress-debug-sections*) ;;
    # Recipes ask for it so that glibc finds it when a thread ends; Fil-C unwinds with its own.
    -lgcc | -lgcc_s | -lgcc_eh) leaveOut "$word" "libgcc, and needs none" ;;
    --wrap | --wrap=* | -wrap | -wrap=*)
      wraps=$word
      return 0
      ;;
    *) return 0 ;;
  esac
  return 1
}

# commaWords PREFIX WORDS FUNCTION: keep those of the words after -Wl, or -Wa, that the function lets stay.
commaWords() {
  local rest="$2," word stay=()
  while [[ -n $rest ]]; do
    word=${rest%%,*} rest=${rest#*,}
    stands=$word
    if "$3" "$word"; then stay+=("$stands"); fi
  done
  if ((${#stay[@]})); then
    local IFS=,
    kept+=("$1${stay[*]}")
  fi
}

assemblerWord() { [[ $1 != --compress-debug-sections* && $1 != -compress-debug-sections* ]]; }

examine() {
  local word stays
  while (($#)); do
    word=$1
    shift
    case $word in
      -Wl,?*) commaWords -Wl, "${word#-Wl,}" linkerWord ;;
      -Wa,?*) commaWords -Wa, "${word#-Wa,}" assemblerWord ;;
      -Xlinker | -Xassembler)
        if (($# == 0)); then
          kept+=("$word")
        else
          if [[ $word == -Xlinker ]]; then stays=linkerWord; else stays=assemblerWord; fi
          stands=$1
          if "$stays" "$1"; then kept+=("$word" "$stands"); fi
          shift
        fi
        ;;
      --version-script=* | -version-script=*) addScript "${word#*=}" ;;
      --version-script | -version-script)
        if (($# == 0)); then refuse "$word needs the name of a file"; fi
        addScript "$1"
        shift
        ;;
      -u)
        symbolFor "${1-}"
        kept+=("$word" "$symbol")
        if (($#)); then shift; fi
        ;;
      -export-dynamic) kept+=(-Wl,-export-dynamic) ;;
      -flto | -flto[=-]* | -ffat-lto-objects | -funified-lto | -fsplit-lto-unit | -fwhole-program-vtables)
        leaveOut "$word" "link-time optimisation"
        ;;
      -fprofile-* | -fcs-profile-* | -fauto-profile* | -fmemory-profile* | -fcoverage-mapping | --coverage | \
        -coverage | -ftest-coverage | -pg)
        leaveOut "$word" "runtime for profiles"
        ;;
      -fsanitize=* | -fsanitize-*) leaveOut "$word" "sanitizers (it checks every access itself)" ;;
      -lgcc | -lgcc_s | -lgcc_eh) linkerWord "$word" ;;
      -gz=none) kept+=("$word") ;;
      -gz | -gz=*) ;;
      -Xclang | -mllvm | -Xpreprocessor | -o | -D | -U | -I | -include | -isystem | -idirafter | -iquote | -MF | -MT | -MQ)
        kept+=("$word")
        if (($#)); then
          kept+=("$1")
          shift
        fi
        ;;
      --)
        kept+=("$word" "$@")
        return
        ;;
      *) kept+=("$word") ;;
    esac
  done
}

expand 0 "$@"
for word in ${given[@]+"${given[@]}"}; do
  case $word in
    -c | -S | -E | -M | -MM | -fsyntax-only | --compile | --assemble | --preprocess | -emit-llvm) links="" ;;
  esac
done
examine ${given[@]+"${given[@]}"}
if [[ -n $links && -n $awaits ]]; then refuse "the linker's $awaits needs another word"; fi
if [[ -n $links && -n $wraps ]]; then
  refuse "the linker's $wraps does not work with Fil-C, where a function has more than one symbol" \
    "build the package without what replaces functions while it links"
fi

if [[ -n $links ]] && ((${#scripts[@]})); then
  whole="" rewritten=""
  for script in "${scripts[@]}"; do
    if ! [[ -f $script && -r $script ]]; then refuse "cannot read the version script $script"; fi
    normalise "$script"
    whole+=$text rewritten+=$changed
  done
  if [[ -z $rewritten ]] && ((${#scripts[@]} == 1)); then
    script=${scripts[0]}
  else
    makeFile .map
    script=$made
    printf '%s' "$whole" > "$script"
  fi
  # In front: what follows may be `-- file...`.
  kept=("--version-script=$script" ${kept[@]+"${kept[@]}"})
fi

if [[ -n $expanded ]]; then
  makeFile .rsp
  for word in ${kept[@]+"${kept[@]}"}; do
    word=${word//\\/\\\\}
    printf '"%s"\n' "${word//\"/\\\"}"
  done > "$made"
  kept=("@$made")
fi
if ((${#temporary[@]})); then
  @prog@ ${kept[@]+"${kept[@]}"}
  exit
fi
trap - EXIT
exec @prog@ ${kept[@]+"${kept[@]}"}
