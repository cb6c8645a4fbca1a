"""What servers load, by the files that were written and by a server of its own."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from curation.harness.errors import QiratError
from tests.training.adapters import trained
from tests.training.serving import served
from tests.training.tiny import CHATML, model, renderer
from training.commands import export as exports
from training.commands.export import PROBE, export
from training.commands.likeness import Likeness
from training.judge.generation import Decoding, Reply, generate
from training.model.adapter import module_count
from training.model.base import Model, load_model

MODULES = 2 * 7  # layers, and the linear ones in each
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("project")
    trained(made)
    return made


@pytest.fixture
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project in it, of which a test may change every file."""
    import shutil

    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "export.json").read_text("utf-8"))
    return found


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["adapter", "merged"])
def test_what_is_exported_answers_like_base_and_adapter(project: Path, kind: Any) -> None:
    said = export(kind, Path("out"), dtype="float32")
    found = result(Path("out"))
    assert found["likeness"]["top1_but_ties"] == 1
    assert found["likeness"]["kl_max"] < 1e-5 < 0.01 < found["kl_without_adapter"]
    assert found["modules"] == MODULES
    assert f"all {MODULES} LoRA modules applied" in said
    assert not [name for name in names(Path("out")) if name.endswith(PICKLES)]
    assert not [p.name for p in Path("out").iterdir() if str(project).encode() in p.read_bytes()]


