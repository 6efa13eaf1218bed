"""The table of flags: each is read somewhere, each has a test; what a command line may look like."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import arguments
from src import config, registry
from src.command_line import convert
from src.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
DOORS = ("train.py", "test.py", "prepare.py", "compare.py")

# flag -> the test that fails when it has no effect
TESTS = {
    "model": "test_flags.py::test_model_chooses_the_network",
    "model_args": "test_flags.py::test_model_args_preset_and_dropout_in_their_order",
    "preset": "test_flags.py::test_model_args_preset_and_dropout_in_their_order",
    "dropout": "test_flags.py::test_model_args_preset_and_dropout_in_their_order",
    "init_from": "test_flags.py::test_init_from_starts_with_the_weights_of_a_run",
    "freeze": "test_flags.py::test_freeze_backbone_trains_the_head_alone",
    "dataset": "test_flags.py::test_dataset_without_a_path_is_opened_by_name",
    "dataset_args": "test_flags.py::test_dataset_and_its_arguments_choose_the_data",
    "data_path": "test_flags.py::test_data_path_may_be_a_folder",
    "split_ratio": "test_flags.py::test_split_ratio_cuts_data_that_carry_no_split",
    "fold": "test_flags.py::test_fold_of_folds_is_the_test_part",
    "folds": "test_train_door.py::test_folds_run_one_after_another",
    "normalize": "test_flags.py::test_normalize_changes_what_the_model_sees",
    "augmentation": "test_flags.py::test_augmentation_changes_training_signals_alone",
    "balanced_sampling": "test_flags.py::test_balanced_sampling_draws_the_classes_equally_often",
    "batch_size": "test_flags.py::test_batch_sizes_of_training_validation_and_test",
    "val_batch_size": "test_flags.py::test_batch_sizes_of_training_validation_and_test",
    "test_batch_size": "test_flags.py::test_batch_sizes_of_training_validation_and_test",
    "num_workers": "test_flags.py::test_num_workers_prepare_the_same_batches",
    "limit": "test_flags.py::test_limit_keeps_some_records_of_each_part",
    "on_bad_record": "test_flags.py::test_on_bad_record_leaves_it_out_or_refuses",
    "control": "test_flags.py::test_control_permutes_training_labels_alone",
    "epochs": "test_flags.py::test_epochs_and_max_steps_end_the_training",
    "max_steps": "test_flags.py::test_epochs_and_max_steps_end_the_training",
    "lr": "test_flags.py::test_lr_is_the_peak_and_min_lr_the_floor",
    "min_lr": "test_flags.py::test_lr_is_the_peak_and_min_lr_the_floor",
    "weight_decay": "test_flags.py::test_weight_decay_shrinks_weights_but_not_norms_and_biases",
    "optimizer": "test_flags.py::test_optimizer_chooses_the_rule",
    "momentum": "test_flags.py::test_momentum_betas_and_eps_reach_the_optimizer",
    "betas": "test_flags.py::test_momentum_betas_and_eps_reach_the_optimizer",
    "eps": "test_flags.py::test_momentum_betas_and_eps_reach_the_optimizer",
    "scheduler": "test_flags.py::test_scheduler_and_its_flags_give_the_rates",
    "schedule_unit": "test_flags.py::test_scheduler_and_its_flags_give_the_rates",
    "step_size": "test_flags.py::test_scheduler_and_its_flags_give_the_rates",
    "gamma": "test_flags.py::test_scheduler_and_its_flags_give_the_rates",
    "warmup_epochs": "test_flags.py::test_warmup_in_epochs_or_updates_rises_from_its_start",
    "warmup_steps": "test_flags.py::test_warmup_in_epochs_or_updates_rises_from_its_start",
    "warmup_start_lr": "test_flags.py::test_warmup_in_epochs_or_updates_rises_from_its_start",
    "scheduler_patience": "test_flags.py::test_plateau_lowers_the_rate_after_its_patience",
    "scheduler_factor": "test_flags.py::test_plateau_lowers_the_rate_after_its_patience",
    "layer_decay": "test_flags.py::test_layer_decay_slows_lower_layers",
    "loss": "test_flags.py::test_loss_and_label_smoothing_choose_the_objective",
    "label_smoothing": "test_flags.py::test_loss_and_label_smoothing_choose_the_objective",
    "class_weights": "test_flags.py::test_class_weights_weigh_the_loss_by_inverse_frequency",
    "grad_accum_steps": "test_flags.py::test_grad_accum_steps_make_one_update_of_several_batches",
    "grad_clip": "test_flags.py::test_grad_clip_bounds_the_update",
    "ema": "test_flags.py::test_ema_is_judged_beside_the_weights_themselves",
    "device": "test_flags.py::test_device_that_is_not_there_is_refused",
    "mixed_precision": "test_flags.py::test_mixed_precision_takes_what_is_fast_here_and_says_so",
    "precision": "test_flags.py::test_precision_computes_in_it",
    "use_multigpu": "test_flags.py::test_use_multigpu_starts_the_command_again_on_every_gpu",
    "compile": "test_flags.py::test_compile_compiles_the_model",
    "seed": "test_flags.py::test_seed_decides_every_draw",
    "seeds": "test_train_door.py::test_seeds_run_one_after_another_and_give_mean_and_deviation",
    "deterministic": "test_flags.py::test_deterministic_asks_torch_for_it",
    "monitor": "test_flags.py::test_monitor_decides_what_is_best",
    "eval_freq": "test_flags.py::test_eval_freq_validates_every_so_many_epochs_and_at_the_end",
    "early_stopping": "test_flags.py::test_early_stopping_waits_for_its_patience",
    "patience": "test_flags.py::test_early_stopping_waits_for_its_patience",
    "min_delta": "test_flags.py::test_min_delta_is_the_smallest_change_that_counts",
    "load_best": "test_flags.py::test_load_best_leaves_the_best_weights_in_the_model",
    "scheduler_args": "test_manifest_journey.py::test_pairs_pretrain_manifests_fine_tune_and_one_file_is_tested",
    "pos_weight": "test_manifest_journey.py::test_sample_size_and_loss_args_change_the_loss",
    "sample_size": "test_manifest_journey.py::test_sample_size_and_loss_args_change_the_loss",
    "loss_args": "test_manifest_journey.py::test_sample_size_and_loss_args_change_the_loss",
    "valid_subset": "test_manifest_journey.py::test_valid_subset_names_the_parts_and_the_first_decides",
    "save_dir": "test_flags.py::test_save_dir_and_experiment_name_are_the_folder_of_the_run",
    "experiment_name": "test_flags.py::test_save_dir_and_experiment_name_are_the_folder_of_the_run",
    "save_best": "test_flags.py::test_save_best_keeps_the_best_weights",
    "save_freq": "test_flags.py::test_save_freq_and_keep_checkpoint_max",
    "keep_checkpoint_max": "test_flags.py::test_save_freq_and_keep_checkpoint_max",
    "keep": "test_flags.py::test_keep_says_what_a_finished_run_leaves",
    "save_steps": "test_flags.py::test_save_steps_writes_inside_an_epoch",
    "resume": "test_train_door.py::test_resume_goes_on_with_a_stopped_run_bit_by_bit",
    "config": "test_train_door.py::test_config_of_a_run_repeats_it_bit_by_bit",
    "print_freq": "test_flags.py::test_print_freq_is_the_distance_of_two_lines",
    "use_tensorboard": "test_flags.py::test_use_tensorboard_and_log_dir",
    "log_dir": "test_flags.py::test_use_tensorboard_and_log_dir",
    "use_wandb": "test_flags.py::test_use_wandb_logs_to_its_project_and_team",
    "wandb_project": "test_flags.py::test_use_wandb_logs_to_its_project_and_team",
    "wandb_entity": "test_flags.py::test_use_wandb_logs_to_its_project_and_team",
    "profile": "test_flags.py::test_profile_writes_a_trace",
    "dry_run": "test_train_door.py::test_dry_run_says_what_would_happen_and_writes_nothing",
    "fast_dev_run": "test_train_door.py::test_fast_dev_run_goes_through_everything_and_leaves_nothing",
    "overfit_batches": "test_flags.py::test_overfit_batches_trains_and_validates_on_the_same_few",
    "debug": "test_train_door.py::test_debug_takes_a_small_part_and_two_epochs",
    "weights": "test_train_door.py::test_weights_names_a_file_a_run_or_nothing",
    "subset": "test_train_door.py::test_subset_and_output_dir_of_a_test",
    "output_dir": "test_train_door.py::test_subset_and_output_dir_of_a_test",
    "output": "test_prepare.py::test_simulate_writes_a_data_set_that_trains",
    "vqkd_ckpt": "trainer/test_duin_stages.py::test_vqkd_ckpt_names_a_run_a_file_or_is_refused",
    "word_vectors": "trainer/test_duin_align.py::test_word_vectors_travel_in_the_checkpoint",
    "replica": "trainer/test_duin_replica.py::test_replica_sets_model_and_selection",
    "layout": "test_prepare.py::test_layout_is_the_kind_of_file",
    "label_mapping": "test_tensor_journey.py::test_without_a_table_everything_is_other_and_it_goes_on",
    "pipeline": "pipelines/test_duin_pipeline.py::test_a_further_seed_trains_what_is_new_alone",
    "stage_args": "pipelines/test_duin_pipeline.py::test_dry_run_shows_the_command_of_every_stage_and_writes_nothing",
    "pretrain_on_all":
        "pipelines/test_duin_pipeline.py::test_pretrain_on_all_gives_pretraining_the_test_records_and_no_one_else",
    "subj_idxs": "pipelines/test_duin_pipeline.py::test_one_model_for_all_subjects_numbers_those_that_are_picked",
    "protocol": "pipelines/test_loso.py::test_a_protocol_that_was_torn_down_goes_on_where_it_was",
    "shots": "pipelines/test_loso.py::test_a_protocol_that_was_torn_down_goes_on_where_it_was",
    "aggregate": "test_flags_of_judging.py::test_aggregate_chooses_between_the_mean_and_the_maximum_of_windows",
    "thresholds": "test_flags_of_judging.py::test_another_rule_may_be_tested_without_training_again",
    "subjs": "test_flags_of_subjects.py::test_subjs_are_the_only_ones_to_train_on",
    "splits": "test_flags_of_subjects.py::test_splits_are_those_of_another_run",
    "freeze_finetune_updates": "trainer/test_ecg_trainer.py::test_the_backbone_waits_for_so_many_updates",
    "seconds": "pipelines/test_inspect_file.py::test_seconds_is_how_much_is_drawn",
    "raw_root": "test_prepare.py::test_a_folder_of_recordings_becomes_a_data_set_that_trains",
    "store": "test_prepare.py::test_a_folder_of_recordings_becomes_a_data_set_that_trains",
    "prepare_args": "test_prepare.py::test_flags_reach_the_preparation",
    "shard": "test_prepare.py::test_shards_of_a_batch_system_and_merge",
    "engine": "test_prepare.py::test_the_engine_is_the_one_that_is_named",
    "base_dir": "pipelines/test_ecgfm.py::test_from_mimics_files_to_test_metrics",
    "leads": "pipelines/test_ecgfm.py::test_leads_have_folders_of_their_own_and_lie_in_their_rows",
    "labeler_config": "pipelines/test_ecgfm.py::test_labeler_config_and_labeler_args_decide_the_labels",
    "labeler_args": "pipelines/test_ecgfm.py::test_labeler_config_and_labeler_args_decide_the_labels",
    "robustness": "test_new_recordings.py::test_robustness_and_explanations_are_in_the_page_and_the_numbers",
    "explain": "test_new_recordings.py::test_robustness_and_explanations_are_in_the_page_and_the_numbers",
    "format": "test_export_door.py::test_safetensors_of_a_run_is_tested_and_trained_from_as_the_run_is",
    "check": "test_export_door.py::test_outside_leaves_the_normaliser_to_the_caller_and_no_check_runs_nothing",
    "normalizer": "test_export_door.py::test_outside_leaves_the_normaliser_to_the_caller_and_no_check_runs_nothing",
    "licence": "test_export_door.py::test_outside_leaves_the_normaliser_to_the_caller_and_no_check_runs_nothing",
    "masks": "test_export_door.py::test_a_fine_tuned_file_of_fairseq_gives_its_stored_outputs",
    "label_def": "test_export_door.py::test_a_fine_tuned_file_of_fairseq_gives_its_stored_outputs",
    "rate_hz": "test_export_door.py::test_a_fine_tuned_file_of_fairseq_gives_its_stored_outputs",
    "n_heads": "test_export_door.py::test_heads_that_a_file_does_not_tell_are_named_by_a_flag",
    "extract": "pipelines/test_fairseq_outputs.py::test_extract_writes_outputs_frames_and_attention",
}


# ------------------------------------------------------------------------------------------ the table itself
def test_every_flag_has_a_test_that_names_it():
    assert TESTS.keys() == arguments.flags().keys()
    for flag, where in TESTS.items():
        file, _, name = where.partition("::")
        source = _function(ROOT / "tests" / file, name)
        assert f"--{flag}" in source or f"--no_{flag}" in source, f"{where} never says --{flag}"


def _function(path, name):
    """The source of a test and of the functions of its file that it calls."""
    lines, found = _functions(path)
    assert name in found, f"{path.name} has no {name}"
    called = [word.id for word in ast.walk(found[name]) if isinstance(word, ast.Name) and word.id in found]
    return "\n".join(line for each in (name, *called) for line in lines[found[each].lineno:found[each].end_lineno])


@cache
def _functions(path):
    text = path.read_text(encoding="utf8")
    nodes = ast.walk(ast.parse(text))
    return text.splitlines(), {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}


def test_every_flag_is_read_outside_of_the_command_line():
    read = {name for path in _sources() for name in _read_attributes(_tree(path))}
    read |= {"config", "debug"}  # config.py itself reads the one, the other is nothing but what it implies
    assert arguments.IMPLIED["debug"]
    assert arguments.flags().keys() - read == set()
    assert 'typed.get("config")' in (ROOT / "src/config.py").read_text(encoding="utf8")


def _sources():
    yield from (ROOT / door for door in DOORS)
    yield from (path for path in (ROOT / "src").rglob("*.py") if path.parent.name != "src" or
                path.stem not in ("config", "command_line", "flag_rules"))


def _tree(path):
    return ast.parse(path.read_text(encoding="utf8"))


def _read_attributes(tree):
    """x of `args.x`, `self.args.x` and `getattr(args, "x")`, where args may also be called single, saved or merged."""
    def is_settings(node):
        return (isinstance(node, ast.Name) and node.id in ("args", "single", "saved", "merged")) or \
            (isinstance(node, ast.Attribute) and node.attr == "args")

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and is_settings(node.value):
            yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "getattr" and is_settings(node.args[0]):
            yield getattr(node.args[1], "value", "")


@pytest.mark.parametrize("name", list(arguments.flags()))
def test_defaults_are_values_that_the_flag_itself_takes(name):
    flag = arguments.flags()[name]
    assert convert(flag, flag.default) == flag.default
    assert flag.help
    if flag.needs:
        other, allowed = flag.needs
        of_other = arguments.flags(flag.commands[0])[other]
        assert set(allowed) <= ({True} if of_other.kind is bool else set(of_other.choices))
        assert allowed or not of_other.default  # any value but "off" will do


def test_habits_and_implied_settings_name_flags():
    names = arguments.flags()
    assert set(arguments.HABITS.values()) <= names.keys()
    assert not arguments.HABITS.keys() & names.keys()
    for flag, implied in arguments.IMPLIED.items():
        assert flag.partition("=")[0] in names
        assert all(convert(names[other], value) == value for other, value in implied.items())


@pytest.mark.parametrize("model", list(registry.MODELS))
def test_recipes_are_values_that_the_flags_take(model):
    row, flags = registry.MODELS[model], arguments.flags(arguments.TRAIN)
    for recipe in (row.recipe, *row.recipes.values(), *(data.recipe for data in registry.DATASETS.values())):
        for name, value in recipe.items():
            assert convert(flags[name], value) == value
    assert set(row.presets) <= set(flags["preset"].choices)
    assert set(row.recipes) <= registry.DATASETS.keys()


@pytest.mark.parametrize("model", list(registry.MODELS))
def test_every_model_has_settings_without_any_flag(model):
    args = config.parse(arguments.TRAIN, ["--model", model])
    assert args.dataset == registry.MODELS[model].dataset
    assert args.sources["lr"] == "recipe"


def test_the_recipe_for_its_own_data_counts_more_than_the_models():
    row = registry.MODELS["duin_cls"]
    assert config.parse(arguments.TRAIN, ["--model", "duin_cls"]).epochs == row.recipes["simulated_seeg"]["epochs"]


# --------------------------------------------------------------------------------------- what may be typed
def refused(*argv, command=arguments.TRAIN):
    with pytest.raises(UserError) as caught:
        config.parse(command, list(argv))
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_hyphens_are_underscores():
    args = config.parse(arguments.TRAIN, ["--batch-size", "7", "--no-use-tensorboard", "--weight-decay=0.5"])
    assert (args.batch_size, args.use_tensorboard, args.weight_decay) == (7, False, 0.5)


def test_numbers_may_be_negative_in_their_text_and_are_then_refused_as_numbers():
    assert "--lr -1.0: must be more than 0" in refused("--lr", "-1.0")


def test_abbreviations_are_unknown():
    assert "--epoch: unknown flag; did you mean --epochs?" in refused("--epoch", "3")
    assert "--exp: unknown flag" in refused("--exp", "3")


@pytest.mark.parametrize(("typed", "meant"), [
    ("leraning_rate", "lr"), ("learning_rate", "lr"), ("learning-rate", "lr"), ("bacth_size", "batch_size"),
    ("num_epochs", "epochs"), ("amp", "mixed_precision"), ("checkpiont", "weights"), ("gpu_ids", "device"),
    ("earlystopping", "early_stopping"), ("no_tensorbord", "use_tensorboard"),
])
def test_the_nearest_flag_is_named(typed, meant):
    assert f"--{typed.replace('-', '_')}: unknown flag; did you mean --{meant}?" in refused(f"--{typed}", "1")


def test_nothing_near_is_not_guessed():
    assert "--qqqq: unknown flag\n" in refused("--qqqq", "1")


def test_a_flag_of_another_command_says_whose_it_is():
    assert "--weights: not a flag of train.py; it belongs to test.py" in refused("--weights", "x")
    assert "--epochs: not a flag of test.py; it belongs to train.py" in refused("--epochs", "3", command=arguments.TEST)


def test_everything_wrong_is_said_at_once():
    text = refused("--leraning_rate", "1", "--epochs", "0", "--optimizer", "adamm", "--momentum", "0.5", "--fold", "2",
                   "--scheduler", "step", "--scheduler_patience", "3", "--split_ratio", "0.5", "0.5", "0.5")
    for part in ("did you mean --lr?", "--epochs 0: must be at least 1", "did you mean adam",
                 "--momentum 0.5: holds only with --optimizer sgd; here it is adamw", "--fold 2: needs --folds",
                 "--scheduler_patience 3: holds only with --scheduler plateau; here it is step",
                 "the shares add up to 1.5, not 1"):
        assert part in text, part


@pytest.mark.parametrize("argv", [["--betas", "0.9"], ["--lr"], ["--model_args"], ["--debug=maybe"], ["stray"],
                                  ["--split_ratio", "1", "0"]])
def test_a_wrong_number_of_values_is_refused(argv):
    assert "train.py --help lists every flag" in refused(*argv)


# -------------------------------------------------------------- one refused value for every bounded flag
def beyond():
    """(flag, text, what the message says) for each bound, choice, kind and number of values in the table."""
    for name, flag in arguments.flags().items():
        if flag.least is not None:
            yield name, _many(flag, f"{flag.least - 1:g}"), f"must be at least {flag.least:g}"
        if flag.above is not None:
            yield name, _many(flag, f"{flag.above:g}"), f"must be more than {flag.above:g}"
        if flag.most is not None:
            yield name, _many(flag, f"{flag.most + 0.5:g}"), f"must be at most {flag.most:g}"
        if flag.choices:
            yield name, ["nonsense"], "not one of " + ", ".join(flag.choices)
        if flag.kind in (int, float):
            yield name, _many(flag, "many"), f"a {'whole ' * (flag.kind is int)}number is expected"
        if flag.kind is float:
            yield name, _many(flag, "inf"), "a finite number is expected"
        if flag.kind is int:
            yield name, _many(flag, "1.5"), "a whole number is expected"


def _many(flag, text):
    return [text] * (flag.many if isinstance(flag.many, int) else 1)


@pytest.mark.parametrize(("name", "values", "message"), list(beyond()))
def test_values_beyond_what_a_flag_allows_are_refused(name, values, message):
    command = arguments.flags()[name].commands[0]
    assert f"--{name} {' '.join(values)}: {message}" in refused(f"--{name}", *values, command=command)


@pytest.mark.parametrize("name", [name for name, flag in arguments.flags().items() if flag.needs])
def test_a_flag_that_has_no_effect_beside_the_others_is_refused(name):
    flag = arguments.flags()[name]
    assert flag.needs is not None
    other, allowed = flag.needs
    command = flag.commands[0]
    choices = arguments.flags(command)[other].choices
    others = [choice for choice in choices if choice not in allowed]
    elsewhere = [f"--{other}", others[0]] if others else [f"--no_{other}"] if allowed == (True,) else []
    value = flag.choices[-1] if flag.choices else "5" if flag.kind is not float else "0.001"
    text = refused(f"--{name}", *_many(flag, value), *elsewhere, command=command)
    assert f"--{name} {' '.join(_many(flag, value))}: holds only with --{other}" in text
    chosen = [f"--{other}", allowed[0]] if choices else [f"--{other}"] if allowed else [f"--{other}", "1"]
    config.parse(command, [f"--{name}", *_many(flag, value), *chosen])


def test_a_flag_without_effect_is_refused_with_its_default_too():
    assert "--momentum 0.9: holds only with --optimizer sgd" in refused("--momentum", "0.9", "--optimizer", "adamw")


@pytest.mark.parametrize(("argv", "message"), [
    (["--epochs", "2", "--warmup_epochs", "3"], "--warmup_epochs 3: longer than the training of 2 epochs"),
    (["--warmup_epochs", "1", "--warmup_steps", "3"], "--warmup_steps: give it or --warmup_epochs, not both"),
    (["--max_steps", "2", "--warmup_steps", "3"], "--warmup_steps 3: longer than the training of 2 updates"),
    (["--lr", "0.1", "--min_lr", "1"], "--min_lr 1: above --lr 0.1"),
    (["--lr", "0.1", "--warmup_start_lr", "1"], "--warmup_start_lr 1: above --lr 0.1"),
    (["--lr", "0.1", "--warmup_start_lr", "0.01", "--scheduler", "cosine"], "--warmup_start_lr 0.01: there is no"),
    (["--folds", "3", "--fold", "3"], "--fold 3: with --folds 3 the folds are 0 to 2"),
    (["--mixed_precision", "--precision", "tf32"], "--mixed_precision: choose it or --precision tf32"),
    (["--class_weights", "--balanced_sampling"], "--class_weights: would balance twice"),
    (["--resume", "--init_from", "x"], "--init_from: a resumed run has its weights"),
    (["--resume", "some/run", "--seeds", "1", "2"], "--resume some/run: goes on with one run"),
    (["--resume", "some/run", "--folds", "2"], "--resume some/run: goes on with one run"),
    (["--resume", "some/run", "--fast_dev_run"], "--fast_dev_run: starts and resumes a short run of its own"),
    (["--seeds", "1", "2", "1"], "--seeds 1 2 1: a seed is there twice"),
    (["--use_multigpu", "--device", "cpu"], "--device cpu: one device; --use_multigpu takes all"),
    (["--dataset", "arrays"], "--dataset arrays: needs --data_path"),
    (["--data_path", "/nowhere/at/all"], "--data_path /nowhere/at/all: not found"),
])
def test_settings_that_contradict_each_other_are_refused(argv, message):
    assert message in refused(*argv)


# ------------------------------------------------------------------------------------------------ help
def test_help_and_the_list_of_flags_answer_without_torch():
    code = ("import sys, arguments, train, test, prepare, compare\n"
            "for door in (train, test, prepare, compare):\n"
            "    try:\n        door.main(['--help'])\n    except SystemExit as end:\n        assert end.code == 0\n"
            "assert arguments.main([]) == 0\n"
            "heavy = {'torch', 'numpy', 'scipy', 'matplotlib', 'rich', 'wfdb'} & set(sys.modules)\n"
            "assert not heavy, heavy\n")
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    for flag in arguments.flags(arguments.TRAIN):
        assert f"--{flag} " in found.stdout


def test_help_shows_each_group_and_its_flags(capsys):
    import train

    with pytest.raises(SystemExit) as end:
        train.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for group in ("model:", "data:", "optimisation:", "saving:", "checks:"):
        assert f"\n{group}\n" in text
    assert "--no_" not in text
    assert "--weights" not in text


def test_all_flags_are_printed_with_their_values_and_where_these_are_from(capsys):
    assert arguments.main(["--lr", "0.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {line.split()[0][2:]: line for line in lines if line.startswith("  --")}
    assert shown.keys() == arguments.flags().keys()
    assert "0.5" in shown["lr"]
    assert "[command line]" in shown["lr"]
    assert "[recipe]" in shown["epochs"]
    assert "[test, export]" in shown["weights"]
    assert "[" not in shown["grad_clip"]
    assert not any("hyperparameters of" in line for line in lines)


def test_a_models_own_hyperparameters_are_printed_with_it(capsys):
    assert arguments.main(["--model", "duin_cls", "--preset", "tiny", "--model_args", "encoder.n_blocks=3"]) == 0
    text = capsys.readouterr().out.split("hyperparameters of duin_cls")[1]
    lines = {line.split()[0]: line for line in text.splitlines()[1:]}
    assert "3" in lines["encoder.n_blocks"].split()
    assert "[command line]" in lines["encoder.n_blocks"]
    assert "[--preset]" in lines["encoder.n_heads"]


def test_the_list_of_flags_refuses_what_training_would(capsys):
    assert arguments.main(["--lr", "zero"]) == 2
    assert "--lr zero: a number is expected" in capsys.readouterr().err
