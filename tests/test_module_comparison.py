"""The protocol of `experiments/module_comparison`, on tiny data."""

import csv
import json
import pathlib
import sys

import numpy as np
import pytest
import tiny_images

from hub_estimator.publishing.embedding_export import export_text_embedding
from hub_estimator.training import launch

# The programs of `experiments` are run from the project's folder.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from experiments import trials  # noqa: E402
from experiments.comparison import Settings  # noqa: E402
from experiments.module_comparison import (  # noqa: E402
  modules,
  protocol,
  studies,
  tables,
  tasks,
)
from experiments.module_comparison.modules import Module  # noqa: E402
from experiments.module_comparison.studies import Point  # noqa: E402

MARKERS = ("data", "accuracy", "sweep")
SWEEP = """
sweep.search_space = {
    'MODULE_HANDLE': %MODULES,
    'RECIPE': {
        'choices': [@feature_extraction(), @full_fine_tuning()],
        'when': {'MODULE_HANDLE': %PUBLISHED},
    },
    'LEARNING_RATE': [0.1, 1e-9],
    'TRAIN_STEPS': [20],
}
sweep.objective = 'accuracy'
sweep.sampler = 'grid'
"""
TINY = tasks.Sizes(8, 4)


def point(handle, recipe, accuracy, loss, rate="0.1"):
  params = {"MODULE_HANDLE": handle, "LEARNING_RATE": rate, "TRAIN_STEPS": "9"}
  if recipe:
    params["RECIPE"] = recipe
  return Point(params, accuracy, loss)


def read_lines(path):
  return [json.loads(line) for line in path.read_text().splitlines()]


