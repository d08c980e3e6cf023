# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR/..
# Loads the parts that the scripts in deploy/ share. Only functions and constants, nothing is done yet.

umask 022   # user postgres has to pass through the folders; whatever is secret is closed by itself

DEPLOY_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
ROOT=$(dirname "$DEPLOY_DIR")

source "$DEPLOY_DIR/lib/report.sh"      # progress, errors, help
source "$DEPLOY_DIR/lib/settings.sh"    # ports and folders
source "$DEPLOY_DIR/lib/packages.sh"    # what Debian has to provide
source "$DEPLOY_DIR/lib/folder.sh"      # the run folder: lock, secrets, the file to source
source "$DEPLOY_DIR/lib/launching.sh"   # processes that outlive us
source "$DEPLOY_DIR/lib/recognising.sh" # which processes are ours
source "$DEPLOY_DIR/lib/ending.sh"      # the end of them
source "$DEPLOY_DIR/lib/ports.sh"       # who listens, who answers
source "$DEPLOY_DIR/lib/postgres.sh"
source "$DEPLOY_DIR/lib/redis.sh"
source "$DEPLOY_DIR/lib/rabbitmq.sh"
source "$DEPLOY_DIR/lib/servers.sh"     # the three above, alike
source "$DEPLOY_DIR/lib/build.sh"
source "$DEPLOY_DIR/lib/programs.sh"    # ClaimAPI, ClaimWorker, claimctl
source "$DEPLOY_DIR/lib/workers.sh"     # how many of them
