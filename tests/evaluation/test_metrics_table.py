import numpy as np

from hub_estimator.evaluation import Outcomes, compute_metrics, format_metrics
from hub_estimator.inputs.label_encoding import CLASS, REGRESSION


def class_metrics(labels, predictions, num_classes, **arguments):
  scores = np.eye(num_classes, dtype=np.float32)[predictions]
  return compute_metrics(Outcomes(CLASS, np.array(labels), scores, **arguments))


def test_two_splits():
  names = ["no", "yes"]
  text = format_metrics(
    {
      "eval": class_metrics([0, 1, 1], [0, 1, 0], 2, class_names=names),
      "test": class_metrics([1], [1], 2, class_names=names),
    }
  )
  assert (
    text
    == """\
                     eval    test
num_examples            3       1
loss               5.3141  0.0000
accuracy           0.6667  1.0000
macro_precision    0.7500  1.0000
macro_recall       0.7500  1.0000
macro_f1           0.6667  1.0000
auc                0.7500       -
average_precision  0.8333       -
calibration_error  0.3333  0.0000

eval: classes
class  precision  recall      f1  num_examples
no        0.5000  1.0000  0.6667             1
yes       1.0000  0.5000  0.6667             2

eval: confusion matrix (rows are labels, columns predictions)
     no  yes
no    1    0
yes   1    1

test: classes
class  precision  recall      f1  num_examples
no        0.0000       -       -             0
yes       1.0000  1.0000  1.0000             1

test: confusion matrix (rows are labels, columns predictions)
     no  yes
no    0    0
yes   0    1

test: note: recall and f1 are not defined for the classes without an example: \
no.

test: note: auc and average_precision are not defined: all labels are of the \
class 'yes'."""
  )


def test_many_classes_show_the_worst():
  labels = np.arange(21).repeat(2)
  predictions = labels.copy()
  predictions[[6, 7, 9]] = 5  # Both of class 3, one of class 4.
  text = format_metrics({"eval": class_metrics(labels, predictions, 21)})
  _, classes, mistakes = text.split("\n\n")
  lines = classes.split("\n")
  assert lines[0] == "eval: the 10 of 21 classes with the lowest F1"
  assert [line.split()[0] for line in lines[2:]] == list("3540126789")
  assert mistakes.split("\n") == [
    "eval: the most frequent mistakes",
    "label  prediction  num_examples",
    "    3           5             2",
    "    4           5             1",
  ]


def test_names_that_a_terminal_would_obey_or_misalign():
  text = format_metrics(
    {
      "eval": class_metrics(
        [0, 1, 2], [0, 1, 2], 3, class_names=["\x1b[2J\n", "日本", "x" * 40]
      )
    }
  )
  assert "\x1b" not in text
  table = text.split("classes\n")[1].split("\n\n")[0].split("\n")
  assert table[1].startswith("\N{REPLACEMENT CHARACTER}[2J")
  assert table[2].startswith("日本" + " " * 27)
  assert table[3].startswith("x" * 29 + "…")


def test_weights_of_a_matrix():
  metrics = class_metrics(
    [0, 1], [0, 1], 2, weights=np.array([2, 0.5], np.float32)
  )
  assert format_metrics({"eval": metrics}).endswith(
    "\n   0    1\n0  2    0\n1  0  0.5"
  )


def test_targets():
  labels = np.array([[0, 5], [2, 5]], np.float32)
  metrics = compute_metrics(Outcomes(REGRESSION, labels, labels))
  assert format_metrics({"eval": metrics}).split("\n\n")[1:3] == [
    "eval: targets\n"
    "target    rmse     mae      r2  pearson  spearman\n"
    "     0  0.0000  0.0000  1.0000   1.0000    1.0000\n"
    "     1  0.0000  0.0000       -        -         -",
    "eval: note: r2 is not defined: all labels are the same number in target "
    "1.",
  ]


def test_other_scalars():
  text = format_metrics(
    {"eval": {"accuracy": 0.5}, "test": {"big": 12345678.9}}
  )
  assert text == (
    "            eval       test\naccuracy  0.5000\nbig               1.235e+07"
  )
