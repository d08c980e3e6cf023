"""Chromium without a window, and what the tests of the console share."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

URL = os.environ["CLAIMS_URL"]
DEPLOY = os.environ["CLAIMS_TEST_DEPLOY"]
RUN_DIR = os.environ["CLAIMS_RUN_DIR"]
PROGRAMS = os.path.join(DEPLOY, "..", ".build", "release")
PATIENCE = 30


def chromium(width=1440, height=900, dark=False):
    """Starts the browser. Sandboxes of namespaces are missing in containers."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-gpu",
                     "--force-color-profile=srgb", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    resize(driver, width, height, dark)
    return driver


def resize(driver, width, height=900, dark=False):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                           {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})


def eventually(what, condition, patience=PATIENCE):
    """Waits until the condition returns something true, and returns that."""
    end = time.monotonic() + patience
    last = None
    while time.monotonic() < end:
        try:
            result = condition()
            if result:
                return result
        except Exception as error:  # An element may be replaced while it is read.
            last = error
        time.sleep(0.05)
    raise AssertionError(f"not seen within {patience} s: {what}" + (f" ({last})" if last else ""))


def request(method, path, body=None, headers=None):
    """Sends a request to the API, and returns the status and the decoded body."""
    data = None if body is None else json.dumps(body).encode()
    message = urllib.request.Request(URL + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(message, timeout=40) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def submit(user, coupon, key, wait=20):
    """Claims a coupon, and returns the claim when it is decided."""
    status, claim = request("POST", "/claims", {"user_id": user, "coupon_name": coupon}, {"Idempotency-Key": key})
    assert status == 202, claim
    return request("GET", f"/claims/{claim['id']}?wait={wait}")[1]


def deploy(*arguments):
    subprocess.run([f"{DEPLOY}/{arguments[0]}", *arguments[1:]], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)


def sql(script):
    subprocess.run(["psql", os.environ["DATABASE_URL"], "-qX", "-v", "ON_ERROR_STOP=1"], input=script, text=True, check=True,
                   stdout=subprocess.DEVNULL, timeout=60)


def refuse_claims(message):
    """Makes every claim of a new coupon fail in the database, until the returned function is called."""
    text = message.replace("'", "''").replace("%", "%%")
    sql(f"""
        create or replace function refuse() returns trigger language plpgsql as $$
        begin raise exception '{text}'; end $$;
        create or replace trigger refuse before insert on user_claims for each row execute function refuse();
        """)
    return lambda: sql("drop trigger if exists refuse on user_claims")


def dead_letter(users, coupon, message):
    """Claims a coupon for each user, lets every attempt fail, and returns the claims when they are dead-lettered."""
    stop = refuse_claims(message)
    try:
        claims = [submit(user, coupon, f"{coupon}-{number}", 0) for number, user in enumerate(users)]
        # With the default delays, three retries take 36 s.
        return [eventually(f"the dead letter of {claim['user_id']}", lambda claim=claim: in_status(claim, "dead_lettered"), 90)
                for claim in claims]
    finally:
        stop()


def in_status(claim, status):
    """The claim, if it has the status."""
    now = request("GET", f"/claims/{claim['id']}?wait=5")[1]
    return now if now["status"] == status else None


def kill(program):
    """Kills a program of the copy."""
    with open(os.path.join(RUN_DIR, "pids", program), encoding="ascii") as file:
        os.kill(int(file.read().split()[0]), signal.SIGKILL)


def create_key(*scopes):
    """Creates an API key, and returns it."""
    command = [os.path.join(PROGRAMS, "claimctl"), "key", "create", "browser test", "--expires", "1h", "--json"]
    for scope in scopes:
        command += ["--scope", scope]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)["key"]


@contextlib.contextmanager
def another_api(settings):
    """Runs another ClaimAPI on the port 5 above that of the copy, and yields its URL and process."""
    port = int(os.environ["CLAIMS_HTTP_PORT"]) + 5
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "CLAIMS_HTTP_PORT": str(port), **settings}
    with open(os.path.join(RUN_DIR, "logs", "api-browser"), "wb") as log:
        program = subprocess.Popen([os.path.join(PROGRAMS, "ClaimAPI")], env=environment, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log)
    try:
        eventually(url, lambda: urllib.request.urlopen(f"{url}/readyz", timeout=5).status == 200)
        yield url, program
    finally:
        program.terminate()
        program.wait(30)


class Console:
    """The page, as an operator uses it."""

    def __init__(self, driver, url=URL):
        self.driver = driver
        self.url = url

    def open(self, page=""):
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}/#/{page}")
        eventually(f"the heading of {page or 'the overview'}", lambda: self.all("main h1"))

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return eventually(selector, lambda: [element for element in self.all(selector) if element.is_displayed()])[0]

    def text(self, selector="body"):
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def sees(self, text, selector="body", patience=PATIENCE):
        eventually(f"“{text}”", lambda: text in self.text(selector), patience)

    def is_loaded(self):
        """Waits until the page has what it asked the API for."""
        eventually("the content", lambda: self.driver.execute_script(
            "return (document.documentElement.dataset.requests ?? '0') === '0' && !document.querySelector('.stores .unknown')"))

    def tile(self, name):
        """The number in a tile."""
        tile = next(tile for tile in self.all("main .tile") if tile.text.startswith(name))
        return int(tile.text.split()[-1].replace(",", ""))

    def row(self, text):
        return eventually(f"a row with {text}", lambda: [row for row in self.all("main tbody tr") if text in row.text])[0]

    def button(self, text, within=""):
        return eventually(f"the button {text}", lambda: [
            element for element in self.all(f"{within} button") if element.text.startswith(text) and element.is_enabled()])[-1]

    def press(self, text, within=""):
        self.button(text, within).click()

    def field(self, label, within=""):
        """The control with a label."""
        def find():
            for element in self.all(f"{within} label"):
                if element.text.strip() == label and element.is_displayed():
                    return self.driver.find_element(By.ID, element.get_attribute("for"))
            return None
        return eventually(f"the field {label}", find)

    def type(self, label, text, within=""):
        control = self.field(label, within)
        control.clear()
        control.send_keys(text)

    def complaints(self):
        """What the browser has complained about: errors of scripts and violations of the policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]
                and "net::ERR" not in entry["message"]]
