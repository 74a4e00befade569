"""Parallel hidden decoding (PHD-Transformer, arXiv 2504.14992) on OLMo 2 and Llama blocks, for `transformers`.

The model processes each token as K copies at the same position. The first copy, the original, is computed as in a plain
transformer, and its keys and values form a plain KV cache. The last copy predicts. The pattern
(`hidden_decoding.pattern` in config.json) determines which keys the hidden copies 2..K see:

  phd    the originals, and the earlier hidden copies of their own token
  swa    also the hidden copies of the last `window` positions
  cswa   as swa, but only within their own chunk of `chunk` positions
  naive  every copy, including the first, sees everything before it

The tensors have the names of Olmo2ForCausalLM and LlamaForCausalLM: hidden copies add no parameters.
"""

import torch
from torch import nn
from torch.nn import functional
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.cache_utils import DynamicCache, DynamicLayer
from transformers.modeling_outputs import CausalLMOutputWithPast


class PHDConfig(PretrainedConfig):
    model_type = "phd_transformer"
    keys_to_ignore_at_inference = ["past_key_values"]

    def __init__(
        self,
        base_model_type="olmo2",
        hidden_decoding=None,
        vocab_size=50304,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=None,
        hidden_act="silu",
        max_position_embeddings=2048,
        initializer_range=0.02,
        rms_norm_eps=1e-6,
        rope_theta=500000.0,
        tie_word_embeddings=False,
        use_cache=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        **kwargs,
    ):
        self.base_model_type = base_model_type
        self.hidden_decoding = hidden_decoding or {"pattern": "phd", "repeats": 2}
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads or num_attention_heads
        self.hidden_act = hidden_act
        self.max_position_embeddings = max_position_embeddings
        self.initializer_range = initializer_range
        self.rms_norm_eps = rms_norm_eps
        self.rope_theta = rope_theta
        self.use_cache = use_cache
        self.tie_word_embeddings = tie_word_embeddings
        self.bos_token_id = bos_token_id
        self.eos_token_id = eos_token_id
        self.pad_token_id = pad_token_id
        super().__init__(**kwargs)


