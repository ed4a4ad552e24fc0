import html.parser
import json
import os

import pytest
from report_records import ACCURACY, LARGE, SECONDS, SMALL, study, trial

from hub_estimator.sweeps import figure_html
from hub_estimator.sweeps.records import FAILED, PRUNED, RUNNING, WAITING
from hub_estimator.sweeps.study_report import write_study_report

_VOID = ("meta",)
# What ends an element, or starts one, wherever it may stand.
EVIL = "</script><script>alert(1)</script><img src=//e.com/x>\"'</style><!--"


class Page(html.parser.HTMLParser):
  """Reads a page, and sees whether its elements are closed."""

  def __init__(self, path):
    super().__init__()
    with open(path, encoding="utf-8") as file:
      self.source = file.read()
    self.tags, self.open, self.text, self.scripts = [], [], "", []
    self.attributes, self.rows = [], []
    self.feed(self.source)
    self.close()
    assert self.open == []

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += [(tag, *pair) for pair in attrs]
    if tag not in _VOID:
      self.open.append(tag)
    if tag == "script":
      self.scripts.append("")
    if tag == "tr":
      self.rows.append([])
    if tag in ("td", "th"):
      self.rows[-1].append("")

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if "script" in self.open:
      self.scripts[-1] += data
    elif "style" not in self.open:
      self.text += data
      if "td" in self.open or "th" in self.open:
        self.rows[-1][-1] += data

  def values(self, name):
    return [value for _, key, value in self.attributes if key == name]

  @property
  def figures(self):
    return [json.loads(text) for text in self.scripts[:-2]]


def write(folder, *trials, **fields):
  return Page(write_study_report(study(*trials, folder=folder, **fields)))


@pytest.fixture
def tiny_plotly(monkeypatch):
  """Pages without plotly.js are read in no time."""
  monkeypatch.setattr(
    "plotly.offline.get_plotlyjs", lambda: "window.Plotly = {};"
  )


def two_modules(**fields):
  return [
    trial(
      n,
      0.5 + 0.1 * n,
      0.52 + 0.1 * n,
      params={"M": LARGE if n % 2 else SMALL, "RATE": 0.1 + n},
      bindings=(f"M = {n}",),
      curve={10: 0.1},
      **fields,
    )
    for n in range(4)
  ]


def test_the_page_needs_nothing_else(tmp_path):
  page = write(tmp_path, *two_modules(), handle_name="M")
  assert "link" not in page.tags
  assert "img" not in page.tags
  assert "iframe" not in page.tags
  assert page.values("src") == []
  assert not any("//" in href for href in page.values("href"))
  assert page.values("content")[0] == figure_html.POLICY
  assert "http" not in figure_html.POLICY
  assert "unsafe-eval" not in figure_html.POLICY
  # plotly.js stands there once.
  *_, library, draw = page.scripts
  assert len(library) > 1e6
  assert len(page.source) < 2 * len(library)
  assert "Plotly.react" in draw
  assert len(page.figures) == 5
  assert os.listdir(tmp_path) == ["report.html"]


def test_facts_and_table(tmp_path, tiny_plotly):
  (tmp_path / "best.gin").write_text("")
  (tmp_path / "trials/3/seed_1").mkdir(parents=True)
  (tmp_path / "trials/3/seed_1/report.html").write_text("")
  (tmp_path / "trials/2").mkdir(parents=True)
  (tmp_path / "trials/2/report.html").write_text("")
  page = write(
    tmp_path,
    *two_modules(),
    trial(4, state=RUNNING, ended=None, params={"M": SMALL}, num_attempts=2),
    trial(5, state=PRUNED, params={"M": SMALL}),
    trial(6, state=WAITING, started=None, ended=None),
    handle_name="M",
    num_wanted=9,
    repeats=2,
    param_names=("M", "RATE"),
    left_out={"runs/text": "its input is text"},
  )
  # 0.81 is the mean of 0.80 and 0.82; 0.0141 is 0.02 over the root of two.
  assert "best accuracy0.8100 ± 0.0141" in page.text
  assert "trials4 of 9 done, 1 running, 1 pruned, 1 waiting" in page.text
  assert f"module{LARGE}" in page.text
  # Eight runs of a minute, and one pruned.
  assert "computing9.0 minutes" in page.text
  assert "M = 3" in page.text
  assert page.rows[0] == [
    *("rank", "trial", "state", "accuracy", "M", "RATE", "seconds"),
    "trainable parameters",
  ]
  assert page.rows[1] == [
    *("1", "3: seed 1", "complete", "0.8100 ± 0.0141", "large", "3.1"),
    *("60.0", "1,234"),
  ]
  assert [row[1] for row in page.rows[2:7]] == ["2", "1", "0", "4", "5"]
  assert page.rows[5] == [
    *("–", "4", "running, attempt 2", "–", "small", "–", "–", "–")
  ]
  assert "1 trial waiting." in page.text
  hrefs = [href for href in page.values("href") if not href.startswith("#")]
  assert hrefs == [
    "./trials/3/seed_1/report.html",
    "best.gin",
    "./trials/3/seed_1/report.html",
    "./trials/2/report.html",
  ]
  assert ["large", LARGE] in page.rows
  assert ["runs/text", "its input is text"] in page.rows


