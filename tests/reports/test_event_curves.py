import glob

from hub_estimator.reports.event_curves import read_run_curves, read_scalars
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def write(folder, *items, suffix=""):
  """Writes (step, {tag: value}) summaries and (step, None) session starts."""
  with tf.Graph().as_default():
    writer = tf1.summary.FileWriter(str(folder), filename_suffix=suffix)
    for step, scalars in items:
      if scalars is None:
        log = tf1.SessionLog(status=tf1.SessionLog.START)
        writer.add_session_log(log, step)
        continue
      values = [
        tf1.Summary.Value(tag=tag, simple_value=value)
        for tag, value in scalars.items()
      ]
      writer.add_summary(tf1.Summary(value=values), step)
    writer.close()


def test_tags_and_steps(tmp_path):
  write(tmp_path, (1, {"loss": 4.0, "norm/a": 1.0}), (2, {"loss": 2.0}))
  assert read_scalars(str(tmp_path)) == {
    "loss": [(1, 4.0), (2, 2.0)],
    "norm/a": [(1, 1.0)],
  }


def test_a_session_takes_the_place_of_later_steps(tmp_path):
  write(tmp_path, (0, None), (1, {"x": 1.0}), (5, {"x": 5.0}), suffix=".1")
  # From the checkpoint of step 2.
  write(tmp_path, (2, None), (3, {"x": 3.0}), suffix=".2")
  assert read_scalars(str(tmp_path)) == {"x": [(1, 1.0), (3, 3.0)]}


def test_the_last_value_of_a_step_wins(tmp_path):
  write(tmp_path, (1, {"x": 1.0}), (2, {"x": 2.0}), suffix=".1")
  write(tmp_path, (1, {"x": 4.0}), suffix=".2")
  assert read_scalars(str(tmp_path)) == {"x": [(1, 4.0), (2, 2.0)]}


def test_a_file_that_ends_too_early(tmp_path):
  write(tmp_path, (1, {"x": 1.0}), (2, {"x": 2.0}))
  (path,) = glob.glob(f"{tmp_path}/*.tfevents.*")
  with open(path, "rb") as file:
    content = file.read()
  with open(path, "wb") as file:
    file.write(content[:-3])
  assert read_scalars(str(tmp_path)) == {"x": [(1, 1.0)]}


def test_folders_of_evaluations(tmp_path):
  run = tmp_path / "run [1]"
  write(run, (1, {"loss": 1.0}))
  write(run / "eval", (1, {"loss": 2.0}))
  write(run / "eval_test", (1, {"loss": 3.0}))
  write(run / "evaluations", (1, {"loss": 4.0}))
  curves = read_run_curves(str(run))
  assert curves.train == {"loss": [(1, 1.0)]}
  assert curves.evaluations == {
    "eval": {"loss": [(1, 2.0)]},
    "test": {"loss": [(1, 3.0)]},
  }


def test_no_files(tmp_path):
  assert read_run_curves(str(tmp_path)) == ({}, {})
