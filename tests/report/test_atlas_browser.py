"""The atlas in a real browser: seen, pressed, pointed at and downloaded, without errors or a network."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from atlas_hands import Page
from atlas_pages import NASTY, OTHER, atlas_page, evaluations, graphs, page_of

selenium = pytest.importorskip("selenium", reason="selenium, of the extra [test], is not installed")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1400")
LAYOUT = "return document.getElementById('atlas-plot').layout.xaxis"


@pytest.fixture(scope="module")
def driver():
    binary, service = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    if not binary or not service:
        pytest.skip("no Chromium with its chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def drawn():
    return graphs()


@pytest.fixture(scope="module")
def table(drawn):
    return evaluations(drawn)


@pytest.fixture(scope="module")
def page(driver, drawn, table, tmp_path_factory):
    path = tmp_path_factory.mktemp("atlas") / "index.html"
    path.write_text(atlas_page(table, drawn), encoding="utf-8")
    return Page(driver, path)


@pytest.fixture(autouse=True)
def no_errors(driver):
    """Every test ends with an empty console: no error, no warning, nothing blocked."""
    driver.get_log("browser")
    yield
    assert driver.get_log("browser") == []


def means(table, task, epoch):
    """Mean error by label over the seeds that have one, lowest first."""
    rows = table[(table["task"] == task) & (table["epoch"] == epoch) & (table["kind"] == "relational")]
    return rows.groupby("graph")["test_error"].mean().sort_values(kind="stable")


def test_the_first_picture_comes_soon_and_nothing_is_fetched(page, table):
    page.open()
    page.drawn_dots_first("31 graphs")
    assert page.run("return performance.getEntriesByType('resource').map(e => e.name)") == []
    assert len(page.trace("points")) == 31
    assert page.run("return document.title") == f"Atlas of {NASTY}"
    assert page.trace("points", "marker.color")[-1] == pytest.approx(means(table, "plain", 200).iloc[0])


def test_pointing_at_a_graph_shows_it(page, table):
    page.open()
    expected, frame = means(table, "plain", 200), page.find("frame")
    for at in (0, 12):
        ActionChains(page.driver).move_to_element_with_offset(frame, *page.place(at)).perform()
        label = page.text("name")
        assert page.trace("points", "marker.color")[at] == pytest.approx(expected[label])
        assert f"error {expected[label]:.2f}" in page.text("error")
        assert page.text("tip").startswith(label)
        assert page.find("tip").is_displayed()
    assert page.canvas_ink("circle") > 20
    assert page.canvas_ink("matrix") > 2
    shown = dict(zip(*page.run(
        "const all = tag => [...document.querySelectorAll('#atlas-measures ' + tag)].map(e => e.textContent);"
        "return [all('dt'), all('dd')]"
    ), strict=True))  # fmt: skip
    row = table[(table["graph"] == label) & (table["task"] == "plain")].iloc[0]
    assert float(shown["clustering coefficient C"]) == pytest.approx(row["clustering"], rel=1e-3)
    assert len(shown) > 20


@pytest.mark.parametrize("label", ["one way", "ws-12"])
def test_the_drawn_graph_is_the_graph(page, drawn, label):
    """Pixels at the middle of each entry of the adjacency picture against the matrix itself."""
    page.open()
    page.find("find").send_keys(label)
    page.driver.find_element("css selector", "#atlas-table tbody button").click()
    assert page.text("name") == label
    n = drawn[label].n
    ink = page.run(
        "const c = document.getElementById('atlas-matrix'), n = arguments[0], out = [];"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "const at = i => Math.floor((i + 0.5) * c.width / n);"
        "for (let i = 0; i < n; i++) for (let j = 0; j < n; j++)"
        " out.push(d.slice(4 * (at(i) * c.width + at(j)), 4 * (at(i) * c.width + at(j)) + 3).join());"
        "return out", n,
    )  # fmt: skip
    dark = ink[int(np.flatnonzero(drawn[label].adjacency.ravel())[0])]
    np.testing.assert_array_equal(np.array(ink).reshape(n, n) == dark, drawn[label].adjacency)


def test_axes_colours_tasks_and_cells_can_be_switched(page, table):
    page.open()
    page.pick("x", "modularity")
    page.pick("y", "error")
    page.pick("colour", "diameter")
    assert page.trace("points", "y") != page.trace("points", "x")
    np.testing.assert_allclose(np.sort(page.trace("points", "y")), means(table, "plain", 200).to_numpy())
    assert set(page.trace("points", "marker.color")) <= set(range(2, 20))
    assert page.run(f"{LAYOUT}.title.text") == "Louvain modularity Q"
    page.pick("task", "1")
    assert len(page.trace("points")) == 10
    assert OTHER in page.text("about")
    page.pick("task", "0")
    for axis, key in (("x", "path_length"), ("y", "clustering"), ("colour", "error")):
        page.pick(axis, key)
    counts = []
    for level in ("fine", "medium", "coarse"):
        page.pick("level", level)
        counts.append(len(page.trace("points")))
        assert page.run("return document.getElementById('atlas-plot').data[0].type") == "heatmap"
        assert "Cell C" in page.text("name")
    assert 31 >= counts[0] > counts[1] > counts[2] > 3


def test_cells_hold_the_means_of_the_analysis(page, table):
    from graph2nn.analysis.cells import cell_means

    page.open().pick("level", "coarse")
    rows = table[table["task"] == "plain"].dropna(subset=["test_error"])
    expected = cell_means(rows, "coarse").sort_values(["C", "L"])
    shown = sorted(
        zip(page.trace("points"), page.trace("points", "y"), page.trace("points", "marker.color"), strict=True)
    )
    np.testing.assert_allclose(shown, expected[["C", "L", "mean"]].to_numpy())


def test_the_epoch_slider_changes_colours_and_plays(page, table):
    page.open().pick("task", "1")
    assert page.find("epochs").is_displayed()
    for epoch in (4, 3, 0):
        page.run(
            "const e = document.getElementById('atlas-epoch'); e.value = arguments[0];"
            "e.dispatchEvent(new Event('input'))",
            epoch,
        )  # fmt: skip
        np.testing.assert_allclose(
            np.sort(page.trace("points", "marker.color")), means(table, OTHER, epoch).to_numpy()
        )
        assert page.text("epoch-shown") == str(epoch)
    page.find("epoch").send_keys(Keys.ARROW_RIGHT)
    assert page.text("epoch-shown") == "1"
    page.find("play").send_keys(Keys.SPACE)
    page.until(lambda: page.text("epoch-shown") == "4")
    page.until(lambda: page.find("play").get_attribute("aria-pressed") == "false")
    own = page.trace("points", "marker.cmax")
    page.find("fixed").click()
    assert page.trace("points", "marker.cmax") > own + 20


def test_a_box_selects_and_the_csv_has_its_rows(page, table, drawn, tmp_path):
    page.open()
    x, y = np.array(page.trace("points")), np.array(page.trace("points", "y"))
    # The right edge of the box goes through the middle of the widest gap between two graphs.
    across = np.argsort(x)
    gap = int(np.argmax(np.diff(x[across])[8:20])) + 8
    left, before, after = (page.place(int(across[at]))[0] for at in (0, gap, gap + 1))
    top, bottom = page.place(int(y.argmax()))[1] - 8, page.place(int(y.argmin()))[1] + 8
    actions = ActionChains(page.driver)
    actions.move_to_element_with_offset(page.find("frame"), left - 8, top).click_and_hold()
    right = (before + after) // 2 - left - 12
    actions.move_by_offset(20, 20).move_by_offset(right, bottom - top - 20).release().perform()
    page.until(lambda: page.trace("chosen"))
    inside = x[across][: gap + 1]
    assert sorted(page.trace("chosen")) == inside.tolist()
    name, rows = page.downloaded(tmp_path / "box")
    assert name == "plain-epoch200.csv"
    expected = [label for label, graph in drawn.items() if graph.clustering <= inside[-1]]
    assert sorted(row["graph"] for row in rows) == sorted(expected)
    assert [float(row["error_mean"]) for row in rows] == sorted(float(row["error_mean"]) for row in rows)
    for row in rows:
        own = table[(table["graph"] == row["graph"]) & (table["task"] == "plain")]
        seeds = [row[f"error_seed{seed}"] for seed in (1, 2, 3)]
        assert seeds == [
            "" if np.isnan(error) else repr(error).removesuffix(".0") for error in own["test_error"]
        ]
        assert float(row["error_mean"]) == pytest.approx(own["test_error"].mean(), abs=1e-12)
        assert float(row["error_sd"]) == pytest.approx(own["test_error"].std(), abs=1e-9)
        assert float(row["clustering"]) == drawn[row["graph"]].clustering
        assert int(row["runs"]) == own["test_error"].notna().sum()


def test_the_keyboard_is_enough(page, table, drawn, tmp_path):
    page.open()
    expected, frame = means(table, "plain", 200), page.find("frame")
    page.run("document.getElementById('atlas-frame').focus()")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    frame.send_keys(Keys.HOME)
    assert page.text("name") == expected.index[0]
    assert page.run(outline) == "solid"
    frame.send_keys(Keys.END)
    assert page.text("name") == expected.index[-1]
    frame.send_keys(Keys.HOME)
    walked = []
    for key in [Keys.ARROW_LEFT] * 3 + [Keys.ARROW_RIGHT] * 3:
        frame.send_keys(key)
        walked.append(drawn[page.text("name")].clustering)
    assert (np.diff(walked[:3]) < 0).all()
    assert (np.diff(walked[2:]) > 0).all()
    drawn_at = page.run(
        "const [ring, box] = ['ring', 'frame'].map(name =>"
        " document.getElementById('atlas-' + name).getBoundingClientRect());"
        "return ring.left - box.left - box.width / 2"
    )
    at = page.trace("points").index(walked[-1])
    assert drawn_at == pytest.approx(page.place(at)[0], abs=3)
    label = page.text("name")
    frame.send_keys(Keys.ENTER)
    assert page.text("count") == "1 graph selected"
    assert "selected" in page.text("said")
    assert [row["graph"] for row in page.downloaded(tmp_path / "one")[1]] == [label]
    frame.send_keys(Keys.SPACE)
    assert page.text("count") == "0 graphs selected"
    before = page.run(f"{LAYOUT}.range")
    frame.send_keys("+")
    page.until(lambda: page.run(f"{LAYOUT}.range") != before)
    after = page.run(f"{LAYOUT}.range")
    assert after[1] - after[0] == pytest.approx(0.7 * (before[1] - before[0]))


def test_tab_goes_through_every_control_in_the_order_of_the_page(page):
    page.open()
    order = page.run(
        "const all = ['button', 'select', 'input', '[tabindex]', 'summary'].map(e => '#atlas ' + e).join();"
        "return [...document.querySelectorAll(all)].filter(e => !e.disabled && e.offsetParent !== null)"
        ".slice(0, 15).map(e => e.id || e.dataset.drag || e.tagName)"
    )  # fmt: skip
    page.run("document.getElementById('atlas-task').focus()")
    walked = []
    for _ in order:
        walked.append(page.run(
            "const e = document.activeElement; return e.id || e.dataset.drag || e.tagName"
        ))  # fmt: skip
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
    assert walked == order
    assert "atlas-frame" in walked
    unnamed = page.run(
        "return [...document.querySelectorAll('#atlas button, #atlas select, #atlas input')].filter(e =>"
        " !(e.textContent.trim() && e.tagName === 'BUTTON') && !e.ariaLabel && !(e.labels && e.labels.length))"
        ".map(e => e.id)"
    )
    assert unnamed == []


def test_rows_of_the_table_select_and_labels_are_found(page, tmp_path):
    page.open()
    assert "lowest errors" in page.text("rest")
    page.find("find").send_keys("onerror")
    boxes = page.driver.find_elements("css selector", "#atlas-table tbody input")
    assert len(boxes) == 1
    boxes[0].click()
    assert page.text("count") == "1 graph selected"
    assert page.text("name") == NASTY
    assert page.downloaded(tmp_path / "row")[1][0]["graph"] == NASTY
    page.find("clear").click()
    assert page.text("count") == "0 graphs selected"
    assert page.trace("chosen") == []


def test_a_phone_shows_all_of_it_and_a_tap_shows_a_graph(page, table):
    page.open(width=390, height=844, touch=True)
    assert page.run("return document.documentElement.scrollWidth") <= 390
    frame = page.find("frame")
    page.run("document.getElementById('atlas-frame').scrollIntoView()")
    box = page.run("return document.getElementById('atlas-frame').getBoundingClientRect().toJSON()")
    at = int(np.argmax(page.trace("points", "y")))
    x, y = page.place(at)
    point = {"x": box["left"] + frame.rect["width"] / 2 + x, "y": box["top"] + frame.rect["height"] / 2 + y}
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    error = page.trace("points", "marker.color")[at]
    page.until(lambda: f"error {error:.2f}" in page.text("error"))
    assert page.text("count") == "0 graphs selected"
    page.find("choose").click()
    assert page.text("count") == "1 graph selected"
    small = page.run(
        "return [...document.querySelectorAll('#atlas button, #atlas select')].filter(e => e.offsetParent)"
        ".filter(e => !e.closest('td') && e.getBoundingClientRect().height < 32).map(e => e.id)"
    )
    assert small == []


def test_highlighted_graphs_are_marked_and_graphs_in_parts_left_out(driver, drawn, table, tmp_path):
    parts = table["graph"] == "ws-1"
    rows = table.assign(reachable=np.where(parts, 0.5, 1.0), directed=parts)
    path = tmp_path / "index.html"
    path.write_text(page_of(rows, drawn, None, highlighted=["ws-2", "ws-1"]), encoding="utf-8")
    page = Page(driver, path).open()
    assert len(page.trace("points")) == 30
    row = table[table["graph"] == "ws-2"].iloc[0]
    assert page.trace("highlighted") == [pytest.approx(row["clustering"])]
    assert page.trace("highlighted", "text") == ["ws-2"]
    assert "Diamond: highlighted. 1 off the plane, in parts: it is not on this map." in page.text("shown")
    names = page.run("return [...document.querySelectorAll('#atlas-table button')].map(e => e.textContent)")
    assert sorted(names[:2]) == ["◆ ws-1", "◆ ws-2"]
    heads = page.run("return [...document.querySelectorAll('#atlas-table th')].map(e => e.textContent)")
    assert "C, symmetrised" in heads
    page.pick("y", "error")  # C is a measure of any graph, L is not
    assert len(page.trace("points")) == 31
    page.pick("y", "path_length")
    page.pick("level", "coarse")
    assert sum(page.trace("points", "x")) > 0
    assert len(page.trace("highlighted")) == 1


def test_dark_pages_are_dark(page):
    colours = {}
    for dark in (False, True):
        page.open(dark=dark)
        colours[dark] = page.run(
            "const style = e => getComputedStyle(document.querySelector(e));"
            "return [style('body').backgroundColor, style('#atlas-plot .xtick text').fill,"
            " style('#atlas-name').color]"
        )
    shade = {
        dark: [
            sum(json.loads(colour[colour.index("(") :].replace("(", "[").replace(")", "]"))[:3])
            for colour in own
        ]
        for dark, own in colours.items()
    }
    assert shade[False][0] > 600 > 200 > max(shade[False][1:])
    assert shade[True][0] < 200 < 500 < min(shade[True][1:])


def test_the_published_results_fit_and_come_soon(driver, shared_file, tmp_path):
    """All six tasks, 3,990 graphs and every measure in one page; figures have the rest of 15 MB."""
    from graph2nn.results.published import read_published

    found = read_published(shared_file("data/published/final_results.tar.xz"), progress=False)
    built = {label: spec.build for label, spec in found.graphs.items()}
    # Numbers of all 53 bits take the most room that measures can take.
    measures = pd.DataFrame(np.random.default_rng(0).random((len(built), 21)), index=list(built))
    text = page_of(found.table, built, measures)
    assert len(text.encode()) < 8e6
    path = tmp_path / "index.html"
    path.write_text(text, encoding="utf-8")
    page = Page(driver, path).open()
    page.drawn_dots_first("3,942 graphs")
    assert len(page.trace("points")) == 3942
    for index, task in enumerate(found.tasks):
        page.pick("task", str(index))
        last = found.last(task)
        expected = last[last["kind"] == "relational"].groupby("graph")["test_error"].mean()
        np.testing.assert_allclose(np.sort(page.trace("points", "marker.color")), np.sort(expected))
        assert int(page.find("epoch").get_attribute("max")) == last["epochs"].iloc[0] % 200
    assert page.canvas_ink("circle") > 20


def test_turning_a_phone_lays_the_colour_bar_down_and_keeps_the_zoom(page):
    page.open(width=844, height=390, touch=True)
    page.run("return Plotly.relayout('atlas-plot', {'xaxis.range': [0.2, 0.6]})")

    def turned(width, height, upright):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        found = "[...document.querySelectorAll('#atlas-plot .cbfills')]"
        bars = f"return {found}.map(bar => bar.getBoundingClientRect())"
        page.until(lambda: len(page.run(bars)) == 1 and (page.run(bars)[0]["height"] > 50) == upright)
        # The plane keeps most of the frame's height: no margin of the other bar is left.
        inside = "return document.getElementById('atlas-plot')._fullLayout.yaxis._length"
        page.until(lambda: page.run(inside) > 0.5 * page.find("frame").size["height"])
        assert page.run(LAYOUT)["range"] == pytest.approx([0.2, 0.6])

    turned(390, 844, upright=False)
    turned(844, 390, upright=True)
    # The map that was built again still tells of what is dragged over it.
    page.find("reset").click()
    page.until(lambda: page.run(LAYOUT).get("autorange") is True)
