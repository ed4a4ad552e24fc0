"""Describing a module without instantiating it."""

from __future__ import annotations

import os
import textwrap
from typing import Any

from hub_estimator import handles
from hub_estimator.handles.contents import module_parts
from hub_estimator.hub import assets, module_folder
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.loading import read_module_spec
from hub_estimator.hub.module_checks import check_module_spec
from hub_estimator.hub.module_spec import format_tag_sets
from hub_estimator.hub.security import reading, report
from hub_estimator.hub.security.scan import Finding, scan
from hub_estimator.tf_compat import tf

_KEYS = tf.compat.v1.GraphKeys


def describe_module(handle: str, security: bool = False) -> dict[str, Any]:
  """Returns what there is to know of a module, ready for JSON.

  Only its graphs are read, neither imported nor restored, whatever the policy
  for modules that are not trusted says.

  Args:
    handle: as for `load_module_spec`; with `security`, it may be of a
      SavedModel, too.
    security: whether to look for what reaches outside of the graphs.

  Returns:
    a dict with "handle", "path", "format", "total_bytes" and, in "graphs", one
    dict per tag set with "tags", "num_nodes", "signatures", "variables", counts
    of variables and parameters, "regularization_losses", "update_ops",
    "assets" and "attachments" (key -> number of bytes); and in "warnings" those
    of `check_module_spec`, with "code", "tags", "names" and "message". With
    `security` also "security", the findings of `hub.scan_module` as dicts with
    "tags", "node", "op", "kind" and "reason". Of a SavedModel, "graphs" has
    tags and numbers of nodes alone.

  Raises:
    the errors of `load_module_spec`.
  """
  path = handles.resolve(handle)
  described = {"handle": handle, "path": path}
  is_module = module_parts.is_module(path)
  if security and not is_module and module_parts.has_graphs(path):
    variants, assets_folder = reading.saved_variants(path), None
    described.update(_describe_saved_model(path, variants))
  else:
    spec = read_module_spec(path)
    variants, assets_folder = spec.variants, reading.assets_folder(path)
    described.update(
      format="TF1 Hub module (format 3)",
      total_bytes=module_folder.module_bytes(path),
      graphs=[_describe_graph(v, path) for v in _sorted(spec.variants)],
      warnings=[warning.as_dict() for warning in check_module_spec(spec)],
    )
  if security:
    described["security"] = [f.as_dict() for f in scan(variants, assets_folder)]
  return described


def _describe_saved_model(
  path: str, variants: list[GraphVariant]
) -> dict[str, Any]:
  return {
    "format": "SavedModel",
    "total_bytes": module_folder.module_bytes(path),
    "graphs": [
      {
        "tags": sorted(variant.tags),
        "num_nodes": len(variant.meta_graph.graph_def.node),
      }
      for variant in _sorted(variants)
    ],
    "warnings": [],
  }


def _sorted(variants: list[GraphVariant]) -> list[GraphVariant]:
  return sorted(variants, key=lambda variant: sorted(variant.tags))


def _describe_graph(variant: GraphVariant, path: str) -> dict[str, Any]:
  variables = _describe_variables(variant)
  trainable = [v for v in variables if v["trainable"]]
  folder = os.path.join(path, assets.FOLDER)
  return {
    "tags": sorted(variant.tags),
    "num_nodes": len(variant.meta_graph.graph_def.node),
    "signatures": {
      name: {
        "inputs": _describe_infos(variant.inputs(name)),
        "outputs": _describe_infos(variant.outputs(name)),
      }
      for name in variant.signature_names
    },
    "variables": variables,
    "num_variables": len(variables),
    "num_trainable_variables": len(trainable),
    "num_parameters": sum(v["num_parameters"] for v in variables),
    "num_trainable_parameters": sum(v["num_parameters"] for v in trainable),
    "regularization_losses": variant.collection(_KEYS.REGULARIZATION_LOSSES),
    "update_ops": variant.collection(_KEYS.UPDATE_OPS),
    "assets": [
      os.path.relpath(asset, folder)
      for asset in assets.asset_paths(variant.meta_graph)
    ],
    "attachments": {
      key: len(value) for key, value in sorted(variant.attachments.items())
    },
  }


def _describe_infos(infos) -> dict[str, Any]:
  return {
    name: {
      "kind": info.kind,
      "dtype": info.dtype.name,
      "shape": (
        None if info.get_shape().rank is None else info.get_shape().as_list()
      ),
    }
    for name, info in sorted(infos.items())
  }


