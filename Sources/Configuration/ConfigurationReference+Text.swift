extension ConfigurationReference {
  static let introduction = """
    # Configuration

    <!-- Generated from the code that reads the keys (Sources/Configuration/RunConfiguration*.swift). Do not edit:
         PHD_WRITE_DOCS=1 swift test -c release -Xswiftc -enable-testing --filter ShippedConfigurationTests -->

    A run is one JSON file: `phd-train CONFIG.json`. `--set KEY=VALUE` overrides one key by its dotted path, as often as
    needed: `--set training.steps=50`, `--set data.validation.books=books.h5`,
    `--set 'hidden_decoding={"pattern": "phd", "repeats": 3}'`. VALUE is JSON or a bare string. A section that the
    file omits is added. The value null removes a key, so that its default applies (`--set data.validation=null`).
    If the key itself accepts null, the key is set to null. A section can be omitted or null if all its keys have
    defaults. Paths are relative to the working directory.

    An unknown key is an error that names the nearest known one. So is a key twice in one object, a value of the wrong type
    or outside its range, and a key that the chosen pattern or schedule does not use. The exit status is then 64. `phd-train
    CONFIG.json --dry-run` prints the configuration with all defaults filled in. The run's folder stores it as `config.json`.

    With `"$schema": "schema.json"` at the top, editors complete and check keys as you type, using
    [`configs/schema.json`](../configs/schema.json). A run ignores this key.

    A key marked 🔒 cannot change on a resume: another value is an error that names both values. The other keys may
    change, and the run prints the changes. The training corpora are compared by content, weights and
    number; their paths may change. `training.steps` may be raised to extend a finished run. The learning rate then
    follows the schedule for the new number of steps, and a warning gives the rate before and after. With `wsd`, a run
    that has finished its decay jumps back to the full rate; resume with `--resume FILE` from the checkpoint saved
    before the decay instead. `checkpoint.keep` does not count that checkpoint.

    ## Top level

    """

  static let closing = """

    ## Choices
    - The defaults are OLMo 2's settings if its paper has them (θ, ε, σ, β, weight decay, clipping, z-loss, cosine decay to
      10 %), and otherwise those of a small run. None depends on `training.steps`, so raising it changes nothing else.
    - `schedule.warmup_steps` at or above `training.steps` is a warning, not an error: a short test of a long run's file
      (`--set training.steps=50`) ends within the warm-up.
    - `schedule.kind` `wsd` requires `warmup_steps` + `decay_steps` ≤ `training.steps`. Otherwise warm-up and decay would
      overlap.
    - Sizes have upper bounds, given above. Their products are also bounded, so that no count overflows: 2^42 parameters,
      2^31 − 1 rows (`micro_batch_size` × `sequence_length` × `repeats`), 2^62 operations per step.

    ## The files in `configs/`
    `phd-cswa.json`, `vanilla.json`, `phd.json`, `swa.json` and `naive.json` differ only in the pattern: a byte-level model
    of 1.7 million parameters (4 layers, d 192, f 512, 6 query and 2 kv heads), 160 steps of 16 sequences of 256 bytes, on
    up to 8 ranks. Such a run takes one or two minutes on two cores, and its loss falls visibly.

    `paper-*.json` are the runs in the tables of the paper (arXiv 2504.14992): W = 16, C = 32, 300 and 500 billion tokens,
    and the sizes given there. The paper does not give the following choices. The tokenizer is OLMo 2's, with `vocab_size`
    100278. The embedding is tied, because only then do the sizes give 550 million and 1.2 billion parameters (550.6 million
    and 1.18 billion; untied 704.6 million and 1.38 billion). Sequences have 2048 tokens. A step has 1024 sequences, 2.1
    million tokens, which makes 143052 and 238419 steps. The learning rate is 4e-4 with a warm-up of 2000 steps. For a
    smaller machine, lower `global_batch_size` and raise `steps` by the same factor.

    """
}
