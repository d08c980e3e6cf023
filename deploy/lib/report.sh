# shellcheck shell=bash
# What the person at the terminal sees. All of it goes to stderr: stdout is for what a caller wants to read.

BEGUN_AT=${EPOCHREALTIME//[.,]/}   # microseconds; the locale decides between point and comma

say() {
  local tenths=$(( (${EPOCHREALTIME//[.,]/} - BEGUN_AT) / 100000 ))
  printf '[%4d.%d s] %s\n' $((tenths / 10)) $((tenths % 10)) "$*" >&2
}

# fail WHAT [LOG [LENGTH]]: the end of the script, with the last lines that LOG got since it had LENGTH bytes.
fail() {
  local what=$1 log=${2:-} length=${3:-0}
  printf '\nerror: %s\n' "$what" >&2
  if [[ -n $log ]]; then
    if [[ -e $log ]]; then tail -c "+$((length + 1))" "$log" | tail -n 15 | cut -c 1-300 | sed 's/^/  | /' >&2; fi
    printf '  the log: %s\n' "$log" >&2
  fi
  exit 1
}

# The logs in logs/ grow over many starts. log_begins NAME marks where this one's part begins, and
# fail_with_log NAME WHAT shows no more than that part.
declare -A LOG_BEGIN=()

log_begins() {
  LOG_BEGIN[$1]=$(stat -c %s "$LOG_DIR/$1" 2>/dev/null || printf 0)
}

fail_with_log() {
  fail "$2" "$LOG_DIR/$1" "${LOG_BEGIN[$1]:-0}"
}

# What nobody foresaw shall at least say where it was; `set -e` alone ends a script without a word.
set -o errtrace
trap 'tell_unforeseen $? "$BASH_COMMAND" "${BASH_SOURCE[0]}:$LINENO"' ERR

tell_unforeseen() {
  (($1 > 128)) || printf 'error: "%s" failed (%s)\n' "$2" "$3" >&2   # beyond 128 it was a signal, as of Ctrl-C or `| head`
}

# Wrong usage, by an option or a setting, is told apart from a failure: 64, as in sysexits.h.
refuse() {
  printf 'error: %s\n' "$*" >&2
  exit 64
}

# show_progress WHAT LOG: keeps what it reads in LOG and tells its newest line every few seconds, so that minutes
# of compiling neither flood the terminal nor look like standing still.
show_progress() {
  local what=$1 log=$2 line='' newest='' told='' part='' every=5 status next=$((SECONDS + 1))
  : >"$log"
  while true; do
    status=0
    IFS= read -r -t 1 part || status=$?
    line+=$part
    if ((status == 0)); then
      printf '%s\n' "$line" >>"$log"
      newest=$line line=''
    elif ((status <= 128)); then   # the end; beyond 128 the second is over, and a line may be half read
      [[ -z $line ]] || printf '%s\n' "$line" >>"$log"
      return 0
    fi
    if ((SECONDS >= next)) && [[ $newest != "$told" ]]; then
      say "$what: ${newest:0:120}"
      told=$newest next=$((SECONDS + every))
    fi
  done
}
