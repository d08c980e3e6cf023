"""Takes the pictures of docs/pictures. deploy/browser --pictures runs it against a running copy."""

import base64
import os
import sys
import time

from browser import Console, chromium, eventually, refuse_claims, request, resize, submit

FOLDER = sys.argv[1]
STAMP = f"{int(time.time()):X}"


def take(driver, name):
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": False})
    with open(os.path.join(FOLDER, f"{name}.png"), "wb") as file:
        file.write(base64.b64decode(picture["data"]))


def both(driver, name, height):
    """In light and in dark colours."""
    for colours in ("light", "dark"):
        resize(driver, 1200, height, colours == "dark")
        driver.execute_script("window.dispatchEvent(new Event('resize'))")
        time.sleep(0.3)  # Chromium paints the new colours in its next frames, which it does not announce.
        take(driver, f"{name}-{colours}")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    driver = chromium(1200, 800)
    console = Console(driver)
    try:
        coupon = f"CONCERT_{STAMP}"
        request("POST", "/coupons", {"name": coupon, "amount": 100})
        stop = refuse_claims("value too long for type character varying(20)")
        try:
            for user in range(12):
                submit(f"user-{user}", coupon, f"{STAMP}-{user}", 30)
        finally:
            stop()
        console.open("rush")
        resize(driver, 1200, 720)
        console.type("Users", "5000")
        console.type("Coupons", "300")
        console.press("Start")
        eventually("half of the dots", lambda: int(
            console.text("figcaption").split("sold out")[0].split()[-1].replace(",", "")) > 1500, 120)
        both(driver, "rush", 720)
        console.sees("All is right", "main", 180)
        console.open()
        console.sees("sold out", "main")
        both(driver, "overview", 900)
        console.open("dead-letters")
        console.sees("too long", "main")
        both(driver, "dead-letters", 720)
    finally:
        driver.quit()


main()
