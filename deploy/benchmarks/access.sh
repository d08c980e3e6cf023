#!/usr/bin/env bash
# CPU time of ClaimAPI per accepted claim: open, with an API key, and with JWTs, on the same servers one after the other.
# usage, in a copy that runs: source .run/env; deploy/benchmarks/access.sh [SECONDS [ROUNDS]]
set -euo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib/load.sh"

seconds=${1:-8} rounds=${2:-3} tokens=200
port=$((CLAIMS_HTTP_PORT + 20))
work=$(mktemp -d)
program=''
finish() {
  [[ -z $program ]] || kill "$program" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# An issuer with an Ed25519 key, and tokens for many users.
openssl genpkey -algorithm ed25519 -out "$work/key.pem"
x=$(openssl pkey -in "$work/key.pem" -pubout -outform DER | tail -c 32 | base64url)
printf '{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k","x":"%s"}]}' "$x" >"$work/jwks.json"
head=$(printf '{"alg":"EdDSA","kid":"k"}' | base64url)
for ((user = 0; user < tokens; user++)); do
  printf '%s.%s' "$head" "$(printf '{"sub":"bench-%s","iss":"bench","aud":"claims","exp":%s}' "$user" $(($(date +%s) + 7200)) | base64url)" >"$work/signed"
  openssl pkeyutl -sign -inkey "$work/key.pem" -rawin -in "$work/signed" -out "$work/signature"
  printf 'bench-%s %s.%s\n' "$user" "$(<"$work/signed")" "$(base64url <"$work/signature")"
done >"$work/jwt"
answer=$("$PROGRAM_DIR/claimctl" key create benchmark --scope claims:write --expires 1h --json)
key=${answer#*\"key\":\"} key=${key%%\"*}
for ((user = 0; user < tokens; user++)); do printf 'bench-%s %s\n' "$user" "$key"; done >"$work/key"
for ((user = 0; user < tokens; user++)); do printf 'bench-%s -\n' "$user"; done >"$work/open"

# start KIND: starts an API of that kind on a port of its own.
start() {
  local settings=("CLAIMS_HTTP_PORT=$port")
  case $1 in
    open) settings+=(CLAIMS_AUTH=off) ;;
    key) settings+=(CLAIMS_AUTH=required) ;;
    jwt) settings+=(CLAIMS_JWKS="$work/jwks.json" CLAIMS_JWT_ISSUER=bench CLAIMS_JWT_AUDIENCE=claims) ;;
  esac
  env "${settings[@]}" "$PROGRAM_DIR/ClaimAPI" >>"$work/log" 2>&1 &
  program=$!
  until [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/readyz") == 200 ]]; do sleep 0.1; done
}

# cpu: prints the CPU time of the API until now, in clock ticks.
cpu() { awk '{ print $14 + $15 }' "/proc/$program/stat"; }

for ((round = 1; round <= rounds; round++)); do
  for kind in open key jwt; do
    start "$kind"
    before=$(cpu)
    accepted=$(wrk -t1 -c64 -d"${seconds}s" --timeout 10s -s "$DEPLOY_DIR/benchmarks/access.lua" \
      "http://127.0.0.1:$port" -- "$work/$kind" "R$round$kind$RANDOM" | awk '/^accepted/ { print $2 }')
    after=$(cpu)
    awk -v kind="$kind" -v n="$accepted" -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" \
      'BEGIN { printf "%-5s %8d claims %8.1f us of CPU per claim\n", kind, n, ticks / hz / n * 1e6 }'
    kill "$program"
    wait "$program" || true
    program=''
  done
done
