import html.parser
import json

import numpy as np
import pytest
import tiny_runs

from hub_estimator.evaluation import Outcomes, WorstExample, compute_metrics
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL, REGRESSION
from hub_estimator.reports import write_report
from hub_estimator.reports.html_text import element, escape, format_number

_VOID = ("meta", "img")


class Page(html.parser.HTMLParser):
  """Reads a page, and sees whether its elements are closed."""

  def __init__(self, path):
    super().__init__()
    with open(path, encoding="utf-8") as file:
      self.source = file.read()
    self.tags, self.open, self.text, self.attributes = [], [], "", []
    self.feed(self.source)
    self.close()
    assert self.open == []

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += attrs
    if tag not in _VOID:
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if "style" not in self.open:
      self.text += data


def evaluation(kind, labels, scores, **arguments):
  outcomes = Outcomes(
    kind, np.array(labels), np.array(scores, np.float32), **arguments
  )
  return outcomes, compute_metrics(outcomes)


def classes(names=("a", "b"), worst=()):
  scores = np.full([3, len(names)], 0.1 / (len(names) - 1))
  scores[[0, 1, 2], [0, 1, 1]] = 0.9
  return evaluation(CLASS, [0, 0, 1], scores, class_names=names, worst=worst)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  folder = tmp_path_factory.mktemp("report")
  config = tiny_runs.write_config(folder)
  tiny_runs.launch(config, folder / "run", "train.eval_every_steps = 2")
  return str(folder / "run")


def test_a_run_without_evaluations(run):
  page = Page(write_report(run))
  for text in (
    "accuracy (eval)",
    "step 4",
    "finished",
    "config.gin",
    "TRAIN_STEPS = 4",
    "tensorflow-estimator",
    "export/tf_hub/",
    "Learning rate",
  ):
    assert text in page.text, text
  assert page.tags.count("polyline") >= 4
  # Train loss at each step, and two evaluations.
  assert "train, step 3: " in page.text
  assert "eval, step 2: " in page.text
  assert "Confusion" not in page.text


def test_nothing_is_loaded(run):
  page = Page(write_report(run, {"eval": classes()}))
  assert not {"script", "link", "iframe", "object"} & set(page.tags)
  for name, value in page.attributes:
    if name in ("src", "href"):
      assert value.startswith(("data:image/png;base64,", "#part-")), value
  assert "url(" not in page.source and "@import" not in page.source
  place = page.attributes.index(("http-equiv", "Content-Security-Policy"))
  name, policy = page.attributes[place + 1]
  assert name == "content"
  assert policy.startswith("default-src 'none'")


def test_an_evaluation(run, tmp_path):
  path = write_report(run, {"eval": classes()}, str(tmp_path / "x.html"))
  assert path == str(tmp_path / "x.html")
  page = Page(path)
  for text in (
    "Split eval",
    "Confusion matrix",
    "Calibration",
    "confidence 0.87 to 0.93: mean 0.900, right 0.667, 3 predictions",
    "calibration_error",
  ):
    assert text in page.text, text
  titles = [value for name, value in page.attributes if name == "title"]
  assert "a taken for b: 50.0% of a" in titles
  assert 'class="w" style="--a: 0.44"' in page.source


def test_users_texts_are_escaped(tmp_path):
  bad = "<script>alert(1)</script>\"'&\x00"
  worst = [
    WorstExample(1, 2.0, {"text": np.array(bad.encode()), bad: np.array(bad)})
  ]
  (tmp_path / "config.gin").write_text(bad)
  results = {"module_handle": bad, "recipe": [bad], "versions": {bad: bad}}
  results["exports"] = {bad: bad}
  results["groups"] = {bad: {}}
  (tmp_path / "results.json").write_text(json.dumps(results))
  path = write_report(
    str(tmp_path), {bad: classes(names=(bad, "b"), worst=worst)}
  )
  page = Page(path)
  assert "script" not in page.tags
  assert "<script" not in page.source and "\x00" not in page.source
  assert page.text.count("<script>alert(1)</script>") > 10


def test_the_worst_examples(tmp_path):
  worst = [
    WorstExample(
      1,
      2.5,
      {
        "text": np.array("what it said", object),
        "image": np.zeros([4, 4, 3], np.float32),
        "vector": np.arange(20.0),
      },
    )
  ]
  page = Page(write_report(str(tmp_path), {"eval": classes(worst=worst)}))
  assert "what it said" in page.text
  assert "a (10.0%)" in page.text and "b (90.0%)" in page.text
  assert "11.0000 … (20 numbers)" in page.text
  assert page.tags.count("img") == 1


def test_other_kinds(tmp_path):
  multi = evaluation(
    MULTI_LABEL,
    [[1, 0], [0, 1]],
    [[0.9, 0.8], [0.1, 0.3]],
    worst=[WorstExample(1, 1.0, {"x": np.zeros([2])})],
  )
  numbers = evaluation(
    REGRESSION,
    [[1.0, 2.0], [3.0, 5.0]],
    [[100.0, 2.5], [200.0, 4.0]],
    worst=[WorstExample(0, 1.0, {"x": np.zeros([2])})],
  )
  page = Page(write_report(str(tmp_path), {"m": multi, "r": numbers}))
  assert "micro_f1 (m)" in page.text and "rmse (r)" in page.text
  assert "Predictions of target 1" in page.text
  assert "label 5.0000, prediction 4.0000" in page.text
  assert "predictionsnone" in page.text


@pytest.mark.parametrize(
  "num_classes, num_images, num_tables",
  [(30, 0, 1), (31, 1, 0), (101, 0, 0)],
)
def test_many_classes(tmp_path, num_classes, num_images, num_tables):
  names = [f"class {number}" for number in range(num_classes)]
  page = Page(write_report(str(tmp_path), {"eval": classes(names=names)}))
  assert page.tags.count("img") == num_images
  assert page.source.count('class="matrix') == num_tables
  assert ("most frequent mistakes" in page.text) == (not num_tables)


def test_an_empty_folder(tmp_path):
  page = Page(write_report(str(tmp_path)))
  assert page.text.count(tmp_path.name) == 2  # Title and heading.


def test_scrolling_parts_can_be_reached_by_keyboard(run):
  page = Page(write_report(run, {"eval": classes()}))
  scrolling = page.source.count('class="scroll')
  assert scrolling > 4
  assert page.source.count('tabindex="0"') == scrolling


def test_html_pieces():
  assert escape('<a href="x">') == "&lt;a href=&quot;x&quot;&gt;"
  assert element("p", "a", element("b", "<"), class_="x", id=None) == (
    '<p class="x">a<b>&lt;</b></p>'
  )


@pytest.mark.parametrize(
  "value, text",
  [
    (None, "–"),
    (0.5, "0.5000"),
    (12345, "12,345"),
    (1234.56, "1,234.6"),
    (1e-7, "1e-07"),
    (float("nan"), "nan"),
    ("text", "text"),
  ],
)
def test_numbers(value, text):
  assert format_number(value) == text
