from hub_estimator.training import results_table

HEADERS = ("method", "accuracy", "parameters", "text of numbers", "x")
ROWS = [
  ("frozen", 0.91234567, 325, "1,234.5", True),
  ("fine-tuned", 0.9, 123456, "-7e-05", 12345.678),
]


def test_plain_text():
  assert results_table.format_table(ROWS, HEADERS) == "\n".join(
    [
      "method      accuracy  parameters  text of numbers  x",
      "----------  --------  ----------  ---------------  --------",
      "frozen        0.9123         325          1,234.5  True",
      "fine-tuned       0.9     123,456           -7e-05  12,345.7",
    ]
  )


def test_markdown():
  rows = [("a|b", 0.5), ("c", float("nan"))]
  assert results_table.format_markdown_table(rows, ("name", "n")) == "\n".join(
    [
      "| name |   n |",
      "| ---- | --: |",
      "| a\\|b | 0.5 |",
      "| c    | nan |",
    ]
  )


def test_no_rows():
  assert results_table.format_table([], ("a", "bcde")) == (
    "a    bcde\n---  ----"
  )
