"""A program of its own: a Ray cluster of three nodes on this machine.

It prints FOUND and the cluster's address when it is up. The head has no cores,
the two others one each. It ends with its stdin.
"""

import json
import os
import sys

os.environ.update(
  RAY_USAGE_STATS_ENABLED="0",
  # A dead node is seen soon.
  RAY_health_check_initial_delay_ms="1000",
  RAY_health_check_period_ms="500",
  RAY_health_check_failure_threshold="3",
)

from ray import cluster_utils  # noqa: E402 - it reads them.

OPTIONS = {
  "object_store_memory": 80_000_000,
  "include_dashboard": False,
}


def main():
  cluster = cluster_utils.Cluster(
    initialize_head=True, head_node_args={"num_cpus": 0, **OPTIONS}
  )
  for _ in range(2):
    cluster.add_node(num_cpus=1, **OPTIONS)
  print("FOUND" + json.dumps(cluster.address), flush=True)
  sys.stdin.read()
  cluster.shutdown()


if __name__ == "__main__":
  main()
