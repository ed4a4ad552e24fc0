"""Section 10: what upstream's own tests let through, and our tests of it.

Where a behaviour is tested, for each item of the list; that the tests are there
is checked here. Each was seen to fail with the behaviour broken.
"""

import ast
import pathlib

import pytest

_TESTS = {
  "collections with trainable=False": (
    "section4_module::test_collections_of_a_frozen_module",
  ),
  "name-scope clash": (
    "section4_module::test_a_name_scope_that_is_taken",
    "failed_calls::"
    "test_a_name_scope_that_is_taken_leaves_the_variable_scope_free",
  ),
  "shared_name in applied graphs": (
    "section4_module::"
    "test_shared_names_in_an_application_are_those_of_its_instance",
    "section4_module::test_shared_names_are_those_of_the_instance",
  ),
  "devices": (
    "section4_module::"
    "test_devices_of_the_module_stay_and_unset_fields_are_filled",
    "section4_module::test_parameter_servers_hold_the_variables_and_restore_them",
  ),
  "MODEL_VARIABLES": (
    "section4_module::test_collections_of_a_frozen_module",
    "section4_module::test_collections_of_a_trainable_module",
  ),
  "unsupported collections and drop_collections": (
    "section2_defining::test_other_collections_are_refused_unless_dropped",
    "section2_defining::"
    "test_other_collections_of_a_saved_model_are_refused_unless_dropped",
    "section5_format::test_collections_are_checked_on_loading",
  ),
  "duplicate and unknown tags": (
    "section2_defining::test_the_same_tag_set_twice_is_refused",
    "section3_module_spec::test_unknown_tags_are_a_key_error_that_lists_the_tags",
    "section4_module::test_unknown_tags_list_those_there_are",
  ),
  "module format and required features": (
    "section5_format::test_other_formats_and_features",
  ),
  "asset paths (leak, name clash, traversal)": (
    "section5_format::test_asset_paths_do_not_leak",
    "section5_format::test_assets_are_copied_once_and_clashes_are_numbered",
    "section9_weaknesses::test_an_asset_outside_of_the_module_is_refused",
  ),
  "attachment key syntax": (
    "section2_defining::test_a_malformed_attachment_key_is_refused",
  ),
  'a missing "default" output': (
    "section4_calling::test_the_default_output_or_all_of_them",
    "failed_calls::test_a_call_that_asks_for_no_output",
  ),
  "call or export from the wrong graph or session": (
    "section4_calling::test_another_graph_is_refused",
    "section4_export::test_export_from_the_wrong_graph_or_session",
  ),
  "re-export over a module": (
    "section4_export::test_export_over_a_module_is_refused",
    "section9_weaknesses::test_an_export_never_touches_an_existing_module",
  ),
  "missing checkpoint_path": (
    "section3_module_spec::test_export_needs_a_checkpoint",
  ),
  "input dtype and shape": (
    "section4_calling::test_inputs_that_do_not_fit",
    "section4_calling::test_values_convert_to_the_declared_dtype",
  ),
  "sharded variables and stripped defaults": (
    "section4_export::test_a_partitioned_variable_is_exported_as_one",
    "section3_module_spec::test_a_partitioned_variable_is_one_entry",
    "section2_defining::test_default_attributes_are_stripped",
  ),
  "exporter: duplicate names": (
    "section6_estimator_export::test_the_same_name_twice_in_a_graph_is_refused",
  ),
  "exporter: exports_to_keep ≤ 0": (
    "section6_estimator_export::test_exports_to_keep_is_positive",
  ),
  "exporter: which checkpoint is restored": (
    "section6_estimator_export::"
    "test_the_newest_checkpoint_is_exported_and_not_an_older_one",
    "section6_estimator_export::test_a_given_checkpoint_is_exported",
  ),
  "feature columns: trainable": (
    "section7_columns_in_graphs::test_trainable_if_both_column_and_layer_are",
    "section7_columns_in_graphs::test_images_are_embedded_and_never_trained",
  ),
  "feature columns: combiner": (
    "section7_columns::test_an_unknown_combiner",
    "section7_sparse_text::test_combiners_and_empty_rows",
  ),
  "feature columns: size and module checks": (
    "section7_columns::test_sizes_of_images",
    "section7_columns::test_modules_that_do_not_embed_texts",
    "section7_columns::test_modules_that_do_not_embed_images",
  ),
  "loops and conds, in both behaviours": (
    "section4_control_flow::test_after_disable_v2_behavior",
  ),
}


@pytest.mark.parametrize("item", _TESTS)
def test_the_tests_of_an_item_are_there(item):
  for name in _TESTS[item]:
    file_name, _, function_name = name.partition("::")
    file = pathlib.Path(__file__).with_name(f"test_{file_name}.py")
    functions = {
      node.name: node
      for node in ast.walk(ast.parse(file.read_text()))
      if isinstance(node, ast.FunctionDef)
    }
    assert function_name in functions, name
    checks = [
      node
      for node in ast.walk(functions[function_name])
      if isinstance(node, (ast.Assert, ast.With))
    ]
    assert checks, f"{name} checks nothing"
