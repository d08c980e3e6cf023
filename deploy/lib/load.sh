# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR/..
# Loads the parts that the scripts in deploy/ share. Only functions and constants: nothing happens on loading.

DEPLOY_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
ROOT=$(dirname "$DEPLOY_DIR")

source "$DEPLOY_DIR/lib/report.sh"      # progress, errors, help
source "$DEPLOY_DIR/lib/settings.sh"    # ports and folders
source "$DEPLOY_DIR/lib/packages.sh"    # what Debian has to provide
source "$DEPLOY_DIR/lib/folder.sh"      # the run folder: lock, secrets, the file to source
source "$DEPLOY_DIR/lib/processes.sh"   # starting, recognising and ending processes
source "$DEPLOY_DIR/lib/ports.sh"       # who listens, who answers
source "$DEPLOY_DIR/lib/postgres.sh"
source "$DEPLOY_DIR/lib/redis.sh"
source "$DEPLOY_DIR/lib/rabbitmq.sh"
source "$DEPLOY_DIR/lib/servers.sh"     # the three above, alike
source "$DEPLOY_DIR/lib/programs.sh"    # ClaimAPI, ClaimWorker, claimctl
