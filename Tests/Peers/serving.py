"""Queries a running server with OpenAI's client and with EleutherAI's lm-eval.

  serving.py client URL OUT              results of OpenAI's client: completions, streams, log-probabilities, errors
  serving.py evaluate URL MODEL TOKENIZER TASKS OUT [BATCH [CONCURRENT]]
                                         accuracies of TASKS: {"name": "file.jsonl", …}, with lines
                                         {"context": …, "choices": […], "label": n}; TOKENIZER is a folder
"""

import json
import os
import sys
import tempfile

URL = sys.argv[2]


def client():
    import openai

    client = openai.OpenAI(base_url=URL, api_key="none", max_retries=0)
    model = client.models.list().data[0].id
    found = {"models": [m.id for m in client.models.list()], "retrieved": client.models.retrieve(model).id}
    plain = dict(model=model, prompt="The q", max_tokens=8, temperature=0)
    whole = client.completions.create(**plain, logprobs=2, echo=True)
    choice = whole.choices[0]
    found["text"] = choice.text
    found["finish_reason"] = choice.finish_reason
    found["usage"] = whole.usage.model_dump()
    found["logprobs"] = choice.logprobs.model_dump()
    found["completion"] = client.completions.create(**plain).choices[0].text
    pieces = list(client.completions.create(**plain, stream=True, stream_options={"include_usage": True}))
    found["streamed"] = "".join(piece.choices[0].text for piece in pieces if piece.choices)
    found["streamed_usage"] = pieces[-1].usage.model_dump()
    found["stream_finish_reasons"] = [piece.choices[0].finish_reason for piece in pieces if piece.choices]
    batch = client.completions.create(model=model, prompt=["The q", [102, 111, 120]], max_tokens=4, n=2, seed=3)
    found["indices"] = [choice.index for choice in batch.choices]
    again = client.completions.create(model=model, prompt=["The q", [102, 111, 120]], max_tokens=4, n=2, seed=3)
    found["seeded"] = [a.text for a in batch.choices] == [a.text for a in again.choices]
    found["ids"] = client.completions.create(**plain, extra_body={"return_token_ids": True}).choices[0].token_ids
    # A client that disconnects in the middle of a stream.
    with client.completions.create(model=model, prompt="The q", max_tokens=3000, stream=True,
                                   extra_body={"ignore_eos": True}) as stream:
        for _ in zip(range(3), stream):
            pass
    errors = {}
    for name, changes in {
        "model": {"model": "another"}, "temperature": {"temperature": -1}, "suffix": {"suffix": "x"},
        "long": {"max_tokens": 1000000}, "penalty": {"frequency_penalty": 1}, "empty": {"prompt": ""},
        "best_of": {"best_of": 3}, "token": {"prompt": [1, 9999999]}, "logit_bias": {"logit_bias": {"5": -100}},
    }.items():
        try:
            client.completions.create(**{**plain, **changes})
            errors[name] = None
        except openai.APIStatusError as error:
            errors[name] = {
                "class": type(error).__name__, "status": error.status_code, "param": error.param, "code": error.code,
                "message": error.body["message"],
            }
    found["errors"] = errors
    return found


def evaluate(model, tokenizer, tasks, batch="8", concurrent="2"):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HF_HOME"] = f"{folder}/home"
        for name, path in json.loads(tasks).items():
            with open(f"{folder}/{name}.yaml", "w") as file:
                json.dump(
                    {
                        "task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": path}},
                        "output_type": "multiple_choice", "test_split": "test", "doc_to_text": "context",
                        "doc_to_choice": "choices", "doc_to_target": "label", "target_delimiter": " ",
                        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
                    },
                    file,
                )
        import lm_eval
        from lm_eval.tasks import TaskManager

        results = lm_eval.simple_evaluate(
            model="local-completions",
            model_args=dict(
                model=model, base_url=f"{URL}/completions", tokenizer=tokenizer, tokenizer_backend="huggingface",
                num_concurrent=int(concurrent), max_length=2048,
            ),
            tasks=list(json.loads(tasks)), batch_size=int(batch), bootstrap_iters=0, log_samples=True,
            task_manager=TaskManager(include_path=folder, include_defaults=False),
        )
        return {
            name: {
                "acc": result["acc,none"], "acc_norm": result["acc_norm,none"], "items": len(results["samples"][name]),
                "loglikelihoods": [
                    [pair[0] for pair in sample["filtered_resps"]] for sample in results["samples"][name]
                ],
                "greedy": [[pair[1] for pair in sample["filtered_resps"]] for sample in results["samples"][name]],
            }
            for name, result in results["results"].items()
        }


if sys.argv[1] == "client":
    result, output = client(), sys.argv[3]
else:
    result, output = evaluate(*sys.argv[3:6], *sys.argv[7:]), sys.argv[6]
with open(output, "w") as file:
    json.dump(result, file)
