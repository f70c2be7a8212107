/** `bundled:<name>`: a model of data/sources.yaml, its files held to what stands there. */
import { configText, factsOf, modelFiles } from '../config-model.ts';
import type { SourceKind } from '../model-sources.ts';

export const bundled: SourceKind = {
  prefix: 'bundled:',
  form: 'bundled:<name>',
  nameOf: (rest) => rest,
  read(rest, name, { root, sources }) {
    const known = [...sources.models.keys()];
    const source = sources.models.get(rest);
    if (source === undefined) return `unknown model ${JSON.stringify(rest.slice(0, 60))}; bundled models are ${known.join(', ')}`;
    const files = modelFiles(source.files);
    if (typeof files === 'string') return `the bundled model ${rest} ${files}`;
    const text = configText(root, files.config);
    const facts = 'problem' in text ? text.problem : factsOf(text.text, files.config.path);
    if (typeof facts === 'string') return `the model ${name} cannot be used: ${facts}`;
    const { title, origin, licence, redistribute } = source;
    return { source: `bundled:${rest}`, title, origin, licence, redistribute, files, ...facts };
  },
};
