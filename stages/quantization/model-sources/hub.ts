/** `hf:<org>/<name>[@<revision>]`: a repository of the Hugging Face hub at the commit that data/models.lock.yaml pins. */
import { factsOf } from '../config-model.ts';
import type { SourceFile } from '../config-sources.ts';
import { roleOf } from '../hub/files.ts';
import { HUB_FORM, hubSourceText, readHubSource } from '../hub/source.ts';
import type { SourceKind } from '../model-sources.ts';

export const hub: SourceKind = {
  prefix: 'hf:',
  form: HUB_FORM,
  nameOf: (rest) => rest.replace(/@.*$/, '').split('/')[1] ?? '',
  read(rest, name, { pins }) {
    const source = readHubSource(rest);
    if (typeof source === 'string') return `hf:${rest.slice(0, 120)} ${source}`;
    const text = hubSourceText(source);
    if (pins.failed.has(text)) return undefined;
    const pin = pins.known.get(text);
    if (pin === undefined) return `${text} was not looked up yet; "npx bitwidth fetch" does that and downloads it ("run" does both by itself), and keeps in data/models.lock.yaml what it found`;
    if (source.file !== undefined || pin.config === undefined) return `${text} is a single file, which cannot be read yet; name a repository with config.json and safetensors`;
    const { repository, revision, commit, licence = 'not stated', gated } = pin;
    const fixed = `hf:${repository}@${commit}`;
    const facts = factsOf(pin.config, 'its config.json');
    if (typeof facts === 'string') return `the model ${name} cannot be used: ${facts}`;
    const files = pin.files.map(({ name: file, bytes, sha256 }) => ({ role: roleOf(file), file: { path: `${fixed}/${file}`, bytes, sha256 } }));
    const of = (role: string): SourceFile[] => files.filter((one) => one.role === role).map((one) => one.file);
    const [config, tokenizer, tokenizerConfig] = [of('config')[0], of('tokenizer')[0], of('tokenizerConfig')[0]];
    if (config === undefined || tokenizer === undefined || of('weights').length === 0) return `${text} lacks files in data/models.lock.yaml; take its entry out there, and run "npx bitwidth fetch"`;
    return {
      source: fixed, title: name, origin: `Hugging Face hub, ${repository}${revision === commit ? '' : ` (${revision})`}, commit ${commit}${gated ? '; given to those who accept its conditions' : ''}`, licence,
      files: { config, weights: of('weights'), tokenizer, ...(tokenizerConfig === undefined ? {} : { tokenizerConfig }) }, hub: { repository, commit }, ...facts,
    };
  },
};
