/** `hf:<org>/<name>[@<revision>][/<file>.gguf]`: a repository of the Hugging Face hub, or a GGUF file of it, at the commit that data/models.lock.yaml pins. */
import type { ModelConfig } from '../../../kernels/index.ts';
import { headerFacts } from '../config-gguf.ts';
import { factsOf } from '../config-model.ts';
import type { SourceFile } from '../config-sources.ts';
import { roleOf } from '../hub/files.ts';
import type { GgufPin } from '../hub/pin.ts';
import { HUB_FORM, hubSourceText, readHubSource } from '../hub/source.ts';
import type { SourceKind } from '../model-sources.ts';

export const hub: SourceKind = {
  prefix: 'hf:',
  form: HUB_FORM,
  nameOf(rest) {
    const source = readHubSource(rest);
    return typeof source === 'string' ? '' : (source.file ?? source.repository).replace(/^.*\//, '').replace(/\.gguf$/i, '');
  },
  read(rest, name, { pins }) {
    const source = readHubSource(rest);
    if (typeof source === 'string') return `hf:${rest.slice(0, 120)} ${source}`;
    const text = hubSourceText(source);
    if (pins.failed.has(text)) return undefined;
    const pin = pins.known.get(text);
    if (pin === undefined) return `${text} was not looked up yet; "npx bitwidth fetch" does that and downloads it ("run" does both by itself), and keeps in data/models.lock.yaml what it found`;
    const { repository, revision, commit, licence = 'not stated', gated } = pin;
    const fixed = `hf:${repository}@${commit}`;
    const facts = pin.config === undefined ? `${text} says nothing of the network in data/models.lock.yaml` : pin.gguf === undefined ? factsOf(pin.config, 'its config.json') : ggufFactsOf(pin.config, pin.gguf);
    if (typeof facts === 'string') return `the model ${name} cannot be used: ${facts}`;
    const described = {
      source: source.file === undefined ? fixed : `${fixed}/${source.file}`, title: name, licence, hub: { repository, commit }, ...facts,
      origin: `Hugging Face hub, ${repository}${revision === commit ? '' : ` (${revision})`}, commit ${commit}${gated ? '; given to those who accept its conditions' : ''}`,
    };
    const [only] = pin.files;
    if (pin.gguf !== undefined && only !== undefined) return { ...described, files: { weights: [{ path: `${fixed}/${only.name}`, bytes: only.bytes, sha256: only.sha256, tokenizerSha256: pin.gguf.tokenizer }] } };
    const files = pin.files.map(({ name: file, bytes, sha256 }) => ({ role: roleOf(file), file: { path: `${fixed}/${file}`, bytes, sha256 } }));
    const of = (role: string): SourceFile[] => files.filter((one) => one.role === role).map((one) => one.file);
    const [config, tokenizer, tokenizerConfig] = [of('config')[0], of('tokenizer')[0], of('tokenizerConfig')[0]];
    if (config === undefined || tokenizer === undefined || of('weights').length === 0) return `${text} lacks files in data/models.lock.yaml; take its entry out there, and run "npx bitwidth fetch"`;
    return { ...described, files: { config, weights: of('weights'), tokenizer, ...(tokenizerConfig === undefined ? {} : { tokenizerConfig }) } };
  },
};

function ggufFactsOf(text: string, { architecture }: GgufPin): ReturnType<typeof factsOf> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return 'what data/models.lock.yaml says of its header is no JSON object; take its entry out there, and run "npx bitwidth fetch"';
  return headerFacts(config as ModelConfig, architecture, 'its header');
}