class Pattern:
    """Which keys a query sees. Copies are numbered from 1."""

    def __init__(self, settings):
        self.kind = settings["pattern"]
        self.repeats = settings["repeats"]
        self.window = settings.get("window") or 1
        self.chunk = settings.get("chunk")
        if self.kind not in ("vanilla", "phd", "swa", "cswa", "naive"):
            raise ValueError(f"hidden_decoding.pattern is {self.kind!r}")

    @property
    def kept(self):
        """The number of positions whose hidden copies a later position may see; None for all."""
        if self.kind == "naive":
            return None
        return min(self.window, self.chunk or self.window) - 1

    def visible(self, query, copy, key, key_copy):
        """Whether queries see keys; positions and copies are tensors that broadcast against each other."""
        earlier, own = key < query, (key == query) & (key_copy <= copy)
        if self.kind == "naive":
            return earlier | own
        near = earlier & (query - key < self.window)
        if self.chunk:
            near = near & (query // self.chunk == key // self.chunk)
        originals = (key_copy == 1) & (key <= query)
        return originals | ((key_copy > 1) & (copy > 1) & (own | near))


class HiddenLayer(DynamicLayer):
    """Keys and values of hidden copies, [B, g, positions · (K − 1), e], of the positions that later ones may see."""

    is_croppable = False

    def __init__(self, per_position, kept):
        super().__init__()
        self.rows = None if kept is None else kept * per_position

    def update(self, keys, values, *args, **kwargs):
        keys, values = super().update(keys, values)
        if self.rows is not None:
            self.keys = self.keys[:, :, self.keys.shape[2] - min(self.rows, self.keys.shape[2]):]
            self.values = self.values[:, :, self.values.shape[2] - min(self.rows, self.values.shape[2]):]
        return keys, values


class PHDCache(DynamicCache):
    """The plain transformer's cache layers, followed by each layer's cache of hidden copies."""

    def __init__(self, config, pattern):
        super().__init__()
        count = config.num_hidden_layers
        self.hidden_layers = count
        self.layers = [DynamicLayer() for _ in range(count)]
        self.layers += [HiddenLayer(pattern.repeats - 1, pattern.kept) for _ in range(count)]


class RMSNorm(nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x):
        scale = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (self.weight * (x.float() * scale)).to(x.dtype)


def rotated(x, cos, sin):
    """x [B, K, T, heads, e], cos and sin [B, 1, T, 1, e]."""
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
    return x * cos + turned * sin


class Attention(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        size = config.hidden_size
        self.index = index
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads
        self.head_dim = size // self.heads
        self.q_proj = nn.Linear(size, size, bias=False)
        self.k_proj = nn.Linear(size, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(size, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(size, size, bias=False)
        self.has_norms = config.base_model_type == "olmo2"
        if self.has_norms:
            self.q_norm = RMSNorm(size, config.rms_norm_eps)
            self.k_norm = RMSNorm(self.kv_heads * self.head_dim, config.rms_norm_eps)

    def forward(self, x, queried, rotary, mask, cache):
        """x [B, K, T, d]; only the last `queried` copies are queries."""
        batch, copies, length, _ = x.shape
        query = self.q_proj(x[:, copies - queried:])
        key, value = self.k_proj(x), self.v_proj(x)
        if self.has_norms:
            query, key = self.q_norm(query), self.k_norm(key)
        query = rotated(query.view(batch, queried, length, self.heads, self.head_dim), *rotary)
        key = rotated(key.view(batch, copies, length, self.kv_heads, self.head_dim), *rotary)
        value = value.view(batch, copies, length, self.kv_heads, self.head_dim)
        query = query.permute(0, 3, 1, 2, 4).reshape(batch, self.heads, queried * length, self.head_dim)
        keys, values = self.seen(key, value, cache)
        groups = self.heads // self.kv_heads
        attended = functional.scaled_dot_product_attention(
            query, keys.repeat_interleave(groups, 1), values.repeat_interleave(groups, 1), attn_mask=mask
        )
        attended = attended.view(batch, self.heads, queried, length, self.head_dim).permute(0, 2, 3, 1, 4)
        return self.o_proj(attended.reshape(batch, queried, length, -1))

    def seen(self, key, value, cache):
        """All keys and values, [B, g, rows, e]: those of the originals by position, then those of the hidden copies by
        position and copy."""

        def rows(x):  # [B, copies, T, g, e] -> [B, g, T · copies, e]
            return x.permute(0, 3, 2, 1, 4).flatten(2, 3)

        originals = rows(key[:, :1]), rows(value[:, :1])
        hidden = rows(key[:, 1:]), rows(value[:, 1:])
        if cache is not None:
            originals = cache.layers[self.index].update(*originals)
            if key.shape[1] > 1:
                hidden = cache.layers[cache.hidden_layers + self.index].update(*hidden)
        return tuple(torch.cat(pair, dim=2) for pair in zip(originals, hidden))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.self_attn = Attention(config, index)
        self.mlp = MLP(config)
        self.is_olmo2 = config.base_model_type == "olmo2"
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        if self.is_olmo2:
            self.post_feedforward_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        else:
            self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, queried, rotary, mask, cache):
        stream = x[:, x.shape[1] - queried:]
        if self.is_olmo2:
            stream = stream + self.post_attention_layernorm(self.self_attn(x, queried, rotary, mask, cache))
            return stream + self.post_feedforward_layernorm(self.mlp(stream))
        stream = stream + self.self_attn(self.input_layernorm(x), queried, rotary, mask, cache)
        return stream + self.mlp(self.post_attention_layernorm(stream))


class PHDModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.pattern = Pattern(config.hidden_decoding)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.layers = nn.ModuleList(Block(config, index) for index in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, embedded, attention_mask, cache):
        """embedded [B, T, d] -> the last copy [B, T, d]; attention_mask [B, cached + T], 0 for padding."""
        copies = self.pattern.repeats
        length = embedded.shape[1]
        positions = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
        rotary = self.rotary(positions[:, -length:], embedded.dtype)
        masks = {
            queried: self.mask(positions, attention_mask.bool(), length, queried) for queried in {1, copies}
        }
        x = embedded[:, None].expand(-1, copies, -1, -1)
        for index, layer in enumerate(self.layers):
            # The last layer computes the last copy only.
            queried = 1 if index == len(self.layers) - 1 else copies
            x = layer(x, queried, rotary, masks[queried], cache)
        return self.norm(x[:, 0])

    def rotary(self, positions, dtype):
        size = self.config.hidden_size // self.config.num_attention_heads
        exponents = torch.arange(0, size, 2, device=positions.device, dtype=torch.float64) / size
        angles = positions[..., None].double() / self.config.rope_theta**exponents
        angles = torch.cat((angles, angles), dim=-1)[:, None, :, None]
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def mask(self, positions, valid, length, queried):
        """[B, 1, queried · T, rows of keys], with the keys in the order of Attention.seen."""
        copies, total = self.pattern.repeats, positions.shape[1]
        device = positions.device
        kept = self.pattern.kept
        first = 0 if kept is None else max(0, total - length - kept)
        if copies == 1:
            first = total
        slot = torch.arange(total, device=device)
        key_slot = torch.cat((slot, slot[first:].repeat_interleave(copies - 1)))
        hidden = torch.arange(2, copies + 1, device=device).repeat(total - first)
        key_copy = torch.cat((torch.ones_like(slot), hidden))
        query_slot = slot[total - length:].repeat(queried)
        copy = torch.arange(copies - queried + 1, copies + 1, device=device).repeat_interleave(length)
        seen = self.pattern.visible(
            positions[:, query_slot, None], copy[None, :, None], positions[:, None, key_slot], key_copy[None, None]
        )
        # Padding only sees itself: a softmax over no keys would be NaN.
        own = (query_slot[:, None] == key_slot) & (copy[:, None] == key_copy)
        return ((seen & valid[:, None, key_slot]) | own)[:, None]


class PHDForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = PHDConfig
    base_model_prefix = "model"
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}
    _no_split_modules = ["Block"]
    _supports_sdpa = True

    def __init__(self, config):
        super().__init__(config)
        self.model = PHDModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        elif isinstance(module, RMSNorm):
            nn.init.ones_(module.weight)

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def set_input_embeddings(self, value):
        self.model.embed_tokens = value

    def get_output_embeddings(self):
        return self.lm_head

    def set_output_embeddings(self, value):
        self.lm_head = value

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        past_key_values=None,
        inputs_embeds=None,
        labels=None,
        use_cache=None,
        logits_to_keep=0,
        return_dict=None,
        **kwargs,
    ):
        """Positions are computed from the attention mask: tokens other than padding count from 0."""
        embedded = self.model.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        use_cache = self.config.use_cache if use_cache is None else use_cache
        cache = past_key_values
        if cache is not None and not isinstance(cache, PHDCache):
            if cache.get_seq_length() > 0:
                raise ValueError("past_key_values must be what this model returned: it holds hidden copies' keys too")
            cache = None
        if use_cache and cache is None:
            cache = PHDCache(self.config, self.model.pattern)
        total = embedded.shape[1] + (cache.get_seq_length() if cache is not None else 0)
        if attention_mask is None:
            attention_mask = torch.ones(embedded.shape[0], total, dtype=torch.long, device=embedded.device)
        if attention_mask.dim() != 2 or attention_mask.shape[1] != total:
            raise ValueError(
                f"attention_mask has the shape {tuple(attention_mask.shape)}; expected a row for each text and a column "
                f"for each of its {total} tokens, cached ones included"
            )
        hidden = self.model(embedded, attention_mask, cache)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(hidden[:, kept])
        loss = None
        if labels is not None:
            loss = functional.cross_entropy(
                logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten().to(logits.device), ignore_index=-100
            )
        if return_dict is False:
            return tuple(value for value in (loss, logits, cache) if value is not None)
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=cache)