def _describe_variables(variant: GraphVariant) -> list[dict[str, Any]]:
  """One entry a variable, whole ones only, sorted by name."""
  entries: dict[str, dict[str, Any]] = {}
  for variable in variant.variables:
    shape = variant.variable_shape(variable)
    dtype = variant.variable_dtype(variable)
    num_parameters = shape.num_elements() or 0
    entry = entries.setdefault(
      variable.checkpoint_name,
      {
        "name": variable.checkpoint_name,
        "dtype": dtype.name,
        "shape": None if shape.rank is None else shape.as_list(),
        "num_parameters": num_parameters,
        "num_bytes": num_parameters * dtype.size,
        "num_parts": 0,
        "trainable": variable.trainable,
      },
    )
    entry["num_parts"] += 1
  return [entries[name] for name in sorted(entries)]


def format_description(description: dict[str, Any]) -> str:
  """Returns the text form of `describe_module`'s result."""
  lines = [
    f"Module  {description['path']}",
    f"Format  {description['format']}",
    f"Size    {_format_bytes(description['total_bytes'])}",
    "Tags    "
    + format_tag_sets(graph["tags"] for graph in description["graphs"]),
  ]
  for graph in description["graphs"]:
    lines += ["", *_format_graph(graph)]
  if description["warnings"]:
    lines += ["", *_format_warnings(description["warnings"])]
  if "security" in description:
    findings = [
      Finding(**{**finding, "tags": tuple(finding["tags"])})
      for finding in description["security"]
    ]
    lines += ["", *report.format_findings(findings)]
  return "\n".join(lines)


def _format_warnings(warnings) -> list[str]:
  lines = [f"Warnings for whoever publishes it: {len(warnings)}"]
  for warning in warnings:
    lines.append(
      f"  {warning['code']}, graph {format_tag_sets([warning['tags']])}"
    )
    lines += textwrap.wrap(
      warning["message"],
      width=80,
      initial_indent="    ",
      subsequent_indent="    ",
      break_long_words=False,
      break_on_hyphens=False,
    )
  return lines


def _format_graph(graph) -> list[str]:
  lines = [
    f"Graph {format_tag_sets([graph['tags']])}: {graph['num_nodes']:,} nodes"
  ]
  if "signatures" not in graph:  # A SavedModel's.
    return lines
  for name, signature in graph["signatures"].items():
    lines.append(f"  signature {name}")
    for direction in ("inputs", "outputs"):
      for key, info in signature[direction].items():
        lines.append(f"    {direction[:-1]:<6} {key}: {_format_info(info)}")
  lines.append(
    f"  variables: {graph['num_variables']} with "
    f"{graph['num_parameters']:,} parameters, "
    f"{graph['num_trainable_variables']} trainable with "
    f"{graph['num_trainable_parameters']:,}"
  )
  width = max((len(v["name"]) for v in graph["variables"]), default=0)
  for v in graph["variables"]:
    parts = f" in {v['num_parts']} parts" if v["num_parts"] > 1 else ""
    lines.append(
      f"    {v['name']:<{width}}  {v['dtype']} {_format_shape(v['shape'])}"
      f"  {_format_bytes(v['num_bytes'])}"
      f"{'  trainable' if v['trainable'] else ''}{parts}"
    )
  for title in ("regularization_losses", "update_ops", "assets"):
    lines.append(f"  {title.replace('_', ' ')}: {len(graph[title])}")
    lines += [f"    {name}" for name in graph[title]]
  lines.append(f"  attachments: {len(graph['attachments'])}")
  lines += [
    f"    {key}  {_format_bytes(size)}"
    for key, size in graph["attachments"].items()
  ]
  return lines


def _format_info(info) -> str:
  kind = "" if info["kind"] == "Tensor" else f"{info['kind']} "
  return f"{kind}{info['dtype']} {_format_shape(info['shape'])}"


def _format_shape(shape) -> str:
  if shape is None:
    return "of unknown shape"
  return "[" + ", ".join("?" if n is None else str(n) for n in shape) + "]"


def _format_bytes(count: int) -> str:
  size, units = float(count), ["B", "kB", "MB", "GB"]
  while size >= 1000 and len(units) > 1:
    size /= 1000
    units.pop(0)
  return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
