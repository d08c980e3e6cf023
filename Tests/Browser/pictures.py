"""Takes the pictures of docs/pictures. deploy/browser --pictures runs it against a running copy."""

import base64
import os
import sys
import time

from browser import Console, chromium, dead_letter, eventually, request, resize

FOLDER = sys.argv[1]
STAMP = f"{int(time.time()):X}"
WIDTH = 1120


def take(driver, name, height):
    """Takes a picture in light and one in dark colours."""
    for colours in ("light", "dark"):
        resize(driver, WIDTH, height, colours == "dark")
        # Two frames: the first one has the new size and colours.
        driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": False})
        with open(os.path.join(FOLDER, f"{name}-{colours}.png"), "wb") as file:
            file.write(base64.b64decode(picture["data"]))


def main():
    os.makedirs(FOLDER, exist_ok=True)
    driver = chromium(WIDTH, 800)
    console = Console(driver)
    try:
        for name, users in (("CONCERT", 8), ("WINTER_COAT", 3)):
            coupon = f"{name}_{STAMP}"
            request("POST", "/coupons", {"name": coupon, "amount": 100})
            dead_letter([f"user-{number}" for number in range(users)], coupon,
                        "value too long for type character varying(20)")
        # The overview stays open during the rush, because latencies are only kept by an open page.
        console.open()
        overview = driver.current_window_handle
        driver.switch_to.new_window("tab")
        console.open("rush")
        console.is_loaded()
        console.type("Users", "5000")
        console.type("Coupons", "400")
        console.press("Start")
        eventually("two thirds of the dots", lambda: console.tile("Sold out") > 3000, 180)
        take(driver, "rush", 690)
        console.sees("Correct", "main", 180)
        driver.switch_to.window(overview)
        console.sees("healthy", "main")
        take(driver, "overview", 800)
        console.open("dead-letters")
        console.sees("too long", "main")
        console.is_loaded()
        take(driver, "dead-letters", 690)
    finally:
        driver.quit()


main()
