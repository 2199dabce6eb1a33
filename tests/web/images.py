"""Write the pictures of the applicant's page: docs/images/page/LANGUAGE/STATE.png, which docs/page.md shows.

python -m tests.web.images
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import sync_playwright

from dev.install import programs
from dev.pages import WEB, serving
from tests.web.states import LANGUAGES, STATES, only_the_view, show

IMAGES = Path(__file__).parents[2] / "docs" / "images" / "page"
# Each language in another scheme, so that both are seen.
OPTIONS: dict[str, Any] = {
    "viewport": {"width": 390, "height": 560},
    "timezone_id": "Europe/Zurich",
    "reduced_motion": "reduce",
}
SCHEMES: dict[str, Literal["light", "dark"]] = {"en": "light", "ko": "dark"}
CONFIG = {"api": "http://127.0.0.1:1", "issuer": "http://127.0.0.1:2"}
COLOURS = 48  # a third of the bytes; the page has a dozen, and the edges of letters
KOREAN = "fc-list :lang=ko"


def main() -> None:
    """Write all of them anew."""
    if not subprocess.run(KOREAN.split(), capture_output=True, text=True, check=True).stdout:
        sys.exit("images: there is no font with Korean letters: apt-get install fonts-nanum")
    shutil.rmtree(IMAGES, ignore_errors=True)
    with sync_playwright() as playwright, serving(WEB / "event", CONFIG) as url:
        browser = playwright.chromium.launch(executable_path=programs(["chromium"])["chromium"])
        for language in LANGUAGES:
            context = browser.new_context(color_scheme=SCHEMES[language], locale=language, **OPTIONS)
            page = context.new_page()
            only_the_view(page)
            page.goto(url)
            for name in STATES:
                show(page, name, language)
                _write(page.screenshot(), IMAGES / language / f"{name}.png")
            context.close()
        browser.close()
    print(f"{len(LANGUAGES) * len(STATES)} pictures in {IMAGES}")


def _write(shot: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