@pytest.mark.parametrize(("dtype", "written"), [("bfloat16", "BF16"), ("float16", "F16")])
def test_rounded_weights_are_held_to_looser_limits(project: Path, dtype: Any, written: str) -> None:
    export("merged", Path("out"), dtype=dtype)
    found = result(Path("out"))
    assert found["dtype"] == dtype
    assert 0 < found["likeness"]["kl_mean"] < found["limits"]["mean"]
    with safe_open("out/model.safetensors", framework="pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {written}  # noqa: SIM118


def test_the_same_adapter_is_exported_to_the_same_bytes(project: Path) -> None:
    for name in ("one", "two"):
        export("merged", Path(name))
    for path in sorted(Path("one").iterdir()):
        assert path.read_bytes() == (Path("two") / path.name).read_bytes(), path.name


def test_a_merged_folder_has_the_files_and_keys_that_vllm_reads(project: Path) -> None:
    export("merged", Path("out"))
    wanted = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert wanted | {"chat_template.jinja", "README.md", "export.json", "provenance.json"} == names(Path("out"))
    config = json.loads(Path("out/config.json").read_text("utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (config["dtype"], config["torch_dtype"], "auto_map" in config) == ("bfloat16", "bfloat16", False)
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"]
    words = json.loads(Path("out/tokenizer_config.json").read_text("utf-8"))
    assert words["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert Path("out/chat_template.jinja").read_text("utf-8") == CHATML


def test_an_adapter_folder_has_the_settings_that_vllm_accepts(project: Path) -> None:
    export("adapter", Path("out"))
    wanted = {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert wanted | {"chat_template.jinja", "README.md", "export.json", "provenance.json"} == names(Path("out"))
    config = json.loads(Path("out/adapter_config.json").read_text("utf-8"))
    assert isinstance(config["r"], int) and isinstance(config["lora_alpha"], int)
    assert config["target_modules"] == sorted(config["target_modules"])
    assert (config["bias"], config["modules_to_save"], config["use_dora"]) == ("none", None, False)
    with safe_open("out/adapter_model.safetensors", framework="pt") as file:
        assert all(".lora_A.weight" in n or ".lora_B.weight" in n for n in file.keys())  # noqa: SIM118
    assert "--max-lora-rank 8" in Path("out/README.md").read_text("utf-8")


def test_a_server_is_told_to_stop_where_training_stopped(project: Path) -> None:
    export("merged", Path("out"))
    config = json.loads(Path("out/generation_config.json").read_text("utf-8"))
    assert config["eos_token_id"] == [renderer().stop_id]
    assert not {"temperature", "top_p", "repetition_penalty"} & {k for k, v in config.items() if v is not None}


def test_what_the_base_model_asks_for_when_writing_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = model()
    base.generation_config.repetition_penalty = 1.3
    monkeypatch.chdir(tmp_path)
    trained(tmp_path, base)
    export("merged", Path("out"))
    assert "1.3" in Path("tiny/generation_config.json").read_text("utf-8")
    assert "1.3" not in Path("out/generation_config.json").read_text("utf-8")


@pytest.mark.parametrize("kind", ["adapter", "merged"])
def test_what_was_written_is_proved_in_the_memory_of_one_model(
    project: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    """Base and adapter are gone, without waiting for the collector, before the files are loaded."""
    import gc
    import weakref

    loads, alive, load = [], [], exports.load_model

    def watched(*given: Any) -> Any:
        alive.append(sum(one() is not None for one in loads))
        found = load(*given)
        loads.extend(weakref.ref(weight) for weight in found.parameters())
        return found

    monkeypatch.setattr(exports, "load_model", watched)
    gc.collect()
    gc.disable()
    try:
        export(kind, Path("out"))
    finally:
        gc.enable()
    assert alive == [0, 0]


def test_a_model_that_no_card_holds_is_proved_on_the_processor(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(exports, "device", lambda: torch.device("meta"))  # a card
    needed = 4 * sum(weight.numel() for weight in model().parameters())
    for free, place in ((needed - 1, "cpu"), (needed, "meta")):
        monkeypatch.setattr(exports, "free_bytes", lambda free=free: free)
        assert exports.Adapter.at(Path("models/adapter")).place.type == place


def test_tied_embeddings_stay_tied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers import LlamaForCausalLM

    config = model().config
    config.tie_word_embeddings = True
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    trained(tmp_path, LlamaForCausalLM(config).eval())
    export("merged", Path("out"), dtype="float32")
    assert "lm_head.weight" not in load_file("out/model.safetensors")
    assert json.loads(Path("out/config.json").read_text("utf-8"))["tie_word_embeddings"]
    loaded = load_model(Model(name="out", dtype="float32", template_arguments={}))
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight


@pytest.mark.parametrize("lora", [{"use_rslora": True}, {"use_dora": True}, {"r": 8, "lora_alpha": 64}])
def test_every_kind_of_lora_is_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: dict[str, Any]) -> None:
    monkeypatch.chdir(tmp_path)
    trained(tmp_path, **lora)
    export("merged", Path("out"), dtype="float32")
    assert result(Path("out"))["likeness"]["kl_max"] < 1e-5


def test_an_adapter_that_changes_the_tied_head_is_not_exported_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import LlamaForCausalLM

    config = model().config
    config.tie_word_embeddings = True
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    trained(tmp_path, LlamaForCausalLM(config).eval(), target_modules=["q_proj", "lm_head"])
    with pytest.raises(QiratError, match="does not answer like base and adapter"):
        export("merged", Path("out"), dtype="float32")
    assert not Path("out").exists()


def test_an_export_that_answers_otherwise_is_not_left_behind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = exports.write_merged

    def careless(trained: Any, tuned: Any, dtype: Any, folder: Path) -> None:
        whole(trained, tuned, dtype, folder)
        weights = load_file(folder / "model.safetensors")
        base = load_file("tiny/model.safetensors")
        name = "model.layers.1.mlp.down_proj.weight"
        save_file({**weights, name: base[name]}, folder / "model.safetensors", {"format": "pt"})  # one not merged

    monkeypatch.setattr(exports, "write_merged", careless)
    with pytest.raises(QiratError, match=r"does not answer like base and adapter: over \d+ tokens"):
        export("merged", Path("out"), dtype="float32")
    assert names(project) == {"tiny", "models", "params.yaml"}


def test_an_adapter_with_a_module_that_finds_no_place_is_refused(project: Path) -> None:
    path = Path("models/adapter/adapter_model.safetensors")
    weights = load_file(path)
    save_file({name.replace("layers.1.", "layers.9."): weight for name, weight in weights.items()}, path)
    with pytest.raises(QiratError, match=r"14 of 42 weights of the adapter find their place"):
        export("merged", Path("out"))


def test_a_chat_template_changed_after_training_is_refused(project: Path) -> None:
    path = Path("models/adapter/chat_template.jinja")
    path.write_text(CHATML.replace("assistant", "helper"), "utf-8")
    with pytest.raises(QiratError, match="chat template there is not the one it was trained with"):
        export("merged", Path("out"))


def test_a_folder_that_is_there_is_left_alone(project: Path) -> None:
    Path("out").mkdir()
    with pytest.raises(QiratError, match="out is there already"):
        export("merged", Path("out"))


def test_test_conversations_are_the_probe_where_there_are_some(project: Path) -> None:
    import polars as pl

    (example,) = renderer().examples([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}])
    table = pl.DataFrame({"input_ids": [example.input_ids], "labels": [example.labels]})
    Path("data/tokenized").mkdir(parents=True)
    table.write_parquet("data/tokenized/test.parquet")
    export("adapter", Path("out"))
    assert result(Path("out"))["probe"] == "data/tokenized/test"
    assert result(Path("out"))["likeness"]["positions"] == example.supervised


def test_the_card_parses_and_tells_how_to_serve(project: Path) -> None:
    from huggingface_hub import ModelCard

    export("merged", Path("out"))
    card = ModelCard.load("out/README.md")
    data = card.data.to_dict()
    assert (data["library_name"], data["base_model"], data["license"]) == ("transformers", "tiny", "other")
    assert '{"enable_thinking": false}' in card.text
    assert "`<|im_end|>`" in card.text


def test_the_reports_card_is_used_where_it_tells_of_this_adapter(project: Path) -> None:
    from training.model.adapter import identity, read_provenance

    told = "---\nlicense: other\n---\n\n# Measured\n\n`{}`\n"
    Path("reports").mkdir()
    for name, adapter in (("own", identity(read_provenance(Path("models/adapter")))), ("other", "0" * 64)):
        Path("reports/model_card.md").write_text(told.format(adapter), "utf-8")
        export("adapter", Path(name))
        assert ("# Measured" in Path(name, "README.md").read_text("utf-8")) == (name == "own")


def test_gguf_without_a_converter_is_told_with_the_commands(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(QiratError, match=r"--outfile out/model.gguf --outtype bf16"):
        export("gguf", Path("out"))


def test_a_converter_that_fails_is_quoted(project: Path) -> None:
    Path("convert_hf_to_gguf.py").write_text("raise SystemExit('no such architecture')", "utf-8")
    with pytest.raises(QiratError, match=r"could not convert the merged model \(no such architecture\)"):
        export("gguf", Path("out"), converter=Path("convert_hf_to_gguf.py"))
    assert not list(project.glob("*out*"))


def test_modules_are_counted_in_the_file(project: Path) -> None:
    assert module_count(Path("models/adapter")) == MODULES


def test_transformers_serve_answers_with_the_tokens_of_the_evaluation_and_stops_where_it_stops(project: Path) -> None:
    for package in ("fastapi", "openai", "uvicorn"):
        pytest.importorskip(package)
    export("merged", Path("out"), dtype="float32")
    asked = [dict(m) for m in PROBE[:3]]
    stop_at(5, asked)
    reply = reply_to(asked)
    assert reply.stopped and reply.tokens == 6
    arguments = ("--chat-template-kwargs", json.dumps(renderer().arguments))
    answer = served(Path("out"), {"messages": asked, "max_tokens": 24, "temperature": 0}, *arguments)
    (choice,) = answer["choices"]
    assert (choice["message"]["content"].strip(), choice["finish_reason"]) == (reply.text, "stop")
    assert answer["usage"]["prompt_tokens"] == reply.prompt_tokens
    assert answer["usage"]["completion_tokens"] == reply.tokens


def reply_to(asked: list[dict[str, str]]) -> Reply:
    """What the evaluation would have had of the exported model."""
    loaded = load_model(Model(name="out", dtype="float32", template_arguments={}))
    (reply,) = generate(loaded, renderer(), [renderer().prompt(asked)], Decoding(max_new_tokens=24, batch=1))
    return reply


def stop_at(place: int, asked: list[dict[str, str]]) -> None:
    """A random model never stops: let the stop token be likelier than the one that it writes at this place."""
    import torch

    loaded = load_model(Model(name="out", dtype="float32", template_arguments={}))
    ids = torch.tensor([renderer().prompt(asked)])
    tokens = loaded.generate(ids, max_new_tokens=place + 1, do_sample=False)[0, ids.shape[1] :].tolist()
    assert tokens[place] not in tokens[:place]
    with torch.no_grad():
        loaded.lm_head.weight[renderer().stop_id] = loaded.lm_head.weight[tokens[place]] * 1.01
    loaded.save_pretrained("out")


def test_the_command_tells_what_was_shown_and_a_fault_in_one_sentence(project: Path) -> None:
    from typer.testing import CliRunner

    from qirat.cli import app

    done = CliRunner().invoke(app, ["export", "merged", "out", "--dtype", "float32"])
    assert (done.exit_code, "the likeliest is the same at 100.0%" in done.output) == (0, True)
    again = CliRunner().invoke(app, ["export", "merged", "out"])
    assert again.exit_code == 1
    assert str(again.exception) == "qirat: out is there already; name a new folder, or remove it"


def test_an_export_that_is_no_nearer_to_the_adapter_than_the_bare_base_is_refused() -> None:
    """A weak adapter changes less than rounding may, so the limits alone would pass an export that lost it."""
    wanted = exports.ExportRequest("merged", "bfloat16", None)
    rounded, strong = (Likeness(100, 1.0, 1.0, mean, 0.01) for mean in (4e-4, 0.1))
    exports.refuse_unlike(rounded, strong, wanted)
    with pytest.raises(QiratError, match="for the base without the adapter; try --dtype float32"):
        exports.refuse_unlike(rounded, replace(rounded, kl_mean=3e-4), wanted)
