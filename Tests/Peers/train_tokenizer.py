"""Trains a byte-level BPE with the `tokenizers` library: train_tokenizer.py TEXT VOCAB_SIZE PATTERN OUTPUT SPECIAL…

PATTERN is a regular expression, or gpt2 for the pattern of ByteLevel.
"""
import sys

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

text, size, pattern, output, *special = sys.argv[1:]
tokenizer = Tokenizer(models.BPE())
byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern == "gpt2")
if pattern != "gpt2":
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    byte_level = pre_tokenizers.Sequence([split, byte_level])
tokenizer.pre_tokenizer = byte_level
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=int(size), special_tokens=special, show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
with open(text, encoding="utf-8", newline="") as file:
    tokenizer.train_from_iterator([file.read()], trainer)
tokenizer.save(output)
