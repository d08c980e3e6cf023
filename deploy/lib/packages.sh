# shellcheck shell=bash
# What Debian or Ubuntu has to provide: the servers, and the C libraries with their headers.

PACKAGES=(
  rabbitmq-server redis-server postgresql
  librabbitmq-dev libhiredis-dev libpq-dev
  zlib1g-dev                  # for a Swift package: HTTP compression
  pkg-config                  # tells Swift where the libraries are
  git ca-certificates         # fetch the Swift packages
  curl                        # what the README speaks HTTP with
)

# What would start by itself once installed: the unit, and the package that brings it.
SERVICES=(
  rabbitmq-server.service:rabbitmq-server redis-server.service:redis-server
  postgresql.service:postgresql-common epmd.service:erlang-base epmd.socket:erlang-base
)

# apt asks this program before it starts a service; 101 means: do not.
POLICY=/usr/sbin/policy-rc.d

require_swift() {
  command -v swift >/dev/null || fail "there is no 'swift' on PATH; install Swift 6.2 or later from https://www.swift.org/install/linux and put its bin folder on PATH"
}

install_packages() {
  command -v dpkg-query >/dev/null || fail "this is no Debian or Ubuntu; deploy/ can set up nothing else"
  local missing log=$LOG_DIR/packages
  mapfile -t missing < <(missing_of "${PACKAGES[@]}")
  ((${#missing[@]} > 0)) || return 0
  may_install || fail "some packages are missing, and this is neither root nor someone with sudo. Install them, then come again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"

  say "packages: installing ${missing[*]}"
  mkdir -p "$LOG_DIR"
  install_without_starting "${missing[@]}" 2>&1 | show_progress packages "$log" || fail "apt-get could not install ${missing[*]}" "$log"
}

# missing_of PACKAGE…: prints those that are not installed.
missing_of() {
  local package installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || printf '%s\n' "$package"
  done
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

may_install() {
  ((EUID == 0)) || { command -v sudo && sudo -n true; } >/dev/null 2>&1
}

# In a process of its own, for the trap that removes what it puts in place for the time being.
install_without_starting() (
  local new_services=() service
  for service in "${SERVICES[@]}"; do
    [[ -z $(missing_of "${service#*:}") ]] || new_services+=("${service%:*}")
  done

  trap 'as_root rm -f "$OUR_POLICY"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  forbid_starting

  as_root apt-get -q update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"

  # Nor at the next boot. What was on this machine before stays as it was.
  if [[ -d /run/systemd/system ]]; then
    as_root systemctl disable --now "${new_services[@]}" || true
  fi
)

# A policy that is there already is someone's decision, and stays.
forbid_starting() {
  OUR_POLICY=''
  [[ ! -e $POLICY ]] || return 0
  # shellcheck disable=SC2016
  as_root sh -c 'printf "#!/bin/sh\n# For the time of an installation by deploy/: services are not started.\nexit 101\n" >"$1" && chmod 755 "$1"' - "$POLICY"
  OUR_POLICY=$POLICY
}
