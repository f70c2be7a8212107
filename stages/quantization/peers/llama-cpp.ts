/**
 * llama.cpp, through node-llama-cpp: a process of its own that drives the package's addon (llama-cpp/program.mjs). GGUF files as they were published, and
 * those that we write of a model (llama-cpp/model-file.ts). Linear layers are in the format asked for; embeddings and head keep the checkpoint's type, as in
 * the study, where files that llama-quantize makes have them in Q6_K or Q8_0.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine, StageFailure } from '../../dag/index.ts';
import type { Peer, PeerRequest, PeerRun } from '../peers.ts';
import { INSTALL, installedPackage, PACKAGE, packageFolder } from './llama-cpp/installed.ts';
import { AS_PUBLISHED, FORMATS, prepareFormat } from './llama-cpp/model-file.ts';
import { startOverLines } from './over-lines.ts';
import { PeerProcess } from './process.ts';
import type { PeerProgram } from './process.ts';

const PROGRAM = 'stages/quantization/peers/llama-cpp/program.mjs';
/** From here. Not where it is read: what is named there counts into the identity of this code, and the program is an input of its cells. */
const OWN_PROGRAM = 'llama-cpp/program.mjs';
/**
 * Of the processors that a task may use, so many are left to the rest of the machine: llama.cpp's threads wait for each other by spinning, and where one of them has to
 * give way for a moment all stand still. With two threads on two otherwise idle processors a 10 M model decodes at 60 to 90 tokens a second, with one at thousands.
 */
const SPARED = 1;
const DEVICES = ['cpu', 'cuda', 'vulkan', 'metal'] as const;

/** Of the environment the program gets what finds libraries, drivers and cards, and nothing else. */
const PASSED = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot', 'TEMP', 'TMPDIR', 'CUDA_VISIBLE_DEVICES', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'GGML_VK_VISIBLE_DEVICES'];
/** What the package may not do: fetch, or build. */
const FORBIDDEN = { NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true', HF_HUB_OFFLINE: '1' };

/** For `doctor`: a program that only says what it is. */
const DOCTOR_LIMITS = { memoryBytes: 2_000_000_000, loadMs: 60_000, answerMs: 60_000 };

/** `folder`: where the package is; undefined: nowhere. */
export function llamaCppIn(folder: () => string | undefined): Peer {
  const programOf = (own: string, device: string, threads: number, scratch: string, program: Uint8Array): PeerProgram => {
    const path = join(scratch, 'program.mjs');
    writeFileSync(path, program);
    return {
      name: 'llama-cpp', command: process.execPath, arguments: [path, own, device, String(threads)], folder: scratch, hint: `npx bitwidth doctor shows whether it opens; ${INSTALL} installs it anew`,
      environment: { ...Object.fromEntries(PASSED.flatMap((name) => process.env[name] === undefined ? [] : [[name, process.env[name]!]])), ...FORBIDDEN },
      packages: new Set([PACKAGE, 'llama.cpp']),
    };
  };
  return {
    name: 'llama-cpp',
    title: 'llama.cpp',
    formats: FORMATS.map(({ name, title, sameCodes, beside }) => ({ name, title, sameCodes, ...(beside === undefined ? {} : { beside }) })),
    devices: DEVICES,
    gpuDevices: DEVICES.filter((device) => device !== 'cpu'),
    computeTypes: ['default'],
    files: ['safetensors', 'gguf'],
    programs: { program: PROGRAM },
    ownFormats: ['Q8_0', 'Q4_0', 'Q4_1'],
    publishedFormat: AS_PUBLISHED,

    async find({ device }) {
      const found = installedPackage(folder());
      if (typeof found === 'string') return { missing: found, hint: `${INSTALL} installs it` };
      return {
        packages: { [PACKAGE]: found.version, ...(found.release === undefined ? {} : { 'llama.cpp': found.release }) },
        device: device === 'cpu' ? `cpu: ${describeMachine().cpu}` : device, settings: {},
      };
    },

    async start({ files, device, threads, scratch, programs, limits, signal }: PeerRequest): Promise<PeerRun> {
      const found = installedPackage(folder());
      if (typeof found === 'string') throw new StageFailure({ code: 'not-available', sentence: found, hint: `${INSTALL} installs it` });
      const run = await startOverLines(programOf(found.folder, device, Math.max(1, threads - SPARED), scratch, programs['program']!), { files: scratch }, limits, signal);
      return {
        ...run,
        async load(format) {
          try {
            await prepareFormat(scratch, format, files, device, signal);
          } catch (error) {
            if (signal.aborted) throw new StageFailure({ code: 'interrupted', sentence: 'the run was interrupted' });
            throw new StageFailure({ code: 'bad-input', sentence: `the peer llama-cpp cannot compute ${format}: ${(error as Error).message}` });
          }
          const model = await run.load(format);
          return {
            ...model,
            async close() {
              await model.close();
              rmSync(join(scratch, `${format}.gguf`), { force: true });
            },
          };
        },
      };
    },

    async doctor() {
      const found = installedPackage(folder());
      if (typeof found === 'string') return { name: 'llama-cpp', state: 'missing', what: found, hint: `only the peer llama-cpp needs it; ${INSTALL} installs it` };
      const scratch = await mkdtemp(join(tmpdir(), 'bitwidth-doctor-'));
      try {
        const program = programOf(found.folder, 'cpu', 1, scratch, readFileSync(join(dirname(fileURLToPath(import.meta.url)), OWN_PROGRAM)));
        const { process: own, identity } = await PeerProcess.start(program, DOCTOR_LIMITS, new AbortController().signal);
        try {
          await own.answer('open', { files: scratch });
        } finally {
          await own.close();
        }
        return { name: 'llama-cpp', state: 'ok', what: `${Object.entries(identity.packages).map(([name, version]) => `${name} ${version}`).join(', ')} on ${identity.device} (${identity.settings['features'] ?? ''})` };
      } catch (error) {
        if (!(error instanceof StageFailure)) throw error;
        return { name: 'llama-cpp', state: 'broken', what: error.message, hint: `${INSTALL} installs it anew` };
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    },
  };
}

export const llamaCpp = llamaCppIn(packageFolder);
