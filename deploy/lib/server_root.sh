# shellcheck shell=bash
# The system whose servers are used: this one, or another Debian in a folder, for deploy/compat. Only root can use another.

SERVER_ROOT=${CLAIMS_SERVER_ROOT:-}   # empty for this system

# IN_SERVER_ROOT: the prefix of a command that runs in that system. The command sees the run folder, and keeps its working
# folder and process id.
IN_SERVER_ROOT=()

# read_server_root: after read_settings.
read_server_root() {
  [[ -n $SERVER_ROOT ]] || return 0
  SERVER_ROOT=$(realpath -m -- "$SERVER_ROOT")
  [[ -x $SERVER_ROOT/usr/bin/env ]] || usage_error "CLAIMS_SERVER_ROOT is $SERVER_ROOT; there is no system in it"
  ((EUID == 0)) || usage_error "CLAIMS_SERVER_ROOT is set, and only root can use it"
  # The mounts are in a namespace of the command's own, so they end with it.
  IN_SERVER_ROOT=(unshare --mount "$DEPLOY_DIR/lib/enter-root" "$SERVER_ROOT" "$RUN_DIR")
}

# newest_in_server_root PATTERN: prints the path, in that system, of the newest folder that matches.
newest_in_server_root() {
  local folder
  # shellcheck disable=SC2086  # the pattern is expanded
  folder=$(cd "$SERVER_ROOT/" && printf '%s\n' $1 | sort -V | tail -n 1)
  printf '/%s\n' "$folder"
}
