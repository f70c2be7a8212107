/** The register of pages. A page is one file in pages/, named as it is, and one line here; the navigation is in layout.ts. */
import type { Page } from './page.ts';
import { claims } from './pages/claims.ts';
import { compare } from './pages/compare.ts';
import { compares } from './pages/compares.ts';
import { cost } from './pages/cost.ts';
import { dag } from './pages/dag.ts';
import { data } from './pages/data.ts';
import { errata } from './pages/errata.ts';
import { erratum } from './pages/erratum.ts';
import { failures } from './pages/failures.ts';
import { format } from './pages/format.ts';
import { formats } from './pages/formats.ts';
import { glossary } from './pages/glossary.ts';
import { kernels } from './pages/kernels.ts';
import { method } from './pages/method.ts';
import { model } from './pages/model.ts';
import { models } from './pages/models.ts';
import { overview } from './pages/overview.ts';
import { peer } from './pages/peer.ts';
import { quality } from './pages/quality.ts';
import { samples } from './pages/samples.ts';
import { sensitivity } from './pages/sensitivity.ts';
import { speed } from './pages/speed.ts';
import { table } from './pages/table.ts';
import { tryIt } from './pages/try.ts';

/** The package's own. */
export const pages: readonly Page[] = [
  overview, quality, sensitivity, speed, kernels, samples, tryIt, claims, formats, format, models, model, compares, compare, peer, method, dag, cost, data, table, failures, errata, erratum, glossary,
];