def write_questions(folder):
  """Texts of two classes that one word tells apart, each text another."""
  for name, number in (("train", 40), ("test", 20)):
    lines = [
      {"text": f"{word} {name}{index}", "label": label}
      for index in range(number // 2)
      for word, label in (("good", "YES"), ("bad", "NO"))
    ]
    (folder / f"{name}.jsonl").write_text(
      "".join(json.dumps(line) + "\n" for line in lines)
    )


def write_vectors(path):
  """Embeddings of 50 dimensions; one value tells "good" from "bad"."""
  words = {"the": 0, "good": 3, "bad": -3}
  path.write_text("".join(f"{w} {v}{' 0.01' * 49}\n" for w, v in words.items()))
  return path


def rows_of(text, name):
  """Returns the cells of a table of the README, without headers."""
  table = text.split(f"<!-- {name} -->\n")[1].split(f"<!-- end of {name}")[0]
  lines = table.strip().splitlines()[2:]
  return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_the_best_trial_is_chosen_by_accuracy_and_then_by_loss():
  module = Module("GloVe", "runs/glove")
  frozen, tuned = "@feature_extraction()", "@full_fine_tuning()"
  points = [
    point("runs/glove", frozen, 0.5, 0.1),
    point("runs/glove", frozen, 0.75, 0.9),
    point("runs/glove", frozen, 0.75, 0.8, rate="0.3"),
    point("runs/glove", tuned, 1.0, 0.0),
    point("runs/other", frozen, 1.0, 0.0),
    point("@text_embedding()", None, 0.25, 2.0),
  ]
  chosen = studies.choose(points, module, studies.FROZEN)
  assert chosen == points[2]
  assert chosen.gin_params == (
    "MODULE_HANDLE = 'runs/glove'",
    "LEARNING_RATE = 0.3",
    "TRAIN_STEPS = 9",
    "RECIPE = @feature_extraction()",
  )
  scratch = Module(modules.FROM_SCRATCH, "@text_embedding()")
  assert studies.ways_of(scratch) == (studies.FINE_TUNED,)
  assert studies.choose(points, scratch, studies.FINE_TUNED) == points[5]
  settings_tried = [("0.1", "9"), ("0.3", "9"), ("1.0", "9")]
  cells = tables.sweep_cells(
    points[2:4], module, studies.FROZEN, settings_tried
  )
  assert cells == ["failed", "**0.750**", "failed"]
  with pytest.raises(RuntimeError, match="Each trial of random, frozen"):
    studies.choose(points, Module("random", "runs/random"), studies.FROZEN)


def test_the_mean_over_tasks_is_taken_seed_by_seed():
  def run(accuracy, size):
    return {
      "test_metrics": {"accuracy": accuracy},
      "num_trainable_parameters": size,
      "train_seconds": 1.0,
      "feature_extraction_seconds": 0.5,
    }

  # Means of the seeds: 0.6 and 0.6; deviations of 0.1 / sqrt(2) · 2 each.
  cells = tables.accuracy_cells(
    [[run(0.5, 51), run(0.7, 51)], [run(0.7, 1306), run(0.5, 1306)]]
  )
  assert cells == [
    "0.600 ± 0.141",
    "0.600 ± 0.141",
    "0.600 ± 0.000",
    "51 to 1,306",
    "1.5",
  ]
  assert tables.accuracy_cells([[run(0.5, 51)]]) == [
    "0.500",
    "0.500",
    "51",
    "1.5",
  ]


def test_no_choice_sees_the_test_split_of_texts(tmp_path):
  write_questions(tmp_path)
  task = tasks.trec_task(tmp_path / "data", tmp_path, TINY)
  assert task.counts == {"train": 8, "validation": 4, "both": 12, "test": 20}
  parts = {
    part: [line["text"] for line in read_lines(path)]
    for part in task.counts
    for path in [tmp_path / "data" / "questions" / f"{part}.jsonl"]
  }
  assert not {*parts["train"]} & {*parts["validation"]}
  assert {*parts["both"]} == {*parts["train"], *parts["validation"]}
  assert all("test" in text for text in parts["test"])
  assert not any("test.jsonl" in param for param in task.search_params)
  assert [p.split(" = ")[0] for p in task.final_params] == [
    "TRAIN_FILE",
    "EVAL_FILE",
    "TEST_FILE",
  ]
  # Four of each class, and two.
  train = tmp_path / "data" / "questions" / "train.jsonl"
  labels = [line["label"] for line in read_lines(train)]
  assert sorted(labels) == ["NO"] * 4 + ["YES"] * 4


def test_no_choice_sees_the_test_split_of_signs(tmp_path):
  image = tiny_images.solid_png([9] * 3, height=2, width=2)
  for split, number in (("train", 3), ("test", 1)):
    for sign in range(10):
      folder = tmp_path / split / str(sign)
      folder.mkdir(parents=True)
      for index in range(number):
        (folder / f"{index}.png").write_bytes(image)
  task = tasks.signs_task(tmp_path / "data", tmp_path, tasks.Sizes(10, 5))
  found = {}
  for part in ("train", "validation", "both", "test"):
    with open(tmp_path / "data" / "signs" / f"{part}.csv") as file:
      found[part] = [tuple(row.values()) for row in csv.DictReader(file)]
  assert {label for _, label in found["train"]} == {
    f"sign {sign}" for sign in range(5, 10)
  }
  assert len({*found["train"], *found["validation"]}) == 15
  assert {*found["both"]} == {*found["train"], *found["validation"]}
  assert len(found["test"]) == 5
  assert not {*found["both"]} & {*found["test"]}
  assert not any("test.csv" in param for param in task.search_params)


def test_no_choice_sees_the_test_split_of_digits(tmp_path):
  task = tasks.digits_task(tmp_path)
  assert task.counts == {
    "train": 100,
    "validation": 50,
    "both": 150,
    "test": 446,
  }
  with np.load(tmp_path / "digits" / "search.npz") as search:
    assert {key.split("_")[0] for key in search} == {"train", "eval"}
    seen = [search["train_features"], search["eval_features"]]
  with np.load(tmp_path / "digits" / "final.npz") as final:
    assert set(final["test_labels"]) == {"5", "6", "7", "8", "9"}
    both, test = final["train_features"], final["test_features"]

  def keys(images):
    return {image.tobytes() for image in images}

  assert keys(both) == keys(np.concatenate(seen))
  assert not keys(both) & keys(test)


@pytest.mark.slow
def test_what_the_sweep_chose_is_tested_once(tmp_path, monkeypatch, capfd):
  launch.register_configurables()

  def run_trials(wanted, num_processes, rerun, environment):
    """Runs them here: TensorFlow has been imported."""
    for variable in environment:
      monkeypatch.setenv(*variable)
    return [trials.run_trial(trial, rerun) for trial in wanted]

  monkeypatch.setattr(protocol, "run_trials", run_trials)
  monkeypatch.setattr(
    modules,
    "export_text_module",
    lambda source, path, num_oov_buckets: export_text_embedding(
      str(source), str(path), num_oov_buckets=num_oov_buckets
    ),
  )
  (tmp_path / "README.md").write_text(
    "".join(
      f"<!-- texts {name} -->\n<!-- end of texts {name} -->\n"
      for name in MARKERS
    )
  )
  (tmp_path / "sweep.gin").write_text(SWEEP)
  settings = Settings(tmp_path, tmp_path / "runs", num_seeds=2, num_processes=1)
  vectors = write_vectors(tmp_path / "vectors.txt")
  published = modules.publish_text_modules(settings, vectors)
  assert [m.name for m in published] == [
    "GloVe, 1,000 words",
    "GloVe",
    "random vectors",
    modules.FROM_SCRATCH,
  ]
  write_questions(tmp_path)
  family = protocol.Family(
    "texts",
    published[1:2] + published[3:],
    [tasks.trec_task(tmp_path / "data", tmp_path, TINY)],
    (
      f"VOCABULARY_FILE = '{modules.vocabulary_file(published)}'",
      "BATCH_SIZE = 4",
    ),
  )
  protocol.compare(settings, family, tmp_path / "sweep.gin")
  text = (tmp_path / "README.md").read_text()
  assert rows_of(text, "texts data") == [["questions", "8", "4", "12", "20"]]
  sweep = {tuple(row[1:3]): row[3:] for row in rows_of(text, "texts sweep")}
  # A module that knows the two words is told apart by a head that trains.
  assert sweep["GloVe", "frozen"][0] == "**1.000**"
  assert set(sweep) == {
    ("GloVe", "frozen"),
    ("GloVe", "fine-tuned"),
    ("from scratch", "fine-tuned"),
  }
  accuracy = {tuple(r[:2]): r[2:] for r in rows_of(text, "texts accuracy")}
  # 50 weights and a bias; (3 words + 10 buckets) · 50 more.
  assert accuracy["GloVe", "frozen"][:3] == [
    "1.000 ± 0.000",
    "1.000 ± 0.000",
    "51",
  ]
  assert accuracy["from scratch", "fine-tuned"][2] == "701"
  finals = sorted(p.name for p in (tmp_path / "runs" / "final").glob("*[01]"))
  assert finals[:2] == [
    "questions-GloVe-fine-tuned-0",
    "questions-GloVe-fine-tuned-1",
  ]
  assert len(finals) == 6
  results = json.loads(
    (tmp_path / "runs" / "final" / finals[0] / "results.json").read_text()
  )
  assert results["test_metrics"]["accuracy"] >= 0

  # What was run is there, and the tables are the same.
  before = {
    path: path.stat().st_mtime_ns
    for path in (tmp_path / "runs").rglob("results.json")
  }
  assert len(before) == 6 + 6
  capfd.readouterr()
  protocol.compare(settings, family, tmp_path / "sweep.gin")
  assert (tmp_path / "README.md").read_text() == text
  assert before == {path: path.stat().st_mtime_ns for path in before}