def test_each_picture_says_what_it_shows(tmp_path, tiny_plotly):
  page = write(tmp_path, *two_modules(), handle_name="M")
  labels = [
    label for label in page.values("aria-label") if "Best accuracy" in label
  ]
  assert labels == [
    "Best accuracy so far. 4 finished trials. The best accuracy went from "
    "0.5100 (trial 0) to 0.8100 ± 0.0141 (trial 3)."
  ]
  assert page.values("role").count("img") == 5
  assert labels[0].removeprefix("Best accuracy so far. ") in page.text


def test_texts_of_users_stay_texts(tmp_path, tiny_plotly):
  page = write(
    tmp_path,
    *(
      trial(
        n,
        0.5 + n,
        params={EVIL: n, "M": f"{EVIL}{n}"},
        bindings=(EVIL,),
        curve={1: 0.5},
      )
      for n in range(4)
    ),
    trial(4, state=FAILED, params={}, error=EVIL, log_lines=(EVIL,), host=EVIL),
    handle_name="M",
    left_out={EVIL: EVIL},
    sampler=EVIL,
  )
  assert "img" not in page.tags
  # Five figures, plotly.js and the script that draws.
  assert page.tags.count("script") == 7
  assert page.tags.count("style") == 1
  assert page.text.count(EVIL) >= 5
  for text in page.scripts[:-2]:
    assert "<" not in text
  boxes = page.figures[1]["data"]
  assert boxes[0]["name"].startswith("&lt;/script&gt;&lt;script&gt;alert(1)")


def test_plotly_cannot_end_its_own_element(tmp_path, monkeypatch):
  monkeypatch.setattr(
    "plotly.offline.get_plotlyjs", lambda: "a = '</script><!--';"
  )
  page = write(tmp_path)
  assert page.scripts[0] == "a = '<\\/script><\\!--';"


def test_failures_are_told_by_cause(tmp_path, tiny_plotly):
  (tmp_path / "trials/2").mkdir(parents=True)
  (tmp_path / "trials/2/log.txt").write_text("")
  page = write(
    tmp_path,
    *(
      trial(n, state=FAILED, error="out of memory", log_lines=(f"line {n}",))
      for n in range(12)
    ),
    trial(12, state=FAILED, error="no signature"),
  )
  assert page.tags.count("details") == 10
  assert "12 trials: out of memory" in page.text
  assert "1 trial: no signature" in page.text
  assert "… 2 more" in page.text
  assert "line 9" in page.text
  assert "line 10" not in page.text
  assert "./trials/2/log.txt" in page.values("href")
  assert "No trial has finished yet." in page.text
  assert page.figures == []


@pytest.mark.parametrize(
  "trials, num_figures, text",
  [
    ([], 0, "No trial has begun yet."),
    ([trial(0, state=WAITING)], 0, "No trial has begun yet; 1 trial waiting."),
    ([trial(0, state=RUNNING, curve={5: 0.1})], 1, "1 curve."),
    ([trial(0, 0.5, params={"A": "a"})], 2, "1 trial finished; it takes 4"),
    ([trial(0, state=PRUNED)], 0, "No trial has finished yet."),
    ([trial(0, float("nan"))], 0, "No trial has finished yet."),
    ([trial(n, n, params={"A": n}) for n in range(300)], 3, "300 done"),
  ],
  ids=["none", "waiting", "running", "one", "pruned", "nan", "hundreds"],
)
def test_any_moment_of_a_study(
  tmp_path, tiny_plotly, trials, num_figures, text
):
  page = write(tmp_path, *trials)
  assert len(page.figures) == num_figures
  assert text in page.text


def test_two_objectives(tmp_path, tiny_plotly):
  page = write(
    tmp_path,
    *(
      trial(n, (0.1 * n, 10.0 * n), params={"M": SMALL if n % 2 else LARGE})
      for n in range(5)
    ),
    objectives=(ACCURACY, SECONDS),
    handle_name="M",
  )
  assert "Pareto front" in page.text
  assert "By module: train_seconds" in page.text
  assert "best accuracy0.4000train_seconds40.0000" in page.text
  assert len(page.figures) == 7


def test_the_colours_of_the_page_are_put_in(tmp_path, tiny_plotly):
  page = write(tmp_path, *two_modules(), handle_name="M")
  draw = page.scripts[-1]
  assert '"#0072b2": "--c0"' in draw
  assert '"#59636e": "--soft"' in draw
  figure = page.figures[0]
  assert figure["layout"]["font"]["color"] == "#59636e"
  assert figure["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"


def test_a_report_is_written_again(tmp_path, tiny_plotly):
  write(tmp_path)
  page = write(tmp_path, *two_modules())
  assert "4 done" in page.text
  assert os.listdir(tmp_path) == ["report.html"]
