# shellcheck shell=bash
# Chromium and the Python packages that control it.

SELENIUM_VERSION=4.38.0   # https://pypi.org/project/selenium/

# prepare_browser [PACKAGE==VERSION…]: installs Chromium, selenium and further packages of PyPI into the run folder. Sets
# BROWSER_PYTHON. The script ends with exit status 69 if something cannot be installed.
BROWSER_PYTHON=''
# shellcheck disable=SC2034,SC2120  # the scripts read BROWSER_PYTHON and pass packages
prepare_browser() {
  local venv=$RUN_DIR/tools/selenium wanted=("selenium==$SELENIUM_VERSION" "$@")
  PACKAGES=(python3 python3-venv curl chromium chromium-driver fonts-inter fonts-dejavu-core)
  (install_packages) || exit 69   # EX_UNAVAILABLE
  BROWSER_PYTHON=$venv/bin/python
  if [[ $(cat "$venv/installed" 2>/dev/null) == "${wanted[*]}" ]]; then return 0; fi
  say "browser: installing ${wanted[*]}"
  mkdir -p "$RUN_DIR/tools" "$LOG_DIR"
  rm -rf "$venv"
  {
    /usr/bin/python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"
  } >"$LOG_DIR/browser" 2>&1 || {
    (fail "the packages cannot be installed from PyPI" "$LOG_DIR/browser") || exit 69   # EX_UNAVAILABLE
  }
  printf '%s\n' "${wanted[*]}" >"$venv/installed"
}
