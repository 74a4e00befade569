#!/usr/bin/env python3
"""Measures prefill and decoding with the same weights in `phd generate`, transformers and llama.cpp, alternately.

Prints a Markdown table. Started by inference.sh.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
# OLMo 2 of 125M parameters, as in Benchmarks/configs/inference-125m.json.
SHAPE = {"vocab_size": 32000, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12,
         "num_attention_heads": 12, "num_key_value_heads": 4, "rope_theta": 500000.0, "rms_norm_eps": 1e-6}
HALF = {"transformers": "bf16", "llama.cpp": "f16"}


def parse():
    parser = argparse.ArgumentParser(usage="inference.sh [options]", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=2048, help="number of prompt tokens")
    parser.add_argument("--new", type=int, default=64, help="number of tokens to decode greedily after the prompt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--half", action="store_true", help="16-bit weights and caches: bf16, f16 in llama.cpp")
    parser.add_argument("--side", choices=list(HALF), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.side:
        run = {"transformers": in_transformers, "llama.cpp": in_llama}[arguments.side]
        print(json.dumps(run(arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        arguments.folder = Path(folder)
        make(arguments)
        compare(arguments)


# Files


def make(arguments):
    """Writes the same random weights as a folder for transformers, a checkpoint and a GGUF file, and a prompt."""
    import torch
    from transformers import Olmo2Config, Olmo2ForCausalLM

    torch.manual_seed(0)
    shape = {key: value for key, value in SHAPE.items() if key != "rope_theta"}
    config = Olmo2Config(**shape, rope_parameters={"rope_type": "default", "rope_theta": SHAPE["rope_theta"]},
                         max_position_embeddings=arguments.prompt + arguments.new, tie_word_embeddings=False,
                         initializer_range=0.05, bos_token_id=None, eos_token_id=None, pad_token_id=None)
    model = Olmo2ForCausalLM(config)
    model.save_pretrained(arguments.folder / "transformers")
    weights = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    write_checkpoint(arguments.folder / "model.h5", weights)
    write_gguf(arguments.folder / "model.gguf", weights, arguments)
    prompt = torch.randint(0, SHAPE["vocab_size"], (arguments.prompt,)).tolist()
    (arguments.folder / "prompt.json").write_text(json.dumps(prompt))


def write_checkpoint(path, weights):
    import h5py

    config = {"name": "peer", "model": SHAPE, "data": {"train": "none.h5", "sequence_length": 1024},
              "training": {"steps": 1, "global_batch_size": 1, "micro_batch_size": 1}}
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "phd-checkpoint", "version": 1, "step": 0, "tokens": 0,
                           "config": json.dumps(config)})
        for name, values in weights.items():
            file[f"model/{name}"] = values


def write_gguf(path, weights, arguments):
    import gguf
    import numpy as np

    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
             "post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    for layer in range(SHAPE["num_hidden_layers"]):
        names |= {f"model.layers.{layer}.{ours}": f"blk.{layer}.{theirs}" for ours, theirs in parts.items()}
    file = gguf.GGUFWriter(path, "olmo2")
    file.add_context_length(arguments.prompt + arguments.new)
    file.add_embedding_length(SHAPE["hidden_size"])
    file.add_block_count(SHAPE["num_hidden_layers"])
    file.add_feed_forward_length(SHAPE["intermediate_size"])
    file.add_head_count(SHAPE["num_attention_heads"])
    file.add_head_count_kv(SHAPE["num_key_value_heads"])
    file.add_rope_freq_base(SHAPE["rope_theta"])
    file.add_layer_norm_rms_eps(SHAPE["rms_norm_eps"])
    file.add_vocab_size(SHAPE["vocab_size"])
    file.add_tokenizer_model("no_vocab")
    kind = gguf.LlamaFileType.MOSTLY_F16 if arguments.half else gguf.LlamaFileType.ALL_F32
    file.add_file_type(kind)
    for name, values in weights.items():
        half = arguments.half and values.ndim == 2
        file.add_tensor(names[name.removesuffix(".weight")] + ".weight", values.astype(np.float16 if half else np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


# Each function returns the seconds of prefill, the seconds per token after the first new one, and the tokens.


def result(prefill, decode, tokens):
    return {"prefill": prefill, "decode": decode / (len(tokens) - 1), "tokens": tokens}


def in_phd(phd, arguments):
    prompt = json.loads((arguments.folder / "prompt.json").read_text())
    words = [phd, "generate", "--checkpoint", arguments.folder / "model.h5", "--tokens", ",".join(map(str, prompt)),
             "--greedy", "--json", "--max-new-tokens", str(arguments.new), "--threads", str(arguments.threads),
             "--precision", "bf16" if arguments.half else "fp32"]
    report = measured(words, arguments)
    return result(report["prefill_seconds"], report["decode_seconds"], report["tokens"])


def in_transformers(arguments):
    import torch
    from transformers import Olmo2ForCausalLM

    torch.set_num_threads(arguments.threads)
    dtype = torch.bfloat16 if arguments.half else torch.float32
    model = Olmo2ForCausalLM.from_pretrained(arguments.folder / "transformers", dtype=dtype,
                                             attn_implementation="sdpa").eval()
    prompt = torch.tensor([json.loads((arguments.folder / "prompt.json").read_text())])
    with torch.inference_mode():
        model(prompt[:, :256], use_cache=True, logits_to_keep=1)
        start = time.perf_counter()
        output = model(prompt, use_cache=True, logits_to_keep=1)
        tokens = [output.logits[0, -1].argmax().item()]
        middle = time.perf_counter()
        while len(tokens) < arguments.new:
            output = model(torch.tensor([tokens[-1:]]), past_key_values=output.past_key_values, use_cache=True)
            tokens.append(output.logits[0, -1].argmax().item())
        end = time.perf_counter()
    return result(middle - start, end - middle, tokens)


def in_llama(arguments):
    import llama_cpp
    import numpy as np

    kind = llama_cpp.GGML_TYPE_F16 if arguments.half else llama_cpp.GGML_TYPE_F32
    model = llama_cpp.Llama(str(arguments.folder / "model.gguf"), n_ctx=arguments.prompt + arguments.new,
                            n_batch=arguments.prompt, n_threads=arguments.threads, n_threads_batch=arguments.threads,
                            type_k=kind, type_v=kind, verbose=False)
    prompt = json.loads((arguments.folder / "prompt.json").read_text())

    def best():
        logits = llama_cpp.llama_get_logits_ith(model.ctx, -1)
        return int(np.ctypeslib.as_array(logits, (SHAPE["vocab_size"],)).argmax())

    model.eval(prompt[:256])
    model.reset()
    start = time.perf_counter()
    model.eval(prompt)
    tokens = [best()]
    middle = time.perf_counter()
    while len(tokens) < arguments.new:
        model.eval(tokens[-1:])
        tokens.append(best())
    return result(middle - start, time.perf_counter() - middle, tokens)


# The comparison


def measured(words, arguments):
    """Runs a program on the first of the allowed CPUs only; its last line of output is JSON."""
    cpus = sorted(os.sched_getaffinity(0))[:arguments.threads]
    run = subprocess.run(words, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if run.returncode:
        raise SystemExit(f"{' '.join(map(str, words[:4]))} …: status {run.returncode}")
    return json.loads(run.stdout.splitlines()[-1])


def compare(arguments):
    phd = subprocess.run([ROOT / "launch/find-program.sh", "phd"], stdout=subprocess.PIPE, text=True,
                         check=True).stdout.strip()
    sides = {"phd": lambda: in_phd(phd, arguments)}
    for name in HALF:
        words = [sys.executable, __file__, "--side", name, "--folder", arguments.folder,
                 *[f"--{key}={getattr(arguments, key)}" for key in ("prompt", "new", "threads")],
                 *["--half"] * arguments.half]
        sides[name] = lambda words=words: measured(words, arguments)
    runs = {name: [] for name in sides}
    for number in range(arguments.rounds):
        for name in list(sides)[::-1 if number % 2 else 1]:
            runs[name].append(sides[name]())
    print("| | prefill | ratio to phd | of the rounds | decode a token | ratio to phd | of the rounds | same tokens |")
    print("|---" * 8 + "|")
    for name, results in runs.items():
        cells = [name]
        for part, unit in (("prefill", 1), ("decode", 1e3)):
            ratios = [theirs[part] / ours[part] for theirs, ours in zip(results, runs["phd"])]
            theirs, ours = (median(run[part] for run in side) for side in (results, runs["phd"]))
            cells += [f"{theirs * unit:.2f} {'s' if unit == 1 else 'ms'}", f"{theirs / ours:.2f}",
                      f"{min(ratios):.2f}–{max(ratios):.2f}"]
        same = [a == b for a, b in zip(results[0]["tokens"], runs["phd"][0]["tokens"])]
        first = same.index(False) if False in same else len(same)
        print("| " + " | ".join([*cells, f"the first {first} of {len(same)}"]) + " |", flush=True)


main()
