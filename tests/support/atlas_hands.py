"""Hands on the atlas: what a test does with its page in a browser, and reads from it."""

from __future__ import annotations

import csv

from waiting import wait_for

FIRST_PICTURE = "return performance.getEntriesByName('atlas-first-picture').map(e => e.startTime)[0]"


class Page:
    """The atlas as someone uses it."""

    def __init__(self, driver, path):
        self.driver, self.url = driver, path.as_uri()

    def open(self, *, dark=False, width=1280, height=1400, touch=False):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        for command, value in (
            ("Emulation.setEmulatedMedia", {"features": [scheme]}),
            ("Emulation.setDeviceMetricsOverride", size),
            ("Emulation.setTouchEmulationEnabled", {"enabled": touch}),
        ):
            self.driver.execute_cdp_cmd(command, value)
        self.driver.get(self.url)
        self.until(lambda: self.run(FIRST_PICTURE))
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, holds):
        state = []
        try:
            wait_for(lambda: state.append(holds()) or state[-1], "the page is in the expected state", 10)
        except AssertionError as late:
            raise AssertionError(self.driver.get_log("browser")) from late
        return state[-1]

    def drawn_dots_first(self, what):
        """The sketch comes before the full picture; how long each took is printed (pytest -s)."""
        sketch, picture = self.run(
            "return ['sketch', 'first-picture'].map(mark =>"
            " performance.getEntriesByName('atlas-' + mark)[0].startTime)"
        )
        print(f"{what}: first dots after {sketch:.0f} ms, the map after {picture:.0f} ms")  # noqa: T201
        assert 0 < sketch < picture

    def find(self, name):
        return self.driver.find_element("id", f"atlas-{name}")

    def text(self, name):
        return self.run("return document.getElementById(arguments[0]).textContent", f"atlas-{name}")

    def pick(self, name, value):
        from selenium.webdriver.support.ui import Select

        Select(self.find(name)).select_by_value(value)

    def trace(self, name, field="x"):
        return self.run(
            "const trace = document.getElementById('atlas-plot').data.find(t => t.name === arguments[0]);"
            "return trace && arguments[1].split('.').reduce((o, k) => o[k], trace)", name, field,
        )  # fmt: skip

    def place(self, at):
        """Where a point is, from the middle of the frame, as the actions of selenium count."""
        return self.run(
            "const p = document.getElementById('atlas-plot'), l = p._fullLayout;"
            "const t = p.data.find(t => t.name === 'points');"
            "const box = document.getElementById('atlas-frame').getBoundingClientRect();"
            "return [l.xaxis.d2p(t.x[arguments[0]]) + l.xaxis._offset - box.width / 2,"
            " l.yaxis.d2p(t.y[arguments[0]]) + l.yaxis._offset - box.height / 2].map(Math.round)", at,
        )  # fmt: skip

    def canvas_ink(self, name):
        """How many different colours a canvas holds."""
        return self.run(
            "const c = document.getElementById(arguments[0]);"
            "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            "return new Set(new Uint32Array(d.buffer)).size", f"atlas-{name}",
        )  # fmt: skip

    def downloaded(self, folder):
        folder.mkdir()
        self.driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
        )
        self.find("csv").click()
        name = self.until(lambda: [path for path in folder.iterdir() if path.suffix == ".csv"])[0]
        with name.open(newline="", encoding="utf-8") as file:
            return name.name, list(csv.DictReader(file))
