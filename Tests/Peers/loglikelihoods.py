"""Computes log-likelihoods of benchmark choices with transformers and tokenizers, each choice separately.

  loglikelihoods.py make FOLDER TOKENIZER    writes a small random OLMo 2 and its tokenizer.json
  loglikelihoods.py run FOLDER LIMIT OUT REQUESTS…    REQUESTS: lines of {"requests": [{"context", "continuation"}, …]}
"""

import json
import shutil
import sys
import warnings

import tokenizers
import torch
import transformers

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)


def make(folder, path):
    torch.manual_seed(3)
    size = tokenizers.Tokenizer.from_file(path).get_vocab_size()
    config = transformers.Olmo2Config(
        vocab_size=size, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, initializer_range=0.15, tie_word_embeddings=True,
    )
    model = transformers.Olmo2ForCausalLM(config)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    shutil.copy(path, f"{folder}/tokenizer.json")


def encode(tokenizer, context, continuation):
    """Same as lm-evaluation-harness's `_encode_pair`."""
    spaces = len(context) - len(context.rstrip())
    if spaces > 0:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    whole = tokenizer.encode(context + continuation, add_special_tokens=False).ids
    start = tokenizer.encode(context, add_special_tokens=False).ids
    return start, whole[len(start):]


@torch.no_grad()
def run(folder, limit, out, requests):
    tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32)
    model.eval()
    results = []
    for path in requests:
        with open(path) as file:
            items = [json.loads(line)["requests"] for line in list(file)[:limit]]
        results.append([[score(model, *encode(tokenizer, r["context"], r["continuation"])) for r in i] for i in items])
    with open(out, "w") as file:
        json.dump(results, file)


def score(model, context, continuation):
    ids = torch.tensor([(context + continuation)[:-1]])
    logits = model(ids).logits[0, len(context) - 1:]
    targets = torch.tensor(continuation)
    chosen = torch.log_softmax(logits.double(), -1).gather(1, targets[:, None])
    return {
        "log_likelihood": chosen.sum().item(), "tokens": len(continuation),
        "is_greedy": bool((logits.argmax(-1) == targets).all()),
    }


if sys.argv[1] == "make":
    make(sys.argv[2], sys.argv[3])
else:
    run(sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5:])
