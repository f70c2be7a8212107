/** What `doctor` shows of GPUs: the cards, the package that reaches them, what a Vulkan program needs on Linux (a loader, drivers named in files), and the adapters that WebGPU shows. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { GPU_VARIABLE, INSTALL_DAWN } from '../../kernels/engines.ts';
import type { FoundAdapters, ListedGpu } from '../../kernels/engines.ts';
import { plainText } from '../dag/index.ts';
import type { DoctorItem, DoctorSection } from '../dag/index.ts';
import { surveyGpus } from './gpu-survey.ts';
import type { GpuSurvey } from './gpu-survey.ts';
import { driverFault } from './vulkan-driver.ts';

const LOADER = 'libvulkan.so.1';
/** As the loader reads them: either names files, in place of the folders. */
const DRIVER_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;

/** Where Linux lists what is on the PCI bus. */
const PCI_DEVICES = '/sys/bus/pci/devices';
const DISPLAY_CLASS = /^0x03/;
/** Makers of cards that compute; others only show a console. */
const MAKERS: { readonly [vendor: string]: string } = { '0x10de': 'NVIDIA', '0x1002': 'AMD', '0x8086': 'Intel' };

const SET_IT = 'set it to one of these names, or unset it';
const ALIKE = `formats are dealt out among them whatever their speed, so a sweep ends with the slowest: where one is much faster, ${GPU_VARIABLE} has a run use that one alone`;

type Environment = { readonly [name: string]: string | undefined };

/** `say`: what is waited for, where drivers take long. */
export async function gpuChecks(env: Environment = process.env, platform: string = process.platform, pciDevices: string = PCI_DEVICES, say?: (sentence: string) => void): Promise<DoctorSection> {
  const items: DoctorItem[] = platform === 'linux' ? [...cardItems(pciDevices), loaderCheck(env), ...driverChecks(env)] : [];
  const { adapters: found, shared, wrong, said } = await surveyGpus(say);
  const driversSay = said.length === 0 ? '' : `; the drivers say: ${plainText(said.join(' / '))}`;
  if (typeof found === 'string') {
    const asked: DoctorItem = wrong === 'variable' ? { name: GPU_VARIABLE, state: 'broken', what: found, hint: SET_IT }
      : wrong === 'driver' ? { name: 'driver', state: 'broken', what: found, hint: `nothing is computed on GPUs until it is mended, or VK_DRIVER_FILES names another${driversSay}` }
      : wrong === 'package' ? { name: 'package', state: 'broken', what: found, hint: `nothing is computed on GPUs until it can be used: remove its folder in node_modules, then ${INSTALL_DAWN} installs it again` }
      : { name: 'package', state: 'missing', what: found, hint: 'only computing on GPUs needs it' };
    return { section: 'GPUs', items: [asked, ...items] };
  }
  // WebGPU shows one of each kind, and those that a process can be bound to.
  const shown = new Map([...found.adapters, ...shared.cards].map((one) => [one.words, one]));
  const adapters: DoctorItem[] = [...shown.values()].map(({ words, fallback }) => ({
    name: 'adapter', state: 'ok', what: fallback ? `${words}: this computer's processor plays a GPU; for checks, not for speed` : words,
  }));
  if (adapters.length === 0) adapters.push({ name: 'adapter', state: 'missing', what: 'WebGPU finds none', hint: `computing there needs a GPU and its driver${driversSay}` });
  return { section: 'GPUs', items: [packageItem(found), ...items, ...adapters, ...found.listed.map(listedItem), ...sharedItems(shared)] };
}

/** Of a version that nobody has tried it is not known that it works. */
function packageItem({ name, untried }: FoundAdapters): DoctorItem {
  return { name: 'package', state: 'ok', what: name, ...(untried === undefined ? {} : { hint: `this version of bitwidth was tried with ${untried}, not with this; ${INSTALL_DAWN} installs that one` }) };
}

/** One that the driver shows, by the name that a process is bound to it with, where it can be. */
function listedItem({ name, distinct, within, integrated }: ListedGpu): DoctorItem {
  const called = integrated === true ? `${name}, a part of the processor` : name;
  const takes = `${GPU_VARIABLE}="${name}" has a process take`;
  return { name: 'listed', state: 'ok', what: within !== undefined ? `${called}; the name of ${within} has this one in it, and no process can be bound to this` : distinct ? `${called}; ${takes} this one` : `${called}; another is called so too: ${takes} one of them` };
}

