/** transformers with bitsandbytes, the stack of the source: a Python process that our script drives (transformers/program.py). */
import { StageFailure } from '../../dag/index.ts';
import type { Peer, PeerFormat } from '../peers.ts';

/** As BitsAndBytesConfig and dtype spell them. */
const FORMATS: readonly PeerFormat[] = [
  { name: 'fp32', title: 'dtype=torch.float32', sameCodes: false },
  { name: 'fp16', title: 'dtype=torch.float16', sameCodes: false },
  { name: 'bf16', title: 'dtype=torch.bfloat16', sameCodes: false },
  { name: 'int8', title: 'load_in_8bit=True', sameCodes: true },
  { name: 'nf4', title: 'load_in_4bit=True, bnb_4bit_quant_type="nf4"', sameCodes: true },
  { name: 'nf4-dq', title: 'load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True', sameCodes: true },
  { name: 'fp4', title: 'load_in_4bit=True, bnb_4bit_quant_type="fp4"', sameCodes: true },
  { name: 'fp4-dq', title: 'load_in_4bit=True, bnb_4bit_quant_type="fp4", bnb_4bit_use_double_quant=True', sameCodes: true },
];

const MISSING = { missing: 'transformers with bitsandbytes is not installed', hint: 'npx bitwidth peers install transformers' } as const;

export const transformers: Peer = {
  name: 'transformers',
  title: 'transformers with bitsandbytes',
  formats: FORMATS,
  devices: ['cpu', 'cuda'],
  computeTypes: ['fp32', 'bf16', 'fp16'],
  files: ['safetensors'],
  programs: {},
  ownFormats: [],
  find: async () => MISSING,
  start: async () => { throw new StageFailure({ code: 'not-available', sentence: MISSING.missing, hint: MISSING.hint }); },
  doctor: async () => ({ name: 'transformers', state: 'missing', what: MISSING.missing, hint: MISSING.hint }),
};
