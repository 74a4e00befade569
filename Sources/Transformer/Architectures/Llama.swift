extension Architecture {
  /// Llama (arXiv 2302.13971): norms before attention and FFN.
  public static let llama = Architecture(
    "llama", normPlacement: .beforeSublayer, queryKeyNorm: .none,
    blockTensors: [
      BlockTensor("input_layernorm", .attentionNorm), BlockTensor("self_attn.q_proj", .query),
      BlockTensor("self_attn.k_proj", .key), BlockTensor("self_attn.v_proj", .value),
      BlockTensor("self_attn.o_proj", .attentionOutput), BlockTensor("post_attention_layernorm", .feedForwardNorm),
      BlockTensor("mlp.gate_proj", .gate), BlockTensor("mlp.up_proj", .up), BlockTensor("mlp.down_proj", .down),
    ],
    pretrained: PretrainedClass(
      name: "LlamaForCausalLM", defaultRMSNormEpsilon: 1e-6, biasFlags: ["attention_bias", "mlp_bias"]),
    summary: "norms before attention and FFN.")
}
