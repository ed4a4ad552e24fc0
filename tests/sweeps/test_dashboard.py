"""optuna-dashboard opens a study as it is."""

import json
from wsgiref.util import setup_testing_defaults

import pytest
from planned_studies import create, plan, worker

from hub_estimator.sweeps.storage import open_storage


def get(app, path):
  """Returns what a WSGI application answers, as JSON."""
  path, _, query = path.partition("?")
  environ = {"PATH_INFO": path, "QUERY_STRING": query}
  setup_testing_defaults(environ)
  answers = []
  body = b"".join(app(environ, lambda status, *_: answers.append(status)))
  assert answers == ["200 OK"], body
  return json.loads(body)


@pytest.mark.parametrize("num_workers", [1, 2], ids=["sqlite", "journal"])
def test_the_dashboard_has_the_trials_of_a_study(tmp_path, num_workers):
  dashboard = pytest.importorskip("optuna_dashboard")
  study, _ = create(plan(tmp_path), num_workers)
  study.add_trials()
  claim = study.claim(worker("a"))
  study.report(claim, 4, 0.5)
  study.complete(claim, [0.75])
  study.fail(study.claim(worker("b")), "It broke.", ["the last line"])

  app = dashboard.wsgi(open_storage(str(tmp_path)).storage)
  (summary,) = get(app, "/api/studies")["study_summaries"]
  assert summary["study_name"] == "study"
  assert summary["directions"] == ["maximize"]
  trials = get(app, f"/api/studies/{summary['study_id']}?after=0")["trials"]
  assert [trial["state"] for trial in trials] == [
    *("Complete", "Fail"),
    *["Waiting"] * 4,
  ]
  assert trials[0]["values"] == [0.75]
  assert trials[0]["intermediate_values"] == [{"step": 4, "value": 0.5}]
  params = {p["name"]: p["param_external_value"] for p in trials[0]["params"]}
  assert params == {"LEARNING_RATE": "0.1", "TRAINABLE": "True"}
  attributes = {a["key"]: a["value"] for a in trials[1]["user_attrs"]}
  assert attributes["error"] == "It broke."
  assert "host of b" in attributes["worker"]
