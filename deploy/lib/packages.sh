# shellcheck shell=bash
# Debian and Ubuntu packages: the servers, and the C libraries with their headers.

PACKAGES=(
  rabbitmq-server redis-server postgresql
  librabbitmq-dev libhiredis-dev libpq-dev
  zlib1g-dev                  # for HTTP compression in SwiftNIO
  pkg-config                  # SwiftPM finds the C libraries with it
  git ca-certificates         # SwiftPM fetches packages with them
  curl                        # used by the README
)

# Services that start on installation, each with the package that brings it.
SERVICES=(
  rabbitmq-server.service:rabbitmq-server redis-server.service:redis-server
  postgresql.service:postgresql-common epmd.service:erlang-base epmd.socket:erlang-base
  haproxy.service:haproxy
)

# Package scripts ask this program before they start a service; exit status 101 denies it.
POLICY=/usr/sbin/policy-rc.d

require_swift() {
  command -v swift >/dev/null || fail "there is no 'swift' on PATH. Install Swift 6.2 or later from https://www.swift.org/install/linux, add its bin folder to PATH, and run this command again"
}

# install_packages: installs those of PACKAGES that are missing.
install_packages() {
  command -v dpkg-query >/dev/null || fail "this system is not Debian or Ubuntu. The scripts in deploy/ support no other system; nothing was changed"
  local missing log=$LOG_DIR/packages
  mapfile -t missing < <(missing_packages "${PACKAGES[@]}")
  ((${#missing[@]} > 0)) || return 0
  can_install || fail "packages are missing, and installing them needs root or sudo without a password. Nothing was changed. Run this line, then this command again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"

  say "packages: installing ${missing[*]}"
  mkdir -p "$LOG_DIR"
  install_without_starting_services "${missing[@]}" 2>&1 | show_progress packages "$log" ||
    fail "apt-get cannot install ${missing[*]}. Correct the cause and run this command again" "$log"
}

# missing_packages PACKAGE…: prints those that are not installed.
missing_packages() {
  local package installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || printf '%s\n' "$package"
  done
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

can_install() {
  ((EUID == 0)) || { command -v sudo && sudo -n true; } >/dev/null 2>&1
}

# A subshell, so that its EXIT trap removes the temporary policy.
install_without_starting_services() (
  local new_services=() service
  for service in "${SERVICES[@]}"; do
    [[ -z $(missing_packages "${service#*:}") ]] || new_services+=("${service%:*}")
  done

  trap 'as_root rm -f "$CREATED_POLICY"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  block_service_start

  as_root apt-get -q update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"

  # They do not start at the next boot either. Services that were installed before are not changed.
  if [[ -d /run/systemd/system ]]; then
    as_root systemctl disable --now "${new_services[@]}" || true
  fi
)

# Leaves a policy that exists already in place.
block_service_start() {
  CREATED_POLICY=''
  [[ ! -e $POLICY ]] || return 0
  # shellcheck disable=SC2016
  as_root sh -c 'printf "#!/bin/sh\n# Temporary file of deploy/: packages start no services during an installation.\nexit 101\n" >"$1" && chmod 755 "$1"' - "$POLICY"
  CREATED_POLICY=$POLICY
}

# extract_program PACKAGE FILE FOLDER: unpacks a package into a folder without installing it, for a program of a package
# that is large or brings a service. Prints the path of the program; an installed one is used as it is.
extract_program() {
  local package=$1 file=$2 folder=$3
  if [[ -x /$file ]]; then printf '/%s\n' "$file"; return; fi
  mkdir -p "$folder"
  chmod 755 "$folder"   # apt-get downloads as another user
  mkdir -p "$LOG_DIR"
  (
    cd "$folder"
    apt-get -q download "$package" || { as_root apt-get -q update && apt-get -q download "$package"; } &&
      dpkg-deb -x ./"$package"_*.deb .
  ) >"$LOG_DIR/$package" 2>&1 || fail "apt-get cannot download $package" "$LOG_DIR/$package"
  printf '%s\n' "$folder/$file"
}
