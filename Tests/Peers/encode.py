"""Encodes texts with the `tokenizers` library: encode.py TOKENIZER TEXTS IDS.

TEXTS is a JSON list of strings, or any other file, which is one text. IDS gets a line for each text: the ids separated
by spaces, a tab, and the decoded text as JSON.
"""
import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
if sys.argv[2].endswith(".json"):
    with open(sys.argv[2], encoding="utf-8") as file:
        texts = json.load(file)
else:
    with open(sys.argv[2], encoding="utf-8", newline="") as file:
        texts = [file.read()]
with open(sys.argv[3], "w", encoding="utf-8") as file:
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        file.write(" ".join(map(str, ids)) + "\t" + json.dumps(tokenizer.decode(ids)) + "\n")
