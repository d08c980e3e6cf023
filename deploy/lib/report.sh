# shellcheck shell=bash
# Progress and errors. All of it goes to stderr; stdout carries only the result of a command.

STARTED_AT=${EPOCHREALTIME//[.,]/}   # microseconds; the locale decides between point and comma

# say TEXT…: prints a progress line with the seconds since the script started.
say() {
  local tenths=$(( (${EPOCHREALTIME//[.,]/} - STARTED_AT) / 100000 ))
  printf '[%4d.%d s] %s\n' $((tenths / 10)) $((tenths % 10)) "$*" >&2
}

# fail TEXT [LOG [OFFSET]]: ends the script with an error, and shows the last lines of LOG after byte OFFSET.
fail() {
  local text=$1 log=${2:-} offset=${3:-0}
  printf '\nerror: %s\n' "$text" >&2
  if [[ -n $log ]]; then
    if [[ -e $log ]]; then tail -c "+$((offset + 1))" "$log" | tail -n 15 | cut -c 1-300 | sed 's/^/  | /' >&2; fi
    printf '  log file: %s\n' "$log" >&2
  fi
  exit 1
}

# keep_terminal: sets TERMINAL, the descriptor for messages of a script that ends while its messages go to a file.
keep_terminal() { [[ -n ${TERMINAL:-} ]] || exec {TERMINAL}>&2; }

# show_log_end: prints the end of $WORK/log, which has the messages of the commands that a proof or a benchmark runs.
show_log_end() { [[ ! -s ${WORK:-}/log ]] || tail -n 15 "$WORK/log" | cut -c 1-300 | sed 's/^/  | /' >&2; }

# usage_error TEXT…: ends the script because of a wrong option or setting. 64 is EX_USAGE of sysexits.h.
usage_error() {
  printf 'error: %s\n' "$*" >&2
  exit 64
}

# A log in logs/ grows over many starts. mark_log_start NAME remembers where the present start begins;
# fail_with_log NAME TEXT shows only the lines after that mark.
declare -A LOG_OFFSET=()

mark_log_start() {
  LOG_OFFSET[$1]=$(stat -c %s "$LOG_DIR/$1" 2>/dev/null || printf 0)
}

fail_with_log() {
  fail "$2" "$LOG_DIR/$1" "${LOG_OFFSET[$1]:-0}"
}

# `set -e` ends a script without a message. This trap prints the command that failed and where.
set -o errtrace
trap 'report_unexpected_error $? "$BASH_COMMAND" "${BASH_SOURCE[0]}:$LINENO"' ERR

report_unexpected_error() {
  (($1 > 128)) ||   # ended by a signal, for example by Ctrl-C or by SIGPIPE in `| head`
    printf 'error: unexpected failure of "%s" (exit status %s, %s). The command may be done in part; run it again.\n' \
      "$2" "$1" "$3" >&2
}

# show_progress NAME LOG: copies stdin to LOG and prints its newest line every few seconds.
show_progress() {
  local name=$1 log=$2 line='' newest='' printed='' part='' interval=5 status next=$((SECONDS + 1))
  : >"$log"
  while true; do
    status=0
    IFS= read -r -t 1 part || status=$?
    line+=$part
    if ((status == 0)); then
      printf '%s\n' "$line" >>"$log"
      newest=$line line=''
    elif ((status <= 128)); then   # end of input; a status above 128 is the timeout, which may leave half a line
      [[ -z $line ]] || printf '%s\n' "$line" >>"$log"
      return 0
    fi
    if ((SECONDS >= next)) && [[ $newest != "$printed" ]]; then
      say "$name: ${newest:0:120}"
      printed=$newest next=$((SECONDS + interval))
    fi
  done
}
