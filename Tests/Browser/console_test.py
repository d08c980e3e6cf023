"""The console in a real browser. deploy/browser runs it against a running copy."""

import os
import time
import unittest

from selenium.webdriver.common.keys import Keys

from accessibility import problems
from browser import (
    RUN_DIR, Console, another_api, chromium, create_key, dead_letter, deploy, eventually, kill, request, resize, submit)

QUICK = os.environ["CLAIMS_BROWSER_MODE"] == "quick"
HOSTILE = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>"
STAMP = f"{int(time.time()):X}"


class ConsoleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.driver = chromium()
        cls.console = Console(cls.driver)

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()

    def setUp(self):
        self.driver.get_log("browser")
        resize(self.driver, 1440)

    def tearDown(self):
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            self.driver.save_screenshot(os.path.join(RUN_DIR, "logs", f"{self._testMethodName}.png"))
        self.assertEqual(self.console.complaints(), [])
        self.assertIsNone(self.driver.execute_script("return window.hacked ?? null"))

    def coupon(self, name, amount=10):
        name = f"{name}_{STAMP}"
        status, body = request("POST", "/coupons", {"name": name, "amount": amount})
        self.assertIn(status, (201, 409), body)
        return name

    # MARK: Pages

    def test_the_overview_shows_servers_lanes_and_workers(self):
        self.console.open()
        for name in ("RabbitMQ", "Redis", "PostgreSQL"):
            eventually(name, lambda name=name: [item for item in self.console.all("#stores li") if item.text == name])
        self.console.sees("healthy", "main")
        eventually("a row for each lane", lambda: len(self.console.all("main section:last-child tbody tr")) >= 1)
        paint = self.driver.execute_script(
            "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null")
        self.assertIsNotNone(paint)
        print(f"first paint after {paint:.0f} ms")

    def test_many_pages_share_one_stream(self):
        # Without sharing, the seventh page waits for a connection.
        first = self.driver.current_window_handle
        for _ in range(8):
            self.driver.switch_to.new_window("tab")
            self.console.open("coupons")
            self.console.is_loaded()
        # Without the pages before it, one of which has the stream, the last page takes over.
        *others, last = [handle for handle in self.driver.window_handles if handle != first]
        for handle in others:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(last)
        at = lambda: self.driver.execute_async_script(
            "import('/console/feed.js').then((feed) => arguments[0](feed.state.overview?.at))")
        before = at()
        eventually("a newer overview", lambda: at() > before)
        self.driver.close()
        self.driver.switch_to.window(first)

    def test_every_page_fits_and_can_be_used_by_all(self):
        name = self.coupon("FIT")
        claim = submit("u1", name, f"fit-{STAMP}")
        pages = ["", "coupons", f"coupons/{name}", "claims", f"claims/{claim['id']}", "dead-letters",
                 "dead-letters/discarded", "keys", "log", "rush"]
        for width, dark in ((1440, False), (1440, True), (360, False), (360, True)):
            resize(self.driver, width, 800, dark)
            for page in pages:
                with self.subTest(page=page, width=width, dark=dark):
                    self.console.open(page)
                    self.console.is_loaded()
                    self.assertEqual(problems(self.driver), [])

    def test_the_keyboard_is_enough(self):
        self.console.open("coupons")
        self.console.is_loaded()
        focused = []
        while len(focused) < 30 and "Create a coupon" not in focused:
            self.driver.switch_to.active_element.send_keys(Keys.TAB)
            focused.append(self.driver.execute_script("return document.activeElement.textContent.trim()"))
        self.assertEqual(focused[0], "Skip to the content")
        self.assertEqual(focused[-1], "Create a coupon")
        self.driver.switch_to.active_element.send_keys(Keys.ENTER)
        eventually("the focus in the dialog", lambda: self.driver.execute_script(
            "return document.activeElement.closest('dialog') !== null"))
        self.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        eventually("the focus on the button", lambda: self.driver.execute_script(
            "return document.activeElement.textContent") == "Create a coupon")

    def test_without_a_token_the_page_asks_for_a_key(self):
        with another_api({"CLAIMS_AUTH": "required"}) as (url, _):
            console = Console(self.driver, url)
            console.open()
            console.type("API key", "ck_0000000000000000_" + "0" * 64, "dialog[open]")
            console.press("Sign in", "dialog[open]")
            console.sees("was refused", "dialog[open]")
            key = create_key("metrics:read", "coupons:read")
            console.type("API key", key, "dialog[open]")
            console.press("Sign in", "dialog[open]")
            console.sees("healthy", "main")
            # A rush is offered only on an open copy, and the key does not manage keys.
            self.assertFalse(console.all("#rush-page")[0].is_displayed())
            self.driver.execute_script("location.hash = '#/keys'")
            console.sees("keys:write", "main")
            self.driver.execute_script("location.hash = '#/coupons'")
            console.sees("Create a coupon", "main")
            kept = self.driver.execute_script(
                "return JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
            self.assertNotIn(key[3:19], kept)
            self.driver.refresh()
            console.field("API key", "dialog[open]")
            self.assertEqual(self.driver.execute_script("return document.querySelector('#token').value"), "")
            self.driver.get("about:blank")
        self.driver.get_log("browser")

    # MARK: Coupons and claims

    def test_a_coupon_is_created_changed_and_closed(self):
        self.console.open("coupons")
        self.console.press("Create a coupon")
        self.console.type("Name", f"browser sale {STAMP}", "dialog[open]")
        self.console.type("Amount", "3", "dialog[open]")
        self.console.press("Create", "dialog[open]")
        self.console.sees("3 of 3", "main")
        name = f"BROWSER_SALE_{STAMP}"
        self.assertEqual(self.console.text("main h1"), name)
        submit("ann", name, f"a-{STAMP}")
        self.console.sees("2 of 3", "main")
        self.console.sees("ann", "main table")
        self.console.press("Change")
        self.console.type("Amount", "0", "dialog[open]")
        self.console.press("Change", "dialog[open]")
        self.console.sees("amount must be at least 1", "dialog[open]")
        self.console.type("Amount", "5", "dialog[open]")
        self.console.press("Change", "dialog[open]")
        self.console.sees("4 of 5", "main")
        self.console.type("User", "ann")
        self.console.press("Check")
        self.console.sees("No: already claimed", "main")
        self.console.press("Close", "main")
        self.console.press("Close the coupon", "dialog[open]")
        self.console.sees("Ended", "main")
        self.assertEqual(submit("bob", name, f"b-{STAMP}")["reason"], "expired")

    def test_a_claim_is_found_followed_and_cancelled(self):
        name = self.coupon("CANCEL")
        claim = submit("ann", name, f"c-{STAMP}")
        self.console.open("claims")
        self.console.type("User", "ann")
        self.console.type("Coupon", name)
        self.console.press("Search")
        self.console.one(f'main a[href="#/claims/{claim["id"]}"]').click()
        self.console.sees("Accepted", "main ol")
        self.console.sees("Claimed", "main ol")
        self.console.press("Cancel the claim", "main")
        self.console.press("Cancel the claim", "dialog[open]")
        self.console.sees("Cancelled", "main ol")
        self.assertEqual(request("GET", f"/claims/{claim['id']}")[1]["status"], "cancelled")

    def test_hostile_text_is_shown_as_text(self):
        name = self.coupon("HOSTILE")
        claim = submit(HOSTILE, name, f"h-{STAMP}")
        self.console.open(f"coupons/{name}")
        self.console.sees(HOSTILE, "main table")
        self.console.open(f"claims/{claim['id']}")
        self.console.sees(HOSTILE, "main")
        self.console.open(f"coupons/{HOSTILE.replace('/', '%2F')}")
        self.assertEqual(self.console.all("main img"), [])

    def test_many_coupons_are_paged(self):
        for number in range(1000):
            request("POST", "/coupons", {"name": f"MANY_{STAMP}_{number:04}", "amount": 1})
        self.console.open("coupons")
        self.console.type("Part of the name", f"many {STAMP}")
        self.console.press("Search")
        self.console.sees(f"MANY_{STAMP}_0000", "main")
        eventually("a page of 50", lambda: len(self.console.all("main tbody tr")) == 50)
        self.console.press("Next page")
        self.console.sees(f"MANY_{STAMP}_0050", "main")
        self.console.press("Previous page")
        self.console.sees(f"MANY_{STAMP}_0000", "main")

    # MARK: Dead letters

    def test_dead_letters_are_diagnosed_replayed_edited_and_discarded(self):
        name = self.coupon("DEAD")
        claims = dead_letter(("dee", "dan", HOSTILE, "eve", "eli"), name, f"refused {HOSTILE}")
        self.console.open("dead-letters")
        self.console.type("Coupon", name)
        self.console.press("Filter")
        self.console.sees("5 messages", "main")
        self.console.sees("onerror", "main")
        # Two are selected and replayed.
        for user in ("eve", "eli"):
            # The table of causes has no checkboxes.
            row = next(row for row in self.console.all("main tbody tr:has(input)") if f"{user} " in row.text)
            row.find_element("css selector", "input").click()
        self.console.press("Replay 2 selected", "main")
        self.console.sees("Exactly these 2 messages are replayed", "dialog[open]")
        self.console.press("Replay", "dialog[open]")
        self.console.sees("Done.", "main")
        for claim in claims[3:]:
            self.assertEqual(request("GET", f"/claims/{claim['id']}?wait=10")[1]["status"], "claimed")
        # One is replayed from its own page.
        self.console.open(f"dead-letters/{claims[0]['id']}")
        self.console.sees("A replay may help", "main")
        self.console.sees("refused <img", "main")
        self.console.press("Replay", "main")
        self.console.sees("Exactly this message is replayed", "dialog[open]")
        self.console.press("Replay", "dialog[open]")
        self.console.sees("Done.", "main")
        self.assertEqual(request("GET", f"/claims/{claims[0]['id']}?wait=10")[1]["status"], "claimed")
        # One is edited.
        self.console.open(f"dead-letters/{claims[1]['id']}")
        self.console.press("Edit and replay", "main")
        self.console.press("Send", "dialog[open]")
        self.console.sees("Done.", "main")
        # One is discarded and restored.
        self.console.open(f"dead-letters/{claims[2]['id']}")
        self.console.press("Discard", "main")
        self.console.type("Note, the claims' new reason", HOSTILE, "dialog[open]")
        self.console.press("Discard", "dialog[open]")
        self.console.sees("Done.", "main")
        self.assertEqual(request("GET", f"/claims/{claims[2]['id']}")[1]["status"], "discarded")
        self.console.open(f"claims/{claims[2]['id']}")
        self.console.sees("Discarded", "main ol")
        self.console.sees("Attempt failed", "main ol")
        self.console.open("dead-letters/discarded")
        self.console.sees("onerror", "main")
        self.console.press("Restore", "main")
        self.console.sees("Done.", "main")
        self.console.open("log")
        self.console.sees("dlq.replay", "main")
        self.console.sees("dlq.discard", "main")

    # MARK: Keys

    def test_a_key_is_shown_once_and_revoked(self):
        self.console.open("keys")
        self.console.press("Create a key")
        self.console.type("Name of the service", f"shop {STAMP} {HOSTILE[:40]}", "dialog[open]")
        for label in self.console.all("dialog[open] label"):
            if label.text.startswith("claims:read"):
                label.click()
        self.console.press("Create", "dialog[open]")
        key = self.console.field("Key", "dialog[open]").get_attribute("value")
        self.assertRegex(key, r"^ck_[0-9a-v]{16}_[0-9a-f]{64}$")
        self.console.press("Done", "dialog[open]")
        self.console.sees(f"shop {STAMP}", "main")
        self.assertNotIn(key[20:], self.driver.page_source)
        self.console.row(f"shop {STAMP}").find_elements("css selector", "button")[0].click()
        self.console.press("Rotate", "dialog[open]")
        self.assertNotEqual(self.console.field("Key", "dialog[open]").get_attribute("value"), key)
        self.console.press("Done", "dialog[open]")
        self.console.row(f"shop {STAMP}").find_elements("css selector", "button")[1].click()
        self.console.press("Revoke", "dialog[open]")
        eventually("the revoked key", lambda: any(
            f"shop {STAMP}" in row.text and "revoked" in row.text for row in self.console.all("main tbody tr")))
        self.console.open("log")
        self.console.sees("key.revoke", "main")

    # MARK: Rush and outages

    def test_a_rush_goes_on_when_a_worker_is_killed(self):
        self.console.open("rush")
        self.console.is_loaded()
        self.console.type("Users", "500" if QUICK else "5000")
        self.console.type("Coupons", "50")
        self.console.press("Start")
        eventually("a coupon", lambda: self.console.tile("Got the coupon") > 0)
        kill("worker-1")
        try:
            self.console.sees("Correct", "main", 120)
            self.console.sees("50 of 50 coupons given out", "main")
            self.console.sees("0 violations", "main")
        finally:
            deploy("up")
        self.console.open()
        eventually("the new worker", lambda: self.console.tile("Workers") >= 2)

    def test_without_a_server_the_page_says_which_and_goes_on(self):
        for server, name in (("redis", "Redis"), ("postgres", "PostgreSQL")) + (() if QUICK else (("rabbitmq", "RabbitMQ"),)):
            with self.subTest(server=server):
                self.console.open()
                self.console.sees("Claims per second", "main")
                deploy("server", "stop", server)
                try:
                    self.console.sees(f"{name} is away", "#outage")
                    self.console.sees(f"{name} away", "#stores")
                    for page in ("coupons", "dead-letters", "keys", "log"):
                        self.driver.execute_script(f"location.hash = '#/{page}'")
                        eventually(f"the page {page}", lambda: self.console.all("main h1"))
                finally:
                    deploy("server", "start", server)
                eventually(f"{name} back", lambda: not self.console.one("#stores").text.count("away"))


if __name__ == "__main__":
    unittest.main()
