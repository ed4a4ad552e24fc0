"""Short names of handles: as short as they can be, and all different."""

import pytest

from hub_estimator.sweeps.handle_names import shorten_handles

HUB = "https://tfhub.dev/google"
IMAGES = f"{HUB}/imagenet"

CASES = {
  "the folder of an export": {
    "runs/a/export/tf_hub": "a",
    "runs/b/export/tf_hub": "b",
  },
  "one export of a folder": {
    "runs/a/export/tf_hub/1795589756/module": "a",
    "/data/runs/b/export/best/1795589999/module": "b",
  },
  "two exports of one run": {
    "runs/a/export/tf_hub/1795589756/module": "a/1795589756",
    "runs/a/export/tf_hub/1795589999/module": "a/1795589999",
    "runs/b/export/tf_hub": "b",
  },
  "two exporters of one run": {
    "runs/a/export/tf_hub": "a/tf_hub",
    "runs/a/export/best": "a/best",
  },
  "equal names in different folders": {
    "runs/digits/a/export/tf_hub": "digits/a",
    "runs/signs/a/export/tf_hub": "signs/a",
    "runs/signs/b/export/tf_hub": "b",
  },
  "an end that all share": {
    "models/small/v1/saved": "small",
    "models/large/v1/saved": "large",
  },
  "versions": {
    f"{HUB}/nnlm-en-dim50/1": "nnlm-en-dim50/1",
    f"{HUB}/nnlm-en-dim50/2": "nnlm-en-dim50/2",
    f"{HUB}/nnlm-en-dim128/2": "nnlm-en-dim128/2",
  },
  "what modules of images are called": {
    f"{IMAGES}/mobilenet_v2_100_224/feature_vector/5": "mobilenet_v2_100_224/5",
    f"{IMAGES}/resnet_v2_50/feature_vector/5": "resnet_v2_50/5",
  },
  "two kinds of one module": {
    f"{IMAGES}/resnet_v2_50/feature_vector/5": "resnet_v2_50/feature_vector/5",
    f"{IMAGES}/resnet_v2_50/classification/5": "resnet_v2_50/classification/5",
  },
  "a path and a URL of one name": {
    "runs/nnlm": "nnlm",
    f"{HUB}/nnlm/1": "nnlm/1",
  },
  "references": {
    "@tiny_module()": "@tiny_module()",
    "@small/embedding()": "@small/embedding()",
    "runs/a/export/tf_hub": "a",
  },
  "nothing but the scheme differs": {
    "http://example.org/m/1": "http://example.org/m/1",
    "https://example.org/m/1": "https://example.org/m/1",
  },
  "nothing but a slash differs": {"a/m": "a/m", "a/m/": "a/m/", "b": "b"},
  "only common words": {"export": "export", "export/best": "best"},
  "one handle": {"runs/a/export/tf_hub": "a"},
  "the root": {"/": "/"},
  "none": {},
}


@pytest.mark.parametrize("case", CASES)
def test_names(case):
  expected = CASES[case]
  assert shorten_handles(expected) == expected
  # Whatever their order.
  backwards = list(reversed(expected))
  assert shorten_handles(backwards) == expected


def test_a_handle_given_twice_has_one_name():
  assert shorten_handles(["x/a", "x/b", "x/a"]) == {"x/a": "a", "x/b": "b"}


def test_names_differ_even_if_a_whole_handle_is_the_name_of_another():
  handles = ["nnlm", "nnlm/", "x/nnlm", "https://x/nnlm", "https://x/nnlm/"]
  names = shorten_handles(handles)
  assert len(set(names.values())) == len(handles)
