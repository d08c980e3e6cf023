# shellcheck shell=bash
# Building.

# build programs|tests: on a failure it shows the compiler's errors, not the hundred lines between them.
build() {
  local log=$LOG_DIR/build errors command=(swift build -c release --package-path "$ROOT")
  [[ $1 != tests ]] || command+=(--build-tests)
  say "build: the $1, in release mode"
  if ! "${command[@]}" 2>&1 </dev/null | show_progress build "$log"; then
    errors=$(grep -E '(error|fatal): ' "$log" | awk '!seen[$0]++' | head -n 30) || true
    [[ -n $errors ]] || fail "the build failed" "$log"
    fail "the build failed:
$errors
  the log: $log"
  fi
  say "build: done"
}
