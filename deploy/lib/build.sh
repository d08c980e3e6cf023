# shellcheck shell=bash
# Builds in release mode, and only if something has changed since the last successful build.
#
# `swift build` alone is slow even without a change: it evaluates the manifests of all packages again (9 s) when its
# environment differs from the last one's, and it passes the two trait flags of Hummingbird in the random order of a
# Swift set, so that a second build compiles Hummingbird and all that imports it again in half of the cases.

BUILD_DIR=$ROOT/.build
PROGRAM_DIR=$BUILD_DIR/release
PROGRAM_FILES=(ClaimAPI ClaimWorker claimctl claimbench)
BUILD_FLAGS=(-c release --package-path "$ROOT")

# The record of the last successful build: the lines of list_sources and list_versions, and those of list_outputs.
# It is kept beside the build, which several run folders of one checkout share. An interrupted build leaves only the
# outputs.
BUILD_RECORD=$BUILD_DIR/deploy-record

BUILD_PID=''   # the process of the build that runs in the background

# start_build programs|tests: builds in the background, unless the build is current.
start_build() {
  if build_is_current "$1"; then
    say "build: the $1 are up to date"
    return 0
  fi
  build "$1" &
  BUILD_PID=$!
}

# finish_build: waits for the background build. After a failure the script ends.
finish_build() {
  local status=0
  [[ -n $BUILD_PID ]] || return 0
  wait "$BUILD_PID" || status=$?
  BUILD_PID=''
  ((status == 0)) || exit "$status"   # build has printed the error
}

# stop_build: stops the background build and its compilers, which SwiftPM would leave behind.
stop_build() {
  local pid pids
  [[ -n $BUILD_PID ]] || return 0
  say "build: stopping; the next command builds again"
  disown "$BUILD_PID"   # otherwise bash reports its end
  pids=$(descendants "$BUILD_PID")
  for pid in $BUILD_PID $pids; do kill -s TERM "$pid" 2>/dev/null || true; done
  for pid in $BUILD_PID $pids; do await_exit_or_kill build "$pid" 5; done
  BUILD_PID=''
}

build() {
  local kind=$1 log=$LOG_DIR/build sources errors command=(setsid swift build "${BUILD_FLAGS[@]}")
  [[ $kind != tests ]] || command+=(--build-tests)
  trap '' HUP INT         # stop_build ends it, and its compilers with it
  close_inherited_files   # if this script is killed, its build must not hold the lock of the run folder
  lock_build
  if build_is_current "$kind"; then
    say "build: another script has built the $kind"
    return 0
  fi

  say "build: the $kind, in release mode"
  mkdir -p "$LOG_DIR"
  sources=$(list_sources "$kind")   # before the build: a change during the build must cause another one
  forget_sources
  if ! with_build_environment "${command[@]}" 2>&1 </dev/null | show_progress build "$log"; then
    errors=$(grep -E '^([^[:space:]].*)?(error|fatal): ' "$log" | awk '!seen[$0]++' | head -n 30) || true
    [[ -n $errors ]] || fail "the build failed. Programs that run are not affected. Correct the cause and run this command again" "$log"
    fail "the build failed. Programs that run are not affected. Correct these errors and run this command again:
$errors
  log file: $log"
  fi
  record_build "$kind" "$sources"
  say "build: done"
}

# Two builds must not run in one checkout at the same time. The compilers inherit the lock: if this script is killed,
# the next one waits for them.
lock_build() {
  while true; do
    mkdir -p "$BUILD_DIR"
    exec {BUILD_LOCK}<"$BUILD_DIR"
    if ! flock -n "$BUILD_LOCK"; then
      say "build: waiting for another deploy script that builds in this checkout"
      flock -w 3600 "$BUILD_LOCK" || fail "another deploy script has been building in $ROOT for an hour. Nothing was changed; run this command again when it has ended"
    fi
    if [[ /proc/self/fd/$BUILD_LOCK -ef $BUILD_DIR ]]; then return 0; fi
    exec {BUILD_LOCK}<&-   # the folder was deleted during the wait
  done
}

