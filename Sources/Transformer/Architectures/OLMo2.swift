extension Architecture {
  /// OLMo 2 (arXiv 2501.00656): norms after attention and FFN, and a norm of queries and keys before the
  /// rotary embedding.
  public static let olmo2 = Architecture(
    "olmo2", normPlacement: .afterSublayer, queryKeyNorm: .acrossHeads,
    blockTensors: [
      BlockTensor("self_attn.q_proj", .query), BlockTensor("self_attn.k_proj", .key),
      BlockTensor("self_attn.v_proj", .value), BlockTensor("self_attn.q_norm", .queryNorm),
      BlockTensor("self_attn.k_norm", .keyNorm), BlockTensor("self_attn.o_proj", .attentionOutput),
      BlockTensor("post_attention_layernorm", .attentionNorm), BlockTensor("mlp.gate_proj", .gate),
      BlockTensor("mlp.up_proj", .up), BlockTensor("mlp.down_proj", .down),
      BlockTensor("post_feedforward_layernorm", .feedForwardNorm),
    ],
    pretrained: PretrainedClass(
      name: "Olmo2ForCausalLM", defaultRMSNormEpsilon: 1e-5, biasFlags: ["attention_bias"]),
    summary: "norms after attention and FFN, and of queries and keys.")
}
