/** Names of tensors: GGUF's 'blk.3.attn_q.weight' is Hugging Face's 'model.layers.3.self_attn.q_proj.weight'. */

const WHOLE: ReadonlyMap<string, string> = new Map([['token_embd', 'model.embed_tokens'], ['output_norm', 'model.norm'], ['output', 'lm_head']]);

/** Parts of a layer as most decoders name them. */
export const DECODER_PARTS: ReadonlyMap<string, string> = new Map([
  ['attn_norm', 'input_layernorm'], ['attn_q', 'self_attn.q_proj'], ['attn_k', 'self_attn.k_proj'], ['attn_v', 'self_attn.v_proj'], ['attn_output', 'self_attn.o_proj'],
  ['attn_q_norm', 'self_attn.q_norm'], ['attn_k_norm', 'self_attn.k_norm'],
  ['ffn_norm', 'post_attention_layernorm'], ['ffn_gate', 'mlp.gate_proj'], ['ffn_up', 'mlp.up_proj'], ['ffn_down', 'mlp.down_proj'],
]);

/** The name in Hugging Face's layout, given the parts of a layer, and the part; undefined for a tensor of no decoder. */
export function decoderName(name: string, parts: ReadonlyMap<string, string> = DECODER_PARTS): { readonly name: string; readonly part: string } | undefined {
  const [, layer, part, kind] = /^(?:blk\.(0|[1-9][0-9]{0,3})\.)?([a-z_]+)\.(weight|bias)$/.exec(name) ?? [];
  if (part === undefined) return undefined;
  const found = layer === undefined ? WHOLE.get(part) : parts.get(part);
  return found === undefined ? undefined : { part, name: `${layer === undefined ? '' : `model.layers.${layer}.`}${found}.${kind}` };
}