/** What a run makes of them. */
function sharedItems({ cards, told }: GpuSurvey['shared']): DoctorItem[] {
  const names = cards.map(({ card }) => card);
  if (names.length === 0) return [];
  const what = names.length > 1 ? `a run computes on ${names.length} GPUs at once: ${names.join(', ')}` : `a run computes on one GPU, one task at a time: ${names[0]}`;
  return [what, ...told].map((text, i) => ({ name: 'shared out', state: 'ok', what: text, ...(i === 0 && names.length > 1 ? { hint: ALIKE } : {}) }));
}

/**
 * The cards on the bus, and what it means that there are several: WebGPU says no address of the adapter that it opens, and what CUDA programs are told
 * by a variable, Vulkan ignores.
 */
function cardItems(folder: string): DoctorItem[] {
  const cards = listed(folder).flatMap((address) => {
    const [kind, vendor, device] = ['class', 'vendor', 'device'].map((name) => firstLine(join(folder, address, name)));
    const maker = MAKERS[vendor ?? ''];
    return DISPLAY_CLASS.test(kind ?? '') && maker !== undefined ? [{ address, what: `${maker} ${vendor!.slice(2)}:${device?.slice(2) ?? '?'}` }] : [];
  });
  const items = cards.map(({ address, what }): DoctorItem => ({ name: 'card', state: 'ok', what: `${what} at ${address}` }));
  if (cards.length > 1) items.push({ name: 'cards', state: 'ok', what: `${cards.length}: WebGPU cannot tell cards of one name apart, so of those one task at a time takes one, whichever the driver gives; timings are taken one at a time` });
  return items;
}

function firstLine(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').split('\n')[0]!.trim();
  } catch {
    return undefined;
  }
}

function loaderCheck(env: Environment): DoctorItem {
  const folders = [...(env['LD_LIBRARY_PATH'] ?? '').split(':').filter(Boolean), ...systemFolders()];
  const at = folders.map((folder) => join(folder, LOADER)).find((path) => existsSync(path));
  if (at !== undefined) return { name: 'Vulkan loader', state: 'ok', what: at };
  return { name: 'Vulkan loader', state: 'missing', what: `there is no ${LOADER}`, hint: "Debian's package libvulkan1 brings it" };
}

/** Where libraries lie: /usr/lib/<processor>-linux-gnu on Debian, /usr/lib64 elsewhere. */
function systemFolders(): string[] {
  const usual = ['/usr/local/lib', '/usr/lib', '/usr/lib64', '/lib', '/lib64'];
  return [...usual, ...usual.slice(0, 2).flatMap((folder) => listed(folder).filter((name) => name.endsWith('-linux-gnu')).map((name) => join(folder, name)))];
}

function driverChecks(env: Environment): DoctorItem[] {
  const variable = DRIVER_VARIABLES.find((name) => env[name]);
  if (variable !== undefined) {
    return env[variable]!.split(':').filter(Boolean).flatMap((named) => filesIn(named) ?? [named]).map((path): DoctorItem => {
      const fault = existsSync(path) ? driverFault(path) : 'which is not there';
      return fault === undefined ? { name: 'Vulkan driver', state: 'ok', what: `${path}, which ${variable} names` }
        : { name: 'Vulkan driver', state: 'broken', what: `${variable} names ${path}, ${fault}`, hint: 'the loader looks for no other driver then' };
    });
  }
  const folders = ['/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/usr/share/vulkan/icd.d', join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local/share'), 'vulkan/icd.d')];
  const files = folders.flatMap((folder) => filesIn(folder) ?? []);
  if (files.length > 0) {
    return files.map((path) => {
      const fault = driverFault(path);
      return fault === undefined ? { name: 'Vulkan driver', state: 'ok', what: path } : { name: 'Vulkan driver', state: 'broken', what: `${path}, ${fault}`, hint: 'the loader passes over it: install the driver again, or remove the file' };
    });
  }
  return [{ name: 'Vulkan driver', state: 'missing', what: `no driver is named in ${folders.slice(0, 3).join(', ')}`, hint: "the GPU's driver brings such a file; VK_DRIVER_FILES names one elsewhere" }];
}

/** Files of drivers in a folder, by path; undefined where it is none. */
function filesIn(folder: string): string[] | undefined {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? listed(folder).filter((name) => name.endsWith('.json')).map((name) => join(folder, name)) : undefined;
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
