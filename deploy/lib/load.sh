# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR/..
# Loads the functions and constants that the scripts in deploy/ share. It changes nothing yet.

umask 022   # user postgres must be able to enter the folders; files with secrets have their own mode

DEPLOY_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
ROOT=$(dirname "$DEPLOY_DIR")

source "$DEPLOY_DIR/lib/report.sh"      # progress and errors
source "$DEPLOY_DIR/lib/settings.sh"    # ports and run folder
source "$DEPLOY_DIR/lib/packages.sh"    # Debian packages
source "$DEPLOY_DIR/lib/run_folder.sh"  # lock, secrets, env file
source "$DEPLOY_DIR/lib/process.sh"     # starting and stopping processes
source "$DEPLOY_DIR/lib/network.sh"     # ports and connections
source "$DEPLOY_DIR/lib/server_root.sh" # the system that has the servers
source "$DEPLOY_DIR/lib/postgres.sh"
source "$DEPLOY_DIR/lib/redis.sh"
source "$DEPLOY_DIR/lib/rabbitmq.sh"
source "$DEPLOY_DIR/lib/cluster.sh"     # three RabbitMQ nodes as a cluster
source "$DEPLOY_DIR/lib/servers.sh"     # the servers together
source "$DEPLOY_DIR/lib/build.sh"       # building, if something has changed
source "$DEPLOY_DIR/lib/programs.sh"    # ClaimAPI, ClaimWorker, claimctl
source "$DEPLOY_DIR/lib/chromium.sh"    # Chromium and selenium
source "$DEPLOY_DIR/lib/copy.sh"        # the processes of this copy: recognise, stop, undo
