import { Passing } from '../passing.ts';

/** There is no room on the GPU for what was asked for: less at once may fit, and later there may be room. What ran into it is spent. */
export class GpuFull extends Passing {
  override name = 'GpuFull';
}
