"""Exporters: they write a model's modules as an Estimator trains.

`module_exporter` holds what all have in common, and each of the others says at
which evaluations it writes. An export is a folder, named after its time:

    <export_path>/<unix seconds>/<export name>/   a module for each name
    <export_path>/<unix seconds>/export.json      step, metrics, modules
"""
