/**
 * transformers with bitsandbytes, the stack of the source: a Python process that runs our script (transformers/program.py). Weights are quantized as
 * they are loaded, from the checkpoint in the compute type, which is fp32 unless the study says otherwise: only then is a format nothing but its format.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, StageFailure } from '../../dag/index.ts';
import type { Peer, PeerFormat, PeerIdentity, PeerSettings } from '../peers.ts';
import { startOverLines } from './over-lines.ts';
import { writeDecoded } from './transformers/decoded-model.ts';
import { INSTALL, installedPackages, interpreter, PACKAGES } from './transformers/python.ts';
import type { Absent } from './transformers/python.ts';

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

const SCRIPT = 'stages/quantization/peers/transformers/program.py';
const HINT = `npx bitwidth doctor tells more; ${INSTALL} makes its environment anew.`;
/** Of the environment what finds libraries and devices, and nothing else: no token, no settings of Python's or the hub's. */
const PASSED_ON = ['PATH', 'LD_LIBRARY_PATH', 'CUDA_VISIBLE_DEVICES', 'CUDA_HOME', 'CUDA_PATH', 'NVIDIA_VISIBLE_DEVICES', 'NVIDIA_DRIVER_CAPABILITIES'];

export const transformers: Peer = {
  name: 'transformers',
  title: 'transformers with bitsandbytes',
  formats: FORMATS,
  devices: ['cpu', 'cuda'],
  gpuDevices: ['cuda'],
  computeTypes: ['fp32', 'bf16', 'fp16'],
  files: ['safetensors', 'gguf'],
  programs: { program: SCRIPT },
  ownFormats: [],
  find,
  async start({ device, compute, files, threads, scratch, programs, limits, signal }) {
    const python = interpreter();
    if (typeof python !== 'string') throw absent(python);
    const found = await installedPackages(python);
    if ('missing' in found) throw absent(found as Absent);
    const script = join(scratch, 'program.py');
    writeFileSync(script, programs['program']!);
    // GGUF it would decode itself, and not as we do: the weights that the study computes with are what is compared.
    const path = files.kind === 'safetensors' ? files.path : writeDecoded(await files.checkpoint(), join(scratch, 'decoded'));
    const run = await startOverLines({
      name: 'transformers', command: python, arguments: ['-I', '-B', '-u', script, device, compute], folder: scratch, packages: PACKAGES, hint: HINT, environment: environment(scratch, threads),
    }, { path, threads }, limits, signal);
    // Its own word names the kernels that torch takes; the processor it does not know.
    return { ...run, identity: { ...run.identity, device: device === 'cpu' ? `${deviceWords(device)}; torch: ${run.identity.device.replace(/^cpu: /, '')}` : run.identity.device } };
  },
  async doctor() {
    const item = { name: 'transformers', hint: INSTALL };
    const found = await find({ device: 'cpu', compute: 'fp32' });
    if ('missing' in found) return { ...item, state: 'missing', what: found.missing, hint: found.hint };
    const { loaded } = await import('./transformers/check.ts');
    return loaded(transformers);
  },
  install: async (options) => (await import('./transformers/install.ts')).installTransformers(options),
};

/** Nothing is asked of any network, nothing is told to anybody, and nothing is kept in the user's folders. */
export function environment(scratch: string, threads: number): { readonly [name: string]: string } {
  return {
    ...Object.fromEntries(PASSED_ON.flatMap((name) => process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    HOME: scratch, TMPDIR: scratch, XDG_CACHE_HOME: scratch, HF_HOME: scratch, TZ: 'UTC', LC_ALL: 'C.UTF-8',
    HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', HF_HUB_DISABLE_TELEMETRY: '1', DISABLE_TELEMETRY: '1', DO_NOT_TRACK: '1',
    OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads), TOKENIZERS_PARALLELISM: 'false',
  };
}

async function find({ device, compute }: PeerSettings): Promise<PeerIdentity | Absent> {
  const python = interpreter();
  if (typeof python !== 'string') return python;
  const packages = await installedPackages(python);
  return 'missing' in packages ? packages as Absent : { packages, device: deviceWords(device), settings: { compute } };
}

function absent({ missing, hint }: Absent): StageFailure {
  return new StageFailure({ code: 'not-available', sentence: `the peer transformers cannot run: ${missing}`, hint });
}

/** Without loading torch. The instruction set is named because bitsandbytes computes otherwise with it: it rounds scales to bf16. */
function deviceWords(device: string): string {
  if (device === 'cpu') return `cpu: ${describeMachine().cpu}${/\bavx512_bf16\b/.test(textOr('/proc/cpuinfo')) ? ', avx512_bf16' : ''}`;
  const [gpu] = foldersOf('/proc/driver/nvidia/gpus').map((name) => /^Model:\s*(.+)$/m.exec(textOr(`/proc/driver/nvidia/gpus/${name}/information`))?.[1]);
  const driver = /Kernel Module\s+(?:for \w+\s+)?(\d[\d.]*)/.exec(textOr('/proc/driver/nvidia/version'))?.[1];
  return `cuda: ${gpu ?? 'a GPU that the system does not name'}${driver === undefined ? '' : `, driver ${driver}`}`;
}

function textOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function foldersOf(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}
