/** `serve`: the report on this machine, with what a run is doing at this moment. */
import { EXIT, onSignals, wholeNumber } from '../../stages/dag/index.ts';
import type { Command } from '../../stages/dag/index.ts';

const serve: Command = {
  usage: 'bitwidth serve [--port <n>]',
  details: 'Shows the report in a browser on this machine, and above it what a run computes now, what failed and the figures that are finished, as they\n'
    + 'land. The report is the last that was published; it is shown anew when a run publishes it, or on request while a panel of it is open. Runs may end\n'
    + 'and begin meanwhile. Nothing can be changed through it, and only who has the address with its token sees it. Ctrl-C ends it.',
  options: { port: { type: 'string', value: 'n', summary: 'The port on 127.0.0.1 (default: any free one)' } },
  positionals: { min: 0, max: 0 },
  async run({ pipeline, values, print }) {
    const port = wholeNumber('port', values['port'], 1, 65_535) ?? 0;
    const { serveStudy } = await import('../serve-server.ts');
    const served = await serveStudy(pipeline, port);
    const asked = new Promise<void>((resolve) => { const off = onSignals(() => { off(); resolve(); }); });
    print(`Served at ${served.url} (Ctrl-C ends it)`);
    await asked;
    await served.close();
    return EXIT.done;
  },
};
export default serve;
