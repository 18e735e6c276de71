"""Takes the picture of a real report: `python -m scripts.record_report docs/pictures/report.png`.

Runs the demo on a checkout of its own, verifies what it deployed, and takes a picture of the HTML report, as wide as
README shows it twice over. Needs Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.support.browser import chromium
from tests.support.checkout import make_checkout

WIDTH, HEIGHT = 1120, 1180


def main() -> None:
    """Runs, verifies and takes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("png", type=Path)
    target = parser.parse_args().png
    with tempfile.TemporaryDirectory() as folder:
        checkout = make_checkout(Path(folder))
        report = Path(folder) / "report.html"
        try:
            for words in (("demo", "--keep"), ("verify", "--html", str(report))):
                ran = checkout.orgcal(*words)
                if ran.code:
                    raise SystemExit(f"orgcal {' '.join(words)}: {ran.text}")
        finally:
            checkout.orgcal("emulator", "stop")
        with chromium() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(report.as_uri())
            page.screenshot(path=target)
    sys.stdout.write(f"{target}: {target.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
