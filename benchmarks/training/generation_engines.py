"""Greedy replies by an engine made for it; runs in an environment of its own and imports nothing of ours.

    PEERS/bin/pip install ctranslate2 xllamacpp gguf onnxruntime-genai
    PEERS/bin/python benchmarks/training/generation_engines.py ENGINE MODEL THREADS < asked.json > found.json

MODEL is a GGUF for llama.cpp, a converted folder for CTranslate2, for ONNX Runtime what its builder makes, which needs
torch and transformers: `python -m onnxruntime_genai.models.builder -m X -i FOLDER -o MODEL -p fp32 -e cpu`. Asked are
{prompts, limit, stops} in tokens; found are {replies, cpu_seconds}, without the time to load; replies are tokens, those
of llama.cpp words.
"""

import json
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

IN_STEP = 16


def main() -> None:
    engine, model, threads = sys.argv[1:]
    asked = json.load(sys.stdin)
    write = {"llama.cpp": llama, "float32": ctranslate, "int8": ctranslate, "onnx": onnx}[engine]
    json.dump(write(model, int(threads), asked, engine), sys.stdout)


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def llama(model: str, threads: int, asked: dict[str, Any], _engine: str) -> dict[str, Any]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_parallel = IN_STEP
    params.n_ctx = IN_STEP * (max(map(len, asked["prompts"])) + asked["limit"] + 8)
    params.n_predict = asked["limit"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.warmup = False
    server = xllamacpp.Server(params)
    begun = spent()

    def one(prompt: list[int]) -> str:
        found = server.handle_completions({"prompt": prompt, "n_predict": asked["limit"], "temperature": 0, "top_k": 1})
        return str((found if isinstance(found, dict) else json.loads(found))["choices"][0]["text"])

    with ThreadPoolExecutor(IN_STEP) as together:
        replies = list(together.map(one, asked["prompts"]))
    return {"replies": replies, "cpu_seconds": spent() - begun}


def ctranslate(folder: str, threads: int, asked: dict[str, Any], kind: str) -> dict[str, Any]:
    import ctranslate2

    names = json.loads((Path(folder) / "vocabulary.json").read_text("utf-8"))
    model = ctranslate2.Generator(folder, compute_type=kind, intra_threads=threads)
    begun = spent()
    found = model.generate_batch(
        [[names[token] for token in prompt] for prompt in asked["prompts"]],
        max_batch_size=IN_STEP,
        max_length=asked["limit"],
        sampling_topk=1,
        end_token=[names[token] for token in asked["stops"]],
        include_prompt_in_result=False,
    )
    return {"replies": [list(one.sequences_ids[0]) for one in found], "cpu_seconds": spent() - begun}


def onnx(folder: str, threads: int, asked: dict[str, Any], _engine: str) -> dict[str, Any]:
    """Each prompt alone."""
    import onnxruntime_genai

    config = onnxruntime_genai.Config(folder)
    config.overlay(
        json.dumps(
            {
                "model": {
                    "eos_token_id": asked["stops"],
                    "decoder": {"session_options": {"intra_op_num_threads": threads, "inter_op_num_threads": 1}},
                }
            }
        )
    )
    model = onnxruntime_genai.Model(config)
    begun, replies = spent(), []
    for prompt in asked["prompts"]:
        params = onnxruntime_genai.GeneratorParams(model)
        params.set_search_options(max_length=len(prompt) + asked["limit"], do_sample=False)
        generator = onnxruntime_genai.Generator(model, params)
        generator.append_tokens(prompt)
        while not generator.is_done():
            generator.generate_next_token()
        replies.append([int(token) for token in generator.get_sequence(0)[len(prompt) :]])
    return {"replies": replies, "cpu_seconds": spent() - begun}


if __name__ == "__main__":
    main()
