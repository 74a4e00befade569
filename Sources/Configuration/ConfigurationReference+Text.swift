extension ConfigurationReference {
  static let introduction = """
    # Configuration

    <!-- Generated from the code that reads the keys (Sources/Configuration/RunConfiguration*.swift). Do not edit:
         PHD_WRITE_DOCS=1 swift test -c release -Xswiftc -enable-testing --filter configurationReference -->

    A run is one JSON file: `phd-train CONFIG.json`. `--set KEY=VALUE` overrides one key by its dotted path, as often as
    needed: `--set training.steps=50`, `--set data.validation.books=books.h5`,
    `--set 'hidden_decoding={"pattern": "phd", "repeats": 3}'`. VALUE is JSON, or else a bare string; a section that the
    file leaves out is made. The value null removes a key, so that its default applies (`--set data.validation=null`).
    If the key itself accepts null, the key is set to null. A section can be omitted or null if all its keys have
    defaults. Paths are relative to the working directory.

    An unknown key is an error that names the nearest known one; so is a key twice in one object, a value of another type
    or outside its range, and a key that the chosen pattern or schedule does not use. The exit status is then 64. `phd-train
    CONFIG.json --dry-run` prints the configuration with all defaults filled in; the run's folder keeps it as `config.json`.

    `"$schema": "schema.json"` at the top is for editors, which then complete and check keys as you type, by
    [`configs/schema.json`](../configs/schema.json); a run does not look at it.

    A key marked 🔒 stays as it is for a run's life: resuming with another value is an error that names both. The others
    may change on a resume, and what changed is printed. The training corpora are compared by content, weights and
    number; their paths may change. `training.steps` may be raised to extend a finished run. The learning rate then
    follows the schedule for the new number of steps, and a warning gives the rate before and after. With `wsd`, a run
    that has finished its decay jumps back to the full rate; resume with `--resume FILE` from the checkpoint saved
    before the decay instead. `checkpoint.keep` does not count that checkpoint.

    ## Top level

    """

  static let closing = """

    ## Choices
    - The defaults are OLMo 2's settings where the paper has them (θ, eps, σ, β, weight decay, clip, z-loss, the cosine to
      10 %), and otherwise those of a small run. None depends on `training.steps`, so that raising it changes nothing else.
    - `schedule.warmup_steps` at or above `training.steps` is a warning, not an error: the run ends within the warm-up, as
      a short trial of a long run's file does (`--set training.steps=50`).
    - `schedule.kind` `wsd` needs `warmup_steps` + `decay_steps` ≤ `training.steps`: there would be two rates for a step.
    - Sizes have upper bounds, given above, and so have their products, so that no count overflows: 2^42 parameters,
      2^31 − 1 rows (`micro_batch_size` × `sequence_length` × `repeats`), 2^62 operations a step.

    ## The files in `configs/`
    `phd-cswa.json` and its twins `vanilla.json`, `phd.json`, `swa.json` and `naive.json` differ in the pattern alone: a
    byte-level model of 1.7 million parameters (4 layers, d 192, f 512, 6 query and 2 kv heads), 160 steps of 16 sequences
    of 256 bytes, on up to 8 ranks. They are made to learn something visible in a minute or two on two cores.

    `paper-*.json` are the runs of the paper's tables (arXiv 2504.14992): W = 16, C = 32, 300 and 500 billion tokens, and
    sizes as given there. Chosen, where the paper is silent or a number was needed: the tokenizer is OLMo 2's, `vocab_size`
    100278; the embedding is tied, since the sizes come to 550 million and 1.2 billion parameters only so (550.6 million and
    1.18 billion; untied 704.6 million and 1.38 billion); sequences of 2048; steps of 1024 sequences, 2.1 million tokens,
    hence 143052 and 238419 steps; the learning rate 4e-4 with a warm-up of 2000 steps. A smaller machine
    lowers `global_batch_size` and raises `steps` by the same factor.

    """
}
