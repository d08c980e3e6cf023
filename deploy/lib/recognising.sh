# shellcheck shell=bash
# Recognising processes. An id alone proves nothing: after a reboot it may be anyone's.

# read_stat PID: STAT becomes the fields of /proc/PID/stat from the state on, past the name, which may hold anything.
read_stat() {
  { read -r STAT <"/proc/$1/stat"; } 2>/dev/null || return 1
  STAT=${STAT##*) }
}

# A zombie is dead, also where process 1 does not bury it.
lives() { read_stat "$1" && [[ $STAT != [ZX]* ]]; }

is_frozen() { read_stat "$1" && [[ $STAT == T* ]]; }

# belongs_to NAME PID: is that process really this copy's server or program? The servers are known by the folder
# that they work in (Redis overwrites its environment), the programs by their file and our mark.
belongs_to() {
  local name=$1 pid=$2 file
  file=$(readlink "/proc/$pid/exe") || return 1
  file=${file% (deleted)}
  case $name in
    postgres) [[ ${file##*/} == postgres && /proc/$pid/cwd -ef $DATA_DIR/postgres ]] ;;
    redis)    [[ ${file##*/} == redis-* && /proc/$pid/cwd -ef $DATA_DIR/redis ]] ;;
    rabbitmq) [[ ${file##*/} == beam.smp && /proc/$pid/cwd -ef $DATA_DIR/rabbitmq ]] ;;
    api)      [[ ${file##*/} == ClaimAPI ]] && has_in_environment "$pid" "$MARK=$RUN_DIR" ;;
    worker-*) [[ ${file##*/} == ClaimWorker ]] && has_in_environment "$pid" "$MARK=$RUN_DIR" ;;
    *) return 1 ;;
  esac 2>/dev/null
}

# has_in_environment PID NAME=VALUE…: all of them. In bash, because a grep would show the values to `ps`.
has_in_environment() {
  local pid=$1 wanted entries=(); shift
  { mapfile -d '' -t entries <"/proc/$pid/environ"; } 2>/dev/null || return 1
  local all=$'\n'; printf -v all '\n%s' "${entries[@]}"
  for wanted in "$@"; do
    [[ $all$'\n' == *$'\n'"$wanted"$'\n'* ]] || return 1
  done
}

# pid_of NAME: prints the process id of a server or program of this copy that lives; fails if there is none.
pid_of() {
  local pid
  { read -r pid <"$PID_DIR/$1"; } 2>/dev/null || return 1
  [[ $pid =~ ^[1-9][0-9]*$ ]] && lives "$pid" && belongs_to "$1" "$pid" && printf '%s\n' "$pid"
}

# is_running NAME: what was launched a moment ago may not have become itself yet; then its process has to do.
is_running() {
  if [[ -n ${STARTED[$1]:-} ]]; then lives "${STARTED[$1]}"; else pid_of "$1" >/dev/null; fi
}

# Everything of this run folder that still lives, whether or not a file in pids/ knows it.
stragglers() {
  local file pid name
  local -A found=()
  while IFS= read -r file; do
    file=${file#/proc/}
    found[${file%/environ}]=1
  done < <(grep -lszxF "$MARK=$RUN_DIR" /proc/[0-9]*/environ || true)
  for file in /proc/[0-9]*; do
    for name in postgres redis rabbitmq; do
      if [[ $file/cwd -ef $DATA_DIR/$name ]] && belongs_to "$name" "${file#/proc/}"; then found[${file#/proc/}]=1; fi
    done
  done
  for pid in "${!found[@]}"; do
    if lives "$pid" && ! is_one_of_us "$pid"; then printf '%s\n' "$pid"; fi
  done
}

# These scripts may themselves run under a test that carries the mark.
is_one_of_us() {
  local pid=$BASHPID
  while ((pid > 1)); do
    [[ $pid != "$1" ]] || return 0
    read_stat "$pid" || return 1
    read -r _ pid _ <<<"$STAT"   # the parent
  done
  return 1
}
