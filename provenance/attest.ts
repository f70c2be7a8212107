/**
 * What is signed of a report: an in-toto statement with the SLSA provenance of its run, in a DSSE envelope. Sources: in-toto
 * attestation framework v1, SLSA provenance v1 (slsa.dev/spec/v1.0/provenance), DSSE 1.0.2.
 */
import { preAuthentication } from '../reports/statement.ts';
import { hashOf } from './pack-format.ts';
import type { Results, Signer } from '../stages/dag/index.ts';
import type { Envelope } from '../reports/statement.ts';

export const BUILD_TYPE = 'https://arxiv.org/abs/2309.05210#bitwidth-pipeline-v1';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

export interface Attested {
  readonly pipeline: string;
  /** File of the site -> sha256. The list of files stands for all of them. */
  readonly subjects: readonly { readonly name: string; readonly sha256: string }[];
  /** Files of the project that a run depends on and no record names: the lockfile. */
  readonly project: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  readonly version: string;
}

/** The statement. Of results: what was read, by its hash; the code, by the hashes of its closures; when. */
export function statementOf(results: Results, { pipeline, subjects, project, version }: Attested): object {
  const cells = [...results.cells.values()];
  const done = cells.flatMap(({ record }) => record === undefined ? [] : [record]);
  const files = new Map<string, string>();
  for (const { inputs } of cells) for (const { file, sha256 } of Object.values(inputs).flat()) if (file !== undefined && sha256 !== undefined) files.set(file, sha256);
  const code = new Map(cells.flatMap(({ code: own }) => Object.entries(own).filter(([name]) => !name.endsWith('/'))));
  const resolved = [
    ...[...files].sort(byName).map(([name, sha256]) => ({ name, uri: `study:${name}`, digest: { sha256 } })),
    ...project.map(({ path, bytes }) => ({ name: path, uri: `study:${path}`, digest: { sha256: hashOf(bytes) } })),
    // Not the bytes of a file but what of it could change a result: its normalised code.
    ...[...code].sort(byName).filter(([, hash]) => /^[0-9a-f]{64}$/.test(hash)).map(([name, hash]) => ({ name, uri: `study:${name}`, digest: { normalisedCodeSha256: hash } })),
    ...[...code].sort(byName).filter(([name]) => name.startsWith('package:')).map(([name, of]) => ({ name, uri: `pkg:npm/${name.slice('package:'.length)}@${of}` })),
  ];
  const ends = done.map(({ finishedAt }) => finishedAt).sort();
  const starts = done.map(({ finishedAt, durationMs }) => new Date(Math.floor(Date.parse(finishedAt) - durationMs)).toISOString()).sort();
  const engines = [...new Set(done.flatMap(({ computedBy }) => computedBy === undefined ? [] : [JSON.stringify(computedBy)]))].sort().map((text) => JSON.parse(text) as object);
  const machines = [...new Set(done.map(({ machine }) => machine))].sort();
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: { pipeline, cells: cells.length },
        internalParameters: { engines, machines },
        resolvedDependencies: resolved,
      },
      runDetails: {
        builder: { id: `${BUILD_TYPE}/local`, version: { bitwidth: version } },
        metadata: { invocationId: results.run?.run ?? done.map(({ run }) => run).sort().at(-1) ?? 'none', ...(starts.length === 0 ? {} : { startedOn: zulu(starts[0]!), finishedOn: zulu(ends.at(-1)!) }) },
      },
    },
  };
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : a > b ? 1 : 0);

/** As SLSA has times: RFC 3339 in UTC, to the second. */
const zulu = (time: string): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

export function signedEnvelope(statement: object, signer: Signer): Envelope {
  const payload = Buffer.from(JSON.stringify(statement));
  return { payloadType: PAYLOAD_TYPE, payload: payload.toString('base64'), signatures: [{ keyid: signer.id, sig: signer.sign(preAuthentication(PAYLOAD_TYPE, payload)).toString('base64') }] };
}
