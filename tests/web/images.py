"""Write the pictures of both pages: docs/images/page/LANGUAGE/STATE.png and docs/images/console/SCHEME/STATE.png.

docs/page.md and docs/console.md show them. python -m tests.web.images
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image
from playwright.sync_api import sync_playwright

from dev.install import programs
from dev.pages import WEB, serving
from tests.web import console_states, states

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

IMAGES = Path(__file__).parents[2] / "docs" / "images"
Scheme = Literal["light", "dark"]
OPTIONS: dict[str, Any] = {"timezone_id": "Europe/Zurich", "reduced_motion": "reduce"}
PAGE_SIZE: ViewportSize = {"width": 390, "height": 560}
WHOLE = {"soldout-again"}  # what it is about stands below the first screen
CONSOLE_SIZE: ViewportSize = {"width": 1280, "height": 760}
# Each language in another scheme, so that both are seen.
SCHEMES: dict[str, Scheme] = {"en": "light", "ko": "dark"}
CONFIG = {"api": "http://127.0.0.1:1", "issuer": "http://127.0.0.1:2"}
# What is left when the scrollbar's place and the empty foot of the console are cut off.
FILLED = """() => {
  const parts = [...document.querySelectorAll("main, .said:not(:empty)")];
  const bottoms = parts.map(each => each.getBoundingClientRect().bottom);
  return {x: 0, y: 0, width: document.body.clientWidth, height: Math.min(innerHeight, Math.max(...bottoms))};
}"""
COLOURS = 48  # a third of the bytes; a page has a dozen, and the edges of letters
CONSOLE_COLOURS = 256  # the few green and brown letters of the console are lost with less
KOREAN = "fc-list :lang=ko"


def main() -> None:
    """Write all of them anew."""
    if not subprocess.run(KOREAN.split(), capture_output=True, text=True, check=True).stdout:
        sys.exit("images: there is no font with Korean letters: apt-get install fonts-nanum")
    for folder in ("page", "console"):
        shutil.rmtree(IMAGES / folder, ignore_errors=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=programs(["chromium"])["chromium"])
        _draw_page(browser)
        _draw_console(browser)
        browser.close()
    print(f"{len(list(IMAGES.glob('*/*/*.png')))} pictures in {IMAGES}")


def _draw_page(browser: Browser) -> None:
    with serving(WEB / "event", CONFIG) as url:
        for language in states.LANGUAGES:
            scheme = SCHEMES[language]
            context = browser.new_context(color_scheme=scheme, locale=language, viewport=PAGE_SIZE, **OPTIONS)
            page = context.new_page()
            states.only_the_view(page)
            page.goto(url)
            for name in states.STATES:
                states.show(page, name, language)
                _write(page.screenshot(full_page=name in WHOLE), IMAGES / "page" / language / f"{name}.png")
            context.close()


def _draw_console(browser: Browser) -> None:
    """Draw each state as it is on a desk, in both schemes."""
    schemes: tuple[Scheme, ...] = ("light", "dark")
    with serving(WEB / "console", CONFIG) as url:
        for scheme in schemes:
            for name in console_states.STATES:
                context = browser.new_context(color_scheme=scheme, locale="en-GB", viewport=CONSOLE_SIZE, **OPTIONS)
                page = context.new_page()
                console_states.answered(page, url)
                console_states.show(page, url, name)
                shot = page.screenshot(clip=page.evaluate(FILLED))
                _write(shot, IMAGES / "console" / scheme / f"{name}.png", CONSOLE_COLOURS)
                context.close()


def _write(shot: bytes, path: Path, colours: int = COLOURS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(colours).save(path, optimize=True)


if __name__ == "__main__":
    main()