# with_build_environment COMMAND…: runs SwiftPM with the same environment from every shell, so that `source .run/env`
# makes no difference. What can be needed to reach the packages is passed on: proxies, certificates, git's settings and
# keys, and the folders of the user. GIT_DIR and its like are not: a git hook sets them for another repository.
with_build_environment() {
  local name kept=() path
  path=$(dirname "$(command -v swift)"):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  while IFS= read -r name; do
    case $name in
      HOME | USER | LOGNAME | TMPDIR | XDG_CACHE_HOME | XDG_CONFIG_HOME | XDG_DATA_HOME | SWIFTLY_* | *_proxy | *_PROXY | SSL_CERT_* | CURL_CA_BUNDLE | \
        GIT_SSL_* | GIT_CONFIG_* | GIT_PROXY_* | GIT_SSH* | GIT_ASKPASS | SSH_AUTH_SOCK) kept+=("$name=${!name}") ;;
    esac
  done < <(compgen -e | sort)
  # With deterministic hashing the order of a set, and with it the order of trait flags, is the same in each build.
  env -i "${kept[@]}" PATH="$path" LANG=C.UTF-8 SWIFT_DETERMINISTIC_HASHING=1 "$@"
}

# build_is_current programs|tests: whether the last successful build was made from the present sources, and its files are
# as it left them. A build of the tests is a build of the programs as well: SwiftPM plans the same commands with the same
# flags for both (`.build/release.yaml` does not differ), and --build-tests only adds the tests' modules as targets.
build_is_current() {
  is_recorded < <(list_sources "$1"; list_versions; list_outputs "$1")
}

# programs_are_intact: whether the program files are those of the last successful build, perhaps of older sources.
programs_are_intact() {
  is_recorded < <(list_outputs programs)
}

# is_recorded: whether the record has each line of stdin.
is_recorded() {
  local line
  while IFS= read -r line; do
    grep -qsxF -- "$line" "$BUILD_RECORD" || return 1
  done
}

# list_sources programs|tests: prints checksums of the contents; a change of a file's time is no change.
list_sources() {
  printf 'source programs %s\n' "$(checksum_of_files Package.swift Sources)"
  [[ $1 == programs ]] || printf 'source tests %s\n' "$(checksum_of_files Tests)"
}

# list_versions: what else a build depends on. SwiftPM writes Package.resolved during the first build.
list_versions() {
  local toolchain
  toolchain=$(cd "$ROOT" && with_build_environment swift --version 2>/dev/null | cksum)
  printf 'version toolchain %s\n' "$toolchain"
  printf 'version packages %s\n' "$(checksum_of_files Package.resolved)"
  printf 'version libraries %s\n' "$(dpkg-query -W librabbitmq-dev libhiredis-dev libpq-dev 2>/dev/null | cksum)"
}

# list_outputs programs|tests: names, sizes and times of the files that were built. A missing file is listed as such,
# which no record has.
list_outputs() (
  if ! cd "$PROGRAM_DIR" 2>/dev/null; then printf 'output missing\n'; return; fi
  shopt -s nullglob
  printf 'output programs %s\n' "$(describe_files "${PROGRAM_FILES[@]}" ./*.resources)"
  [[ $1 == programs ]] || printf 'output tests %s\n' "$(describe_files claimsPackageTests.xctest)"
)

checksum_of_files() {
  (cd "$ROOT" && find "$@" -type f -print0 2>/dev/null | sort -z | xargs -0r sha256sum | sha256sum)
}

describe_files() {
  local description
  if description=$(find "$@" -type f -printf '%p %s %T@\n' 2>/dev/null); then
    sort <<<"$description" | cksum
  else
    printf 'missing\n'
  fi
}

# record_build KIND SOURCES
record_build() {
  local outputs
  outputs=$(list_outputs "$1")
  [[ $outputs != *missing* ]] || fail "the build succeeded, but files are missing in $PROGRAM_DIR. Delete $BUILD_DIR and run this command again"
  { printf '%s\n' "$2"; list_versions; printf '%s\n' "$outputs"; } >"$BUILD_RECORD.new"
  mv -f "$BUILD_RECORD.new" "$BUILD_RECORD"
}

# forget_sources: before a build, so that one that is interrupted is not taken for a complete one.
forget_sources() {
  [[ ! -e $BUILD_RECORD ]] || sed -i '/^source /d' "$BUILD_RECORD"
}
