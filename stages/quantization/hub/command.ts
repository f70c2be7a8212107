/** `fetch`: looks up what study.yaml names of hubs, pins it, and downloads it: all that needs a network, before the train leaves. */
import { machineryCommand } from '../../dag/index.ts';
import type { Asked, Command } from '../../dag/index.ts';
import type { HubLeave } from './pins.ts';

/** Commands that may ask a hub; the others work with what is pinned. */
const ASKING: ReadonlySet<string> = new Set(['run', 'fetch', 'prepare']);

/** The stages that take models in. */
const STAGES: ReadonlySet<string> = new Set(['fetch', 'fetch-gguf']);

/** Whether the hub may be asked for what a command is about to do. */
export function hubLeave(asked: Asked | undefined): HubLeave | undefined {
  return asked === undefined || !ASKING.has(asked.command) ? undefined : { update: asked.command === 'fetch' && asked.values['update'] === true, say: asked.say };
}

export async function fetchCommand(): Promise<Command> {
  const machinery = await machineryCommand('run');
  const { jobs, memory, json } = machinery.options;
  return {
    usage: 'bitwidth fetch [model ...]',
    details: 'Looks up what study.yaml names of the Hugging Face hub (hf:org/name@revision), keeps in data/models.lock.yaml which commit and which bytes that is,\n'
      + 'and takes the models in: from the store, from the cache of Hugging Face\'s tools, or from the hub. Without names all models. Afterwards no\n'
      + 'command needs a network. HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE mean what they mean to those tools.',
    options: {
      update: { type: 'boolean', summary: 'Look branches and tags up again that are pinned already' },
      ...(jobs === undefined ? {} : { jobs }), ...(memory === undefined ? {} : { memory }), ...(json === undefined ? {} : { json }),
    },
    positionals: { min: 0, max: Infinity },
    run: (context) => {
      const cells = context.pipeline.cells.filter(({ stage }) => STAGES.has(stage.name)).map(({ id }) => id);
      const ofModel = (name: string): string => cells.find((id) => id.slice(id.indexOf(':') + 1) === name) ?? `fetch:${name}`;
      return machinery.run({ ...context, positionals: context.positionals.length === 0 ? cells : context.positionals.map((name) => STAGES.has(name.slice(0, name.indexOf(':'))) ? name : ofModel(name)) });
    },
  };
}
