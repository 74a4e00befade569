"""Creates models with transformers, and runs exported models with transformers.

  huggingface.py make FOLDER     writes a small OLMo 2 and a small Llama, in several files, in fp32, bf16 and fp16
  huggingface.py tokenize FOLDER TEXT    prints the ids of a text and the end token, with the folder's tokenizer
  huggingface.py run JOBS OUT    JOBS: [{"folder": …, "sequences": [[token, …], …], "new_tokens": N}, …]
"""

import json
import sys
import warnings

import torch
import transformers

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)


def make(folder):
    sizes = dict(
        vocab_size=97, hidden_size=64, intermediate_size=104, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, rope_theta=20000.0, max_position_embeddings=777, initializer_range=0.1,
        bos_token_id=3, eos_token_id=[5, 7], pad_token_id=1, rms_norm_eps=2e-5,
    )
    classes = {
        "olmo2": (transformers.Olmo2Config, transformers.Olmo2ForCausalLM),
        "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    }
    for name, (config, model) in classes.items():
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            torch.manual_seed(11)
            made = model(config(**sizes, tie_word_embeddings=dtype == torch.float16))
            for parameter in made.parameters():
                if parameter.dim() == 1:
                    parameter.data += 0.3 * torch.randn_like(parameter)
            made = made.to(dtype)
            made.generation_config = transformers.GenerationConfig()
            made.save_pretrained(f"{folder}/{name}-{str(dtype)[6:]}", max_shard_size="100KB")


@torch.no_grad()
def run(jobs):
    results = []
    for job in jobs:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            job["folder"], trust_remote_code=True, dtype=torch.float32
        )
        model.eval()
        result = {"class": type(model).__name__, "logits": [], "generated": []}
        for tokens in job["sequences"]:
            ids = torch.tensor([tokens])
            result["logits"].append(model(ids).logits[0].tolist())
            settings = dict(
                max_new_tokens=job["new_tokens"], do_sample=False, eos_token_id=None, pad_token_id=1,
                attention_mask=torch.ones_like(ids),
            )
            generated = model.generate(ids, **settings)[0].tolist()
            # Generation with the cache equals generation without it.
            assert generated == model.generate(ids, use_cache=False, **settings)[0].tolist(), "cache"
            result["generated"].append(generated[len(tokens):])
            # The first half is cached, and the second half extends the cache in one piece.
            start = model(ids[:, : len(tokens) // 2], use_cache=True)
            rest = model(ids[:, len(tokens) // 2:], past_key_values=start.past_key_values)
            torch.testing.assert_close(
                torch.cat((start.logits, rest.logits), 1), model(ids).logits, rtol=1e-3, atol=1e-4
            )
        # One batch of all sequences, padded on the left; beam search with and without the cache.
        longest = max(map(len, job["sequences"]))
        padded = torch.tensor([[1] * (longest - len(tokens)) + tokens for tokens in job["sequences"]])
        mask = torch.tensor([[0] * (longest - len(tokens)) + [1] * len(tokens) for tokens in job["sequences"]])
        settings = dict(attention_mask=mask, max_new_tokens=job["new_tokens"], do_sample=False, eos_token_id=None)
        batch = model.generate(padded, pad_token_id=1, **settings)
        assert batch[:, longest:].tolist() == result["generated"], "a padded batch"
        beams = [model.generate(padded, pad_token_id=1, num_beams=3, use_cache=c, **settings) for c in (True, False)]
        assert beams[0].tolist() == beams[1].tolist(), "beams"
        results.append(result)
    return results


def tokenize(folder, text):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    print(json.dumps({"ids": ids, "eos": tokenizer.eos_token, "eos_id": tokenizer.eos_token_id}))


if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "tokenize":
    tokenize(sys.argv[2], sys.argv[3])
else:
    with open(sys.argv[2]) as file:
        jobs = json.load(file)
    with open(sys.argv[3], "w") as file:
        json.dump(run(jobs), file)
